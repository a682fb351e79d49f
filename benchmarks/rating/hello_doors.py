"""The least that a request can cost behind all of the site's middleware: to a stranger, and to a person signed in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config import health


def hello(request: HttpRequest) -> HttpResponse:
    """Says hello to anybody; asks the database nothing."""
    return HttpResponse("hello")


@login_required
def hello_you(request: HttpRequest) -> HttpResponse:
    """Says hello by name: reads the session and the person."""
    return HttpResponse(f"hello {request.user}")


urlpatterns = [path("healthz", health.health), path("p/hello/", hello), path("p/hello/you/", hello_you)]

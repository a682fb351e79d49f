"""The site, and a page that only the tests have: every stored response as a rater would see it, one under another."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from annotation import queries
from annotation.models import Response
from config.urls import urlpatterns as site

# htmx is there and is not told to look away, so that an attribute of its own would be obeyed
PAGE = """{% load static %}<!doctype html><html lang="en"><head><title>Texts</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="{% static 'css/tare.css' %}">
<script defer src="{% static 'vendor/htmx/htmx.min.js' %}"></script></head><body><main><h1>Texts</h1>
<h2>One under another</h2>{% for html in texts %}<div class="prose" dir="auto">{{ html }}</div>{% endfor %}
</main></body></html>"""


def texts(request: HttpRequest) -> HttpResponse:
    """All responses there are."""
    stored = list(Response.objects.order_by("pk").values_list("text", flat=True))
    found = queries.html_of(stored)
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"texts": [found[text] for text in stored]}, request))


urlpatterns = [path("texts/", texts), *site]

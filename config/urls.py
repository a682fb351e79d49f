"""Where every door is. A room names its own pages in ``urls.py`` and its part of the API in ``api_urls.py``."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from config import health

# under /api/ these answer problem details, elsewhere a page
handler400 = "raters.problems.bad_request"
handler403 = "raters.problems.forbidden"
handler404 = "raters.problems.not_found"
handler500 = "raters.problems.server_error"

ROOMS = ("raters", "guidelines", "annotation", "snapshots", "training", "evaluation")

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.health, name="health"),
    path("accounts/", include("allauth.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    *(path("api/v1/", include(f"{room}.api_urls")) for room in ROOMS if find_spec(f"{room}.api_urls")),
    *(path("", include(f"{room}.urls")) for room in ROOMS if find_spec(f"{room}.urls")),
]

"""Where every door is. A room names its own pages in ``urls.py`` and its part of the API in ``api_urls.py``."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from config import health

# under /api/ these answer problem details, elsewhere a page
handler400 = "raters.problems.bad_request"
handler403 = "raters.problems.forbidden"
handler404 = "raters.problems.not_found"
handler500 = "raters.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.health, name="health"),
    path("accounts/", include("allauth.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    *(path("api/v1/", include(f"{room}.api_urls")) for room in ("annotation", "snapshots", "training")),
    *(
        path("", include(f"{room}.urls"))
        for room in ("raters", "guidelines", "annotation", "snapshots", "training", "evaluation")
    ),
]

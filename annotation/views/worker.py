"""The door of the service worker: it must be served from the root to look after every page of the bench."""

from __future__ import annotations

from django.contrib.staticfiles.finders import find
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe


@require_safe
def service_worker(request: HttpRequest) -> FileResponse:
    """static/js/sw.js, checked again at each visit. It holds nothing of anybody's."""
    path = find("js/sw.js")
    if not isinstance(path, str):
        raise Http404("No such page.")
    # the file is closed by the response
    answer = FileResponse(open(path, "rb"), content_type="text/javascript; charset=utf-8")  # noqa: PTH123, SIM115
    answer.headers["Cache-Control"] = "no-cache"
    return answer

"""Is the site able to take a judgment? That needs PostgreSQL and nothing else."""

import os
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return JsonResponse({"database": "down"}, status=503)
    return JsonResponse({"database": "up"})


def ask(port: int = 8000) -> int:
    """``python -m config.health``: 0 when the site of this machine is well. Asked by name, as every visitor does."""
    host = urlsplit(os.environ.get("TARE_ORIGIN", "")).hostname or "127.0.0.1"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  our own server, always http
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(ask())

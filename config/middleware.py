"""The headers every answer carries, which are compressed, and how long a session lasts."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

Door = Callable[[HttpRequest], HttpResponse]

_NOTHING_ALLOWED = ", ".join(
    f"{power}=()"
    for power in ("accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "microphone")
    + ("midi", "payment", "publickey-credentials-create", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking")
)

_COMPRESSED = {"text/html", "application/json"}


def security_headers(get_response: Door) -> Door:
    """Content-Security-Policy, Permissions-Policy, resource isolation, and no copy of a page in any cache.

    Constant: no nonce, nothing that depends on who asks.
    Django 6 has SECURE_CSP built in; this reads a setting of the same name and shape, and goes when Django 6 comes.
    """
    policy = "; ".join(" ".join((directive, *sources)) for directive, sources in settings.SECURE_CSP.items())

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["Permissions-Policy"] = _NOTHING_ALLOWED
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # WhiteNoise and the downloads say how long theirs may be kept; everything else is somebody's page
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def compressed(get_response: Door) -> Door:
    """gzip for the pages of a project, and for nothing else (docs/decisions/0009-browser-code.md says why).

    Compression next to a secret tells its length (BREACH). On a project's pages the one secret is the CSRF token, which
    is masked anew in each answer; recovery codes, authenticator keys and invitations are elsewhere, and stay as they
    are. Downloads stay too: they are asked for in ranges, and their ETag is a digest.
    """
    zipped = GZipMiddleware(get_response)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in _COMPRESSED or not request.path.startswith("/p/"):
            return response
        zipped.process_response(request, response)  # in place
        return response

    return answer


def session_clock(get_response: Door) -> Door:
    """Eight hours without a click end a session, and so do twenty-four hours however busy.

    The first needs the session written while it is used; once in five minutes is enough and spares a write per click.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if SESSION_KEY in request.session:
            now = int(time.time())
            began = request.session.get("began_at", now)
            if now - began > settings.SESSION_LONGEST_SECONDS:
                logout(request)
            elif now - request.session.get("touched_at", 0) > settings.SESSION_TOUCH_SECONDS:
                request.session.update({"began_at": began, "touched_at": now})
        return get_response(request)

    return answer

"""How the API says no: RFC 9457 problem details, for DRF's views and for what Django answers by itself under /api/.

A client branches on `type`; the sentences are for people. `request_id` is in the log line of the same failure.
"""

from __future__ import annotations

import logging
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.template import loader
from django.views import defaults
from rest_framework import exceptions, serializers
from rest_framework.response import Response

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
URN = "urn:tare:problem:"
TITLES = {
    400: ("bad-request", "The request cannot be understood"),
    401: ("unauthenticated", "A valid token is needed"),
    403: ("forbidden", "This is not allowed"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "This method is not offered here"),
    406: ("not-acceptable", "The answer cannot be given in that format"),
    409: ("conflict", "This contradicts what is there"),
    411: ("length-required", "The length has to be said beforehand"),
    412: ("precondition-failed", "It was changed after you read it"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The body is of a kind that is not read here"),
    416: ("range-not-satisfiable", "The file has no such range"),
    422: ("unprocessable", "The content has errors"),
    428: ("precondition-required", "Say first what you have seen"),
    429: ("too-many-requests", "Too many requests"),
    500: ("server-error", "Something went wrong here"),
    503: ("unavailable", "This is not available for a moment"),
}
AWAY = "The database is busy or restarting. Try again."
RETRY_AFTER = {"Retry-After": "2"}  # seconds
_OUR_KIND_OF_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Problem(exceptions.APIException):
    """A refusal with a type of its own, raised by a door of the API. Further members are part of the answer."""

    def __init__(
        self, status: int, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status_code, self.slug, self.headers, self.members = status, slug, dict(headers or {}), members


class FieldErrorSchema(serializers.Serializer[Any]):
    """One thing that is wrong with the request: where, and why."""

    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body.")
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False, help_text="In an import: the line, from 1.")
    reason = serializers.CharField(required=False, help_text="In an import: what is wrong with the line.")


class ProblemSchema(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField(help_text="Stable: branch on this.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    request_id = serializers.CharField()
    errors = FieldErrorSchema(many=True)  # type: ignore[assignment]  # a field here, not the serializer's own errors
    count = serializers.IntegerField(required=False, help_text="In an import: how many lines are wrong.")


def request_id_of(request: HttpRequest) -> str:
    """The id that the answer, the log and the client share: the client's own when it is a sane one."""
    known: str | None = getattr(request, "tare_request_id", None)
    if known is None:
        given = request.headers.get("X-Request-ID", "")
        known = given if _OUR_KIND_OF_ID.fullmatch(given) else uuid.uuid4().hex
        request.tare_request_id = known  # type: ignore[attr-defined]  # one id for the whole of the request
    return known


def problem_data(request: HttpRequest, status: int, *, detail: str, slug: str = "", **members: Any) -> dict[str, Any]:
    """The problem document."""
    usual, title = TITLES.get(status, TITLES[400 if status < 500 else 500])
    return {
        "type": URN + (slug or usual),
        "title": title,
        "status": status,
        "detail": detail,
        "instance": quote(request.path),
        "request_id": request_id_of(request),
        "errors": [],
        **members,
    }


def handler(problem: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None, for what nobody expected, makes it a logged 500."""
    request: HttpRequest = context["request"]._request
    answer = _from_database(problem) or _from_input(problem) or _from_rest_framework(problem)
    if answer is None:
        return None
    status, detail, members, headers = answer
    if status >= 500:
        log.warning("request %s: %s", request_id_of(request), type(problem).__name__, exc_info=problem)
    data = problem_data(request, status, detail=detail, **members)
    headers = {**headers, "X-Request-ID": data["request_id"]}
    return Response(data, status=status, headers=headers, content_type=MEDIA_TYPE)


_Answer = tuple[int, str, dict[str, Any], dict[str, str]]


def _from_database(problem: Exception) -> _Answer | None:
    if isinstance(problem, ProtectedError | RestrictedError):
        return 409, "Other things still depend on this.", {}, {}
    if isinstance(problem, IntegrityError):
        return 409, "This contradicts something that is there already.", {}, {}
    if isinstance(problem, DataError):
        return 400, "A value here does not fit the field it is for.", {}, {}
    if database_is_away(problem):
        return 503, AWAY, {}, RETRY_AFTER
    return None


def database_is_away(problem: BaseException | None) -> bool:
    """Did this happen because the database is away, restarting, or too busy to answer in time?

    Looks at what led to it, too: a session that cannot be saved is reported as one that somebody has deleted.
    """
    while problem is not None:
        if isinstance(problem, OperationalError | InterfaceError):
            return True
        # what the driver says when a connection ends in the middle of an answer; Django raises this class by itself,
        # with no cause, for other reasons
        if type(problem) is DatabaseError and problem.__cause__ is not None:
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _from_input(problem: Exception) -> _Answer | None:
    if isinstance(problem, RecursionError):
        return 400, "The body is nested too deeply.", {}, {}
    if isinstance(problem, RequestDataTooBig):
        return 413, "The body is too large.", {}, {}
    if isinstance(problem, UnreadablePostError):
        return 400, "The body ended before its announced length.", {"slug": "incomplete-body"}, {}
    if isinstance(problem, SuspiciousOperation):
        return 400, "The request cannot be understood.", {}, {}
    return None


def _from_rest_framework(problem: Exception) -> _Answer | None:
    if isinstance(problem, Http404):
        problem = exceptions.NotFound("There is nothing here that this token may see.")
    elif isinstance(problem, DjangoPermissionDenied):
        problem = exceptions.PermissionDenied()
    if isinstance(problem, Problem):
        return problem.status_code, str(problem.detail), {"slug": problem.slug, **problem.members}, problem.headers
    if isinstance(problem, exceptions.ValidationError):
        errors = list(_flat(problem.detail))
        return 400, f"{len(errors)} field(s) are not right.", {"slug": "invalid", "errors": errors}, {}
    if isinstance(problem, exceptions.APIException):
        return problem.status_code, str(problem.detail), {}, _headers_of(problem)
    return None


def _headers_of(problem: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(problem, "auth_header", None):
        headers["WWW-Authenticate"] = str(auth_header)
    if wait := getattr(problem, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _flat(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested messages as `{pointer, code, detail}`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _flat(inner, pointer + step)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            yield from _flat(inner, pointer if isinstance(inner, str) else f"{pointer}/{place}")
    else:
        yield {"pointer": pointer, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def _plain(request: HttpRequest, status: int, detail: str) -> JsonResponse:
    data = problem_data(request, status, detail=detail)
    return JsonResponse(data, status=status, content_type=MEDIA_TYPE, headers={"X-Request-ID": data["request_id"]})


def _away(request: HttpRequest) -> HttpResponse:
    """503, from a page that needs no database itself."""
    if _is_api(request):
        answer: HttpResponse = _plain(request, 503, AWAY)
    else:
        answer = HttpResponse(loader.render_to_string("503.html"), status=503)
    for name, value in RETRY_AFTER.items():
        answer.headers[name] = value
    return answer


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if database_is_away(exception):
        return _away(request)
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    too_big = isinstance(exception, RequestDataTooBig)
    return _plain(request, 413 if too_big else 400, "The request cannot be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return _plain(request, 403, "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return _plain(request, 404, "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for views and middleware alike.

    What failed is in the log, under the request's id; the client learns only the id. It is 503 when the database is
    away: then trying again helps.
    """
    if database_is_away(sys.exc_info()[1]):
        return _away(request)
    if not _is_api(request):
        return defaults.server_error(request)
    log.error("request %s failed", request_id_of(request), exc_info=True)
    return _plain(request, 500, "Something went wrong here. Quote the request_id when you report it.")


def problems(*statuses: int) -> dict[tuple[int, str], type[ProblemSchema]]:
    """For `extend_schema(responses=…)`: the refusals of a door, beside what it answers when all is well."""
    return {(status, MEDIA_TYPE): ProblemSchema for status in (400, 401, 403, *statuses)}

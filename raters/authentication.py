"""How a program proves who it is: a bearer token, and the scopes that it carries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission

from raters import queries
from raters.models import ApiToken, Membership, Role

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request
    from rest_framework.views import APIView

    from raters.models import Project, User

TOUCH_EVERY = timedelta(minutes=1)
# Who may work with data and models: a token dies with the last of these roles of the person who made it.
TOKEN_ROLES = (Role.ENGINEER, Role.LEAD, Role.OWNER)
# One sentence for every reason, so that an answer does not tell a guess from a token that once was good.
REFUSED = "This token is not valid: it is unknown, expired, revoked, or its owner has left the project."


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer tare_…`. The request's `auth` is the token; it sees its own project and no other."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Who asks, or None when the request carries no bearer token. Raises AuthenticationFailed."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        token = _token_in(words[1:])
        now = timezone.now()
        if token is None or not _is_good(token, now=now):
            raise AuthenticationFailed(REFUSED)
        _touch(token, now=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="tare"'


def _token_in(words: list[bytes]) -> ApiToken | None:
    if len(words) != 1 or len(words[0]) > 200 or not words[0].isascii():
        return None
    return queries.token_by(words[0].decode("ascii"))


def _is_good(token: ApiToken, *, now: datetime) -> bool:
    if token.revoked_at is not None or token.expires_at <= now or not token.user.is_active:
        return False
    return Membership.objects.filter(project=token.project_id, user=token.user_id, role__in=TOKEN_ROLES).exists()


def _touch(token: ApiToken, *, now: datetime) -> None:
    """Remember the use, at most once a minute: a busy program must not write a row for each request."""
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - TOUCH_EVERY)
    if token.last_used_at is None or token.last_used_at <= now - TOUCH_EVERY:
        ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=now)


def scope(**by_method: str) -> type[BasePermission]:
    """The permission that asks the token for a scope: `scope(get="runs:read", post="runs:write")`."""
    needed = {method.upper(): name for method, name in by_method.items()}

    class HasScope(BasePermission):
        """Refuses a request without a token (401) and a token without the scope (403)."""

        def has_permission(self, request: Request, view: APIView) -> bool:
            if not isinstance(request.auth, ApiToken):
                return False
            asked = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
            # a method the door does not have is answered with 405, by the door
            if asked in needed and needed[asked] not in request.auth.scopes:
                raise PermissionDenied(f"This token lacks the scope {needed[asked]}.")
            return True

    return HasScope


def token_of(request: Request) -> ApiToken:
    """The token behind a request that `scope` let in."""
    return cast("ApiToken", request.auth)


def project_of(request: Request) -> Project:
    """The one project that the request may see."""
    return token_of(request).project


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the package has no types
    """How the OpenAPI document describes the token."""

    target_class = "raters.authentication.BearerToken"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """A plain HTTP bearer scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token of one project, such as tare_…"}

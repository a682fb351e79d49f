"""How every page finds its project: what is not yours does not exist."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, cast

from django.db import OperationalError
from django.http import Http404, HttpRequest

from raters import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from raters.models import Project, User

P = ParamSpec("P")
# serialization_failure, deadlock_detected: PostgreSQL undid one transaction so that another could go on
UNDONE = frozenset({"40001", "40P01"})


def person(request: HttpRequest) -> User:
    """Who asks. Only for views behind login_required."""
    return cast("User", request.user)


def project_or_404(request: HttpRequest, slug: str, *roles: str) -> Project:
    """The project, if the person holds one of the roles in it (any role when none is named). Raises Http404."""
    project = queries.project_of(request.user, slug, roles)
    if project is None:
        raise Http404("No such page.")
    return project


def again_if_undone(door: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Walk once more through a door whose transaction the database undid in favour of another's.

    Only for doors that change nothing before that transaction and may be walked through twice. The second time the
    failure is the caller's: 503, and a client that tries again.
    """

    @wraps(door)
    def answer(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return door(*args, **kwargs)
        except OperationalError as failure:
            if getattr(failure.__cause__, "pgcode", None) not in UNDONE:
                raise
        return door(*args, **kwargs)

    return answer

"""How every page finds its project: what is not yours does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import Http404, HttpRequest

from raters import queries

if TYPE_CHECKING:
    from raters.models import Project, User


def person(request: HttpRequest) -> User:
    """Who asks. Only for views behind login_required."""
    return cast("User", request.user)


def project_or_404(request: HttpRequest, slug: str, *roles: str) -> Project:
    """The project, if the person holds one of the roles in it (any role when none is named). Raises Http404."""
    project = queries.projects_of(request.user, roles).filter(slug=slug).first()
    if project is None:
        raise Http404("No such page.")
    return project

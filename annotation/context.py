"""What the head of every rater's page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from annotation import queries
from raters.queries import projects_of

if TYPE_CHECKING:
    from django.http import HttpRequest


def rater_nav(request: HttpRequest) -> dict[str, Any]:
    """`new_feedback`: how many verdicts came in thirty days, as a number in a string; asked only where it is shown."""

    def count() -> str:
        slug = request.resolver_match.kwargs.get("slug") if request.resolver_match else None
        if not slug or not request.user.is_authenticated:
            return ""
        project = projects_of(request.user).filter(slug=slug).first()
        found = queries.new_feedback(project, request.user, now=timezone.now()) if project else 0
        return str(found) if found else ""

    return {"new_feedback": SimpleLazyObject(count)}

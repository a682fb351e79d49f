"""What the head of every rater's page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from annotation import queries
from raters.models import Project

if TYPE_CHECKING:
    from django.http import HttpRequest


def rater_nav(request: HttpRequest) -> dict[str, Any]:
    """`new_feedback`: how many verdicts came in thirty days, as a number in a string; asked only where it is shown."""

    def count() -> str:
        slug = request.resolver_match.kwargs.get("slug") if request.resolver_match else None
        project = Project.objects.filter(slug=slug).first() if slug and request.user.is_authenticated else None
        found = queries.new_feedback(project, request.user, now=timezone.now()) if project else 0
        return str(found) if found else ""

    return {"new_feedback": SimpleLazyObject(count)}

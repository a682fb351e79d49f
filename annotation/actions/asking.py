"""Choosing what a project asks of its raters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from annotation import queries
from annotation.models import Asking
from raters.actions import note
from raters.models import Project

if TYPE_CHECKING:
    from datetime import datetime

    from annotation.kinds import Asks
    from annotation.queries import Questions
    from raters.models import User


class ChangedMeanwhile(Exception):
    """Somebody else saved other questions after these were read, and nothing was written. `there` are theirs."""

    def __init__(self, there: Questions) -> None:
        super().__init__("The questions were changed meanwhile. Nothing was saved.")
        self.there = there


@transaction.atomic
def change_asking(project: Project, *, asks: Asks, seen: str, by: User, now: datetime) -> Questions:
    """Ask this from the next batch on. Open batches keep what they were opened with.

    `seen` is the version of the questions that `asks` were made from. What is there already is not written again,
    so that the same change sent twice is made once. Raises ChangedMeanwhile.
    """
    # the project's row and not the questions', which may not be there yet; raters' rows may still point at it
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    there = queries.questions_of(project)
    if there.asks == asks:
        return there
    if there.version != seen:
        raise ChangedMeanwhile(there)
    written = {"asks": asks.write(), "changed_by": by, "changed_at": now}
    Asking.objects.update_or_create(project=project, defaults=written)
    details = {"before": there.asks.write(), "after": asks.write()}
    note(project, actor=by, action="questions.changed", subject=project, details=details)
    return queries.Questions(asks, by.name, now)

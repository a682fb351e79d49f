"""Lending: which comparison a rater gets next, and handing it back unjudged."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F

from annotation.models import Assignment, Seat, Slot
from guidelines import queries as guidelines
from raters.queries import standing_of

if TYPE_CHECKING:
    from datetime import datetime

    from guidelines.models import GuidelineVersion
    from raters.models import Project, Standing, User

# The lowest free slot this rater may fill: never a comparison they had before, only their half of the raters.
NEXT_SLOT = """
SELECT slot.id, slot.comparison_id, slot.swapped, batch.guideline_id
FROM annotation_slot slot
JOIN annotation_comparison comparison ON comparison.id = slot.comparison_id
JOIN annotation_batch batch ON batch.id = comparison.batch_id
WHERE comparison.project_id = %(project)s AND comparison.is_open
  AND slot.filled_at IS NULL AND (slot.leased_until IS NULL OR slot.leased_until < %(now)s)
  AND (slot.panel IS NULL OR slot.panel = %(panel)s)
  AND NOT EXISTS (SELECT 1 FROM annotation_assignment earlier
                  WHERE earlier.comparison_id = comparison.id AND earlier.rater_id = %(rater)s)
ORDER BY comparison.id, slot.number LIMIT 1 FOR UPDATE OF slot SKIP LOCKED
"""


class MustReadFirst(Exception):
    """A guideline version has to be acknowledged before the next comparison. `version` is it."""

    def __init__(self, version: GuidelineVersion) -> None:
        super().__init__(f"Read {version} first.")
        self.version = version


class Paused(Exception):
    """A lead paused this rater; the reason is the message."""


class NothingLeft(Exception):
    """No comparison is open for this rater now."""


class AlreadyEnded(Exception):
    """The assignment was judged or skipped before."""


def take_seat(project_id: int, rater_id: int) -> Seat:
    """Lock the rater's place: two tabs, or a double click, wait for each other here."""
    seat, _ = Seat.objects.select_for_update().get_or_create(project_id=project_id, rater_id=rater_id)
    return seat


@transaction.atomic
def lend_next(project: Project, *, rater: User, now: datetime) -> Assignment:
    """The comparison this rater should judge now: the one they hold, else the next one that is free.

    Raises Paused, MustReadFirst, NothingLeft.
    """
    take_seat(project.pk, rater.pk)
    standing = standing_of(rater, project)
    if standing.paused_at:
        raise Paused(standing.pause_reason or "A lead paused your work here.")
    held = _held(project, rater, now=now)
    if held:
        return held
    return _lend(project, rater, standing, now=now)


def _held(project: Project, rater: User, *, now: datetime) -> Assignment | None:
    """The open assignment, its lease renewed unless someone else has taken the slot meanwhile."""
    held = (
        Assignment.objects.select_for_update(of=("self", "slot"))
        .select_related("slot", "comparison")
        .filter(rater=rater, comparison__project=project, state=Assignment.State.OPEN)
        .order_by("pk")
    )
    for assignment in held:
        slot = assignment.slot
        if slot.filled_at is None and slot.rater_id == rater.pk and assignment.comparison.is_open:
            return _renew(assignment, until=now + timedelta(seconds=project.lease_seconds))
    return None


def _renew(assignment: Assignment, *, until: datetime) -> Assignment:
    assignment.expires_at = until
    assignment.save(update_fields=["expires_at"])
    Slot.objects.filter(pk=assignment.slot_id).update(leased_until=until)
    return assignment


def _lend(project: Project, rater: User, standing: Standing, *, now: datetime) -> Assignment:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_SLOT, {"project": project.pk, "now": now, "panel": standing.panel, "rater": rater.pk})
        row = cursor.fetchone()
    if row is None:
        raise NothingLeft("There is nothing to judge right now.")
    slot_id, comparison_id, swapped, guideline_id = row
    version, has_read = guidelines.live_version_for(rater, guideline_id)
    if version is None:
        raise NothingLeft("The guideline of the next batch is not published yet.")
    if not has_read:
        raise MustReadFirst(version)
    until = now + timedelta(seconds=project.lease_seconds)
    Slot.objects.filter(pk=slot_id).update(rater=rater, leased_until=until)
    return Assignment.objects.create(
        comparison_id=comparison_id,
        slot_id=slot_id,
        rater=rater,
        guideline_version=version,
        swapped=swapped,
        leased_at=now,
        expires_at=until,
    )


@transaction.atomic
def skip(assignment: Assignment, *, reason: str, now: datetime) -> Assignment:
    """Hand a comparison back unjudged. It is never shown to this rater again. Raises AlreadyEnded."""
    seat = take_seat(assignment.comparison.project_id, assignment.rater_id)
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if assignment.state != Assignment.State.OPEN:
        raise AlreadyEnded("This comparison was answered before.")
    assignment.state, assignment.ended_at, assignment.skip_reason = Assignment.State.SKIPPED, now, reason
    assignment.save(update_fields=["state", "ended_at", "skip_reason"])
    Slot.objects.filter(pk=assignment.slot_id, rater=assignment.rater_id, filled_at=None).update(
        rater=None, leased_until=None
    )
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") + 1)
    return assignment

"""Lending: which comparisons a rater gets next, keeping them, and handing one back unjudged.

A rater holds a short queue of leases: the comparison on the screen and those fetched ahead. Asking again gives the
same ones in the same order, so that two tabs, a double click and a reload all show the same comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F

from annotation.models import Assignment, Seat, Slot
from guidelines import queries as guidelines

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from guidelines.models import GuidelineVersion
    from raters.models import Project, User

MOST_AHEAD = 10

# The seat is the lock: two tabs, or a double click, wait for each other here.
SIT_DOWN = """
SELECT seat.id, seat.judged, seat.skipped, standing.panel, standing.paused_at IS NOT NULL, standing.pause_reason,
       standing.sensitive_since IS NOT NULL
FROM annotation_seat seat
JOIN raters_standing standing ON standing.project_id = seat.project_id AND standing.user_id = seat.rater_id
WHERE seat.project_id = %(project)s AND seat.rater_id = %(rater)s
FOR UPDATE OF seat
"""

# What the rater holds already and nobody else has taken meanwhile, each lease renewed.
HELD = """
WITH held AS (
    SELECT assignment.id, assignment.slot_id
    FROM annotation_assignment assignment
    JOIN annotation_slot slot ON slot.id = assignment.slot_id
    JOIN annotation_comparison comparison ON comparison.id = assignment.comparison_id
    JOIN annotation_batch batch ON batch.id = comparison.batch_id
    WHERE assignment.rater_id = %(rater)s AND assignment.state = 'open'
      AND comparison.project_id = %(project)s AND comparison.is_open AND batch.kind = 'pairwise'
      AND (%(batch)s::bigint IS NULL OR comparison.batch_id = %(batch)s)
      AND slot.filled_at IS NULL AND slot.rater_id = %(rater)s
), slots AS (
    UPDATE annotation_slot slot SET leased_until = %(until)s FROM held WHERE slot.id = held.slot_id
), renewed AS (
    UPDATE annotation_assignment assignment SET expires_at = %(until)s FROM held WHERE assignment.id = held.id
    RETURNING assignment.id
)
SELECT id FROM renewed ORDER BY id
"""

# The lowest free slot this rater may fill, taken: never a comparison they had before, only their half of the raters,
# distressing content only for those who opted in, and only under a guideline they have read.
NEXT = """
WITH free AS (
    SELECT slot.id, slot.comparison_id, slot.swapped, batch.guideline_id
    FROM annotation_slot slot
    JOIN annotation_comparison comparison ON comparison.id = slot.comparison_id
    JOIN annotation_batch batch ON batch.id = comparison.batch_id
    WHERE comparison.project_id = %(project)s AND comparison.is_open AND batch.kind = 'pairwise'
      AND (%(batch)s::bigint IS NULL OR comparison.batch_id = %(batch)s)
      AND (%(sensitive)s OR NOT batch.is_sensitive)
      AND slot.filled_at IS NULL AND (slot.leased_until IS NULL OR slot.leased_until < %(now)s)
      AND (slot.panel IS NULL OR slot.panel = %(panel)s)
      AND NOT EXISTS (SELECT 1 FROM annotation_assignment earlier
                      WHERE earlier.comparison_id = comparison.id AND earlier.rater_id = %(rater)s)
    ORDER BY comparison.id, slot.number LIMIT 1 FOR UPDATE OF slot SKIP LOCKED
), live AS (
    SELECT free.*, version.id AS version_id
    FROM free
    JOIN guidelines_guidelineversion version
      ON version.guideline_id = free.guideline_id AND version.state = 'published'
    JOIN guidelines_acknowledgement read ON read.version_id = version.id AND read.user_id = %(rater)s
), leased AS (
    UPDATE annotation_slot slot SET rater_id = %(rater)s, leased_until = %(until)s FROM live WHERE slot.id = live.id
), lent AS (
    INSERT INTO annotation_assignment
        (comparison_id, slot_id, rater_id, guideline_version_id, swapped, state, skip_reason, leased_at, expires_at)
    SELECT comparison_id, id, %(rater)s, version_id, swapped, 'open', '', %(now)s, %(until)s FROM live
    RETURNING id
)
SELECT free.guideline_id, (SELECT id FROM lent) FROM free
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


class NeedsOptIn(Exception):
    """The batch may hold distressing text, and the rater has not said that they want such work."""


class AlreadyEnded(Exception):
    """The assignment was judged or skipped before."""


@dataclass(frozen=True, slots=True)
class Place:
    """A locked seat, and how its rater stands."""

    seat_id: int
    judged: int
    skipped: int
    panel: int
    paused: bool
    pause_reason: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """The assignments a rater holds, by id in the order of work; `refusal` says why it is shorter than wished."""

    ids: tuple[int, ...]
    place: Place
    refusal: MustReadFirst | Paused | NothingLeft | None


def take_seat(project_id: int, rater_id: int) -> Seat:
    """Lock the rater's place: two tabs, or a double click, wait for each other here."""
    seat, _ = Seat.objects.select_for_update().get_or_create(project_id=project_id, rater_id=rater_id)
    return seat


def sit_down(project_id: int, rater_id: int) -> Place:
    """The same in one statement, with all that lending has to know of the rater."""
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(SIT_DOWN, {"project": project_id, "rater": rater_id})
            row = cursor.fetchone()
            if row is not None:
                return Place(*row)
            take_seat(project_id, rater_id)
    raise LookupError(f"Person {rater_id} is no rater of project {project_id}.")


@transaction.atomic
def lend_next(project: Project, *, rater: User, now: datetime, batch: int | None = None) -> Assignment:
    """The comparison this rater should judge now: the one they hold, else the next one that is free.

    `batch` keeps to the comparisons of one batch. Raises Paused, MustReadFirst, NothingLeft.
    """
    queue = lend_ahead(project, rater=rater, ahead=1, now=now, batch=batch)
    if queue.ids:
        return Assignment.objects.get(pk=queue.ids[0])
    assert queue.refusal is not None  # an empty queue says why  # noqa: S101
    raise queue.refusal


@transaction.atomic
def lend_ahead(project: Project, *, rater: User, ahead: int, now: datetime, batch: int | None = None) -> Queue:
    """Hold `ahead` comparisons (1 to 10) for this rater, those they hold already first, every lease renewed."""
    return fill_queue(sit_down(project.pk, rater.pk), project, rater=rater, ahead=ahead, now=now, batch=batch)


def fill_queue(
    place: Place, project: Project, *, rater: User, ahead: int, now: datetime, batch: int | None = None
) -> Queue:
    """The same for a seat that is locked already, inside the caller's transaction."""
    if place.paused:
        return Queue((), place, Paused(place.pause_reason or "A lead paused your work here."))
    given = {
        "project": project.pk,
        "rater": rater.pk,
        "batch": batch,
        "panel": place.panel,
        "sensitive": place.sensitive,
        "now": now,
        "until": now + timedelta(seconds=project.lease_seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(HELD, given)
        ids: list[int] = [row[0] for row in cursor.fetchall()]
        while len(ids) < min(ahead, MOST_AHEAD):
            cursor.execute(NEXT, given)
            row = cursor.fetchone()
            if row is None or row[1] is None:
                return Queue(tuple(ids), place, _why_not(rater, row))
            ids.append(row[1])
    return Queue(tuple(ids), place, None)


def _why_not(rater: User, row: tuple[int, None] | None) -> MustReadFirst | NothingLeft:
    if row is None:
        return NothingLeft("There is nothing to judge right now.")
    version, has_read = guidelines.live_version_for(rater, row[0])
    if version is None or has_read:
        return NothingLeft("The guideline of the next batch is not published yet.")
    return MustReadFirst(version)


@transaction.atomic
def keep_leases(project: Project, *, rater: User, assignments: Collection[int], now: datetime) -> frozenset[int]:
    """Renew these leases of the rater. Returns the ids that they still hold; the others were given away or ended."""
    mine = Assignment.objects.select_for_update(of=("self",)).filter(
        pk__in=assignments,
        rater=rater,
        comparison__project=project,
        state=Assignment.State.OPEN,
        slot__filled_at=None,
        slot__rater=rater,
    )
    held = dict(mine.values_list("pk", "slot_id"))
    until = now + timedelta(seconds=project.lease_seconds)
    Slot.objects.filter(pk__in=held.values(), filled_at=None, rater=rater).update(leased_until=until)
    Assignment.objects.filter(pk__in=held).update(expires_at=until)
    return frozenset(held)


@transaction.atomic
def skip(assignment: Assignment, *, reason: str, now: datetime) -> Assignment:
    """Hand a comparison back unjudged. It is not offered to this rater again. Raises AlreadyEnded.

    Skipping again for the same reason changes nothing: a resent skip counts once.
    """
    seat = take_seat(assignment.comparison.project_id, assignment.rater_id)
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if assignment.state == Assignment.State.SKIPPED and assignment.skip_reason == reason:
        return assignment
    if assignment.state != Assignment.State.OPEN:
        raise AlreadyEnded("This comparison was answered before.")
    assignment.state, assignment.ended_at, assignment.skip_reason = Assignment.State.SKIPPED, now, reason
    assignment.save(update_fields=["state", "ended_at", "skip_reason"])
    Slot.objects.filter(pk=assignment.slot_id, rater=assignment.rater_id, filled_at=None).update(
        rater=None, leased_until=None
    )
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") + 1)
    return assignment


@transaction.atomic
def keep_draft(assignment: Assignment, *, draft: dict[str, list[str]]) -> bool:
    """Keep what is on the rater's screen, as displayed. False when the assignment has ended: nothing is kept."""
    still_open = Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.OPEN)
    return bool(still_open.update(draft=draft))

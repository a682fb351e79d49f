"""Lending: which comparisons a rater gets next, keeping them, and handing one back unjudged.

A rater holds a short queue of leases: the comparison on the screen and those fetched ahead. Asking again gives the
same ones in the same order, so that two tabs, a double click and a reload all show the same comparison.

Leases are kept by the database's clock. `now` is for stories that tell their own time; doors leave it out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from annotation.actions.finding import MOST_WINDOWS, WINDOW, Offer, clock, look, take
from annotation.models import Assignment, Bookmark, RoutingRules, Seat, Slot
from annotation.routing import REPEAT_AFTER_DAYS, CheckRates, choose_batch, draw_check
from guidelines import queries as guidelines
from raters.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from guidelines.models import GuidelineVersion
    from raters.models import Project, User

MOST_AHEAD = 10
CHANCE = random.SystemRandom()
DEFAULTS = RoutingRules()

# Answers hold this advisory lock shared, a freeze takes it alone for a moment: below a snapshot's watermark no judgment
# is still on its way. The second number is the project's id.
SUBMITS = 7201

# The seat is the lock: two tabs, or a double click, wait for each other here. Whoever answers waits for a freeze first,
# as everybody does who waits for both: rows are locked when they are found.
SIT_DOWN = Prepared(
    "sit_down",
    """
WITH no_freeze AS MATERIALIZED (
    SELECT CASE WHEN %(answers)s THEN pg_advisory_xact_lock_shared(%(submits)s, %(project)s::int) END
)
SELECT seat.id, seat.judged, seat.skipped, standing.panel, standing.paused_at IS NOT NULL, standing.pause_reason,
       COALESCE(rules.gold_rate, %(gold_rate)s), COALESCE(rules.silver_rate, %(silver_rate)s),
       COALESCE(rules.repeat_rate, %(repeat_rate)s), COALESCE(rules.most_per_item, %(most_per_item)s),
       COALESCE(rules.most_per_rater, %(most_per_rater)s)
FROM no_freeze CROSS JOIN annotation_seat seat
JOIN raters_standing standing ON standing.project_id = seat.project_id AND standing.user_id = seat.rater_id
LEFT JOIN annotation_routingrules rules ON rules.project_id = seat.project_id
WHERE seat.project_id = %(project)s AND seat.rater_id = %(rater)s
FOR UPDATE OF seat
""",
    answers="boolean",
    submits="int",
    project="bigint",
    rater="bigint",
    gold_rate="float8",
    silver_rate="float8",
    repeat_rate="float8",
    most_per_item="int",
    most_per_rater="int",
)


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
    """A locked seat, how its rater stands, and how often they are shown what is known already."""

    seat_id: int
    judged: int
    skipped: int
    panel: int
    paused: bool
    pause_reason: str
    rates: CheckRates
    most_per_item: int
    most_per_rater: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The assignments a rater holds, by id in the order of work; `refusal` says why it is shorter than wished.

    `lease` is for how many seconds from now they are held at least.
    """

    ids: tuple[int, ...]
    place: Place
    refusal: MustReadFirst | Paused | NothingLeft | None
    lease: int


def take_seat(project_id: int, rater_id: int) -> Seat:
    """Lock the rater's place: two tabs, or a double click, wait for each other here."""
    seat, _ = Seat.objects.select_for_update().get_or_create(project_id=project_id, rater_id=rater_id)
    return seat


def sit_down(project_id: int, rater_id: int, *, answers: bool = False) -> Place:
    """The same in one statement, with all that lending has to know of the rater.

    Whoever comes with an answer holds the project's freezes off, too, until the transaction ends.
    """
    rules = ("gold_rate", "silver_rate", "repeat_rate", "most_per_item", "most_per_rater")
    given = {"answers": answers, "submits": SUBMITS, "project": project_id, "rater": rater_id} | {
        name: getattr(DEFAULTS, name) for name in rules
    }
    for _ in range(2):
        for seat, judged, skipped, panel, paused, reason, *rates, per_item, per_rater in SIT_DOWN.rows(given):
            return Place(seat, judged, skipped, panel, paused, reason, CheckRates(*rates), per_item, per_rater)
        take_seat(project_id, rater_id)
    raise LookupError(f"Person {rater_id} is no rater of project {project_id}.")


def lend_next(
    project: Project,
    *,
    rater: User,
    now: datetime | None = None,
    batch: int | None = None,
    rng: random.Random = CHANCE,
) -> Assignment:
    """The comparison this rater should judge now: the one they hold, else the next one that is free.

    `batch` keeps to the comparisons of one batch. Raises Paused, MustReadFirst, NothingLeft; how far the search came
    is kept all the same.
    """
    queue = lend_ahead(project, rater=rater, ahead=1, now=now, batch=batch, rng=rng)
    if queue.ids:
        return Assignment.objects.get(pk=queue.ids[0])
    assert queue.refusal is not None  # an empty queue says why  # noqa: S101
    raise queue.refusal


@transaction.atomic
def lend_ahead(
    project: Project,
    *,
    rater: User,
    ahead: int,
    now: datetime | None = None,
    batch: int | None = None,
    rng: random.Random = CHANCE,
) -> Queue:
    """Hold `ahead` comparisons (1 to 10) for this rater, those they hold already first, with leases that last."""
    place = sit_down(project.pk, rater.pk)
    return fill_queue(place, project, rater=rater, ahead=ahead, now=now, batch=batch, rng=rng)


def fill_queue(
    place: Place,
    project: Project,
    *,
    rater: User,
    ahead: int,
    now: datetime | None = None,
    batch: int | None = None,
    rng: random.Random = CHANCE,
) -> Queue:
    """The same for a seat that is locked already, inside the caller's transaction."""
    if place.paused:
        paused = Paused(place.pause_reason or "A lead paused your work here.")
        return Queue((), place, paused, project.lease_seconds)
    given = {
        "seat": place.seat_id,
        "project": project.pk,
        "rater": rater.pk,
        "panel": place.panel,
        "batch": batch,
        "lease": project.lease_seconds,
        "most_per_item": place.most_per_item,
        "repeat_after": timedelta(days=REPEAT_AFTER_DAYS),
        "now": now,
    }
    sight = look(given)
    new, none_left, leases = _more(sight.offers, place, given, wanted=min(ahead, MOST_AHEAD) - len(sight.held), rng=rng)
    refusal = none_left and (_why_not(rater, sight.offers) or none_left)
    lease = min([*leases, sight.lease or project.lease_seconds])
    return Queue((*sight.held, *new), place, refusal, lease)


def _more(
    offers: tuple[Offer, ...], place: Place, given: dict[str, Any], *, wanted: int, rng: random.Random
) -> tuple[list[int], NothingLeft | None, list[int]]:
    """Up to `wanted` new assignments, why there are no more, and how long they are held."""
    left = {offer.batch: offer for offer in offers if offer.is_read}
    lent: list[int] = []
    leases: list[int] = []
    windows = 0
    while len(lent) < wanted:
        if not left:
            return lent, NothingLeft("There is nothing to judge right now."), leases
        if windows >= MOST_WINDOWS:
            far = f"Nothing was free among the next {MOST_WINDOWS * WINDOW:,} comparisons. Reload to look further."
            return lent, NothingLeft(far), leases
        chosen = left[choose_batch({pk: offer.weight for pk, offer in left.items()}, rng=rng)]
        rates = place.rates if chosen.checks < place.most_per_rater else CheckRates()
        assignment, moved = take(chosen, given, check=draw_check(rates, rng=rng))
        if moved is None:
            del left[chosen.batch]
        else:
            left[chosen.batch] = moved
        if assignment is None:
            windows += 1
        else:
            lent.append(assignment)
            leases.append(chosen.lease)
    return lent, None, leases


def _why_not(rater: User, offers: tuple[Offer, ...]) -> MustReadFirst | NothingLeft | None:
    """What would bring more: the oldest batch whose guideline the rater has not read."""
    unread = [offer for offer in offers if not offer.is_read]
    for offer in unread:
        version, has_read = guidelines.live_version_for(rater, offer.guideline)
        if version is not None and not has_read:
            return MustReadFirst(version)
    return NothingLeft("The guideline of the next batch is not published yet.") if unread else None


@transaction.atomic
def keep_leases(
    project: Project, *, rater: User, assignments: Collection[int], now: datetime | None = None
) -> frozenset[int]:
    """Renew these leases of the rater. Returns the ids that they still hold; the others were given away or ended."""
    theirs = Q(slot=None) | Q(slot__filled_at=None, slot__rater=rater)
    mine = Assignment.objects.select_for_update(of=("self",)).filter(
        theirs, pk__in=assignments, rater=rater, comparison__project=project, state=Assignment.State.OPEN
    )
    held = dict(mine.values_list("pk", "slot_id"))
    seconds = Coalesce(F("comparison__batch__lease_seconds"), project.lease_seconds)
    by_lease = dict(Assignment.objects.filter(pk__in=held).annotate(kept=seconds).values_list("pk", "kept"))
    for lease in set(by_lease.values()):
        kept = [pk for pk in held if by_lease[pk] == lease]
        until = clock(now) + timedelta(seconds=lease)
        Slot.objects.filter(pk__in=[held[pk] for pk in kept], filled_at=None, rater=rater).update(leased_until=until)
        Assignment.objects.filter(pk__in=kept).update(expires_at=until)
    return frozenset(held)


@transaction.atomic
def skip(assignment: Assignment, *, reason: str, now: datetime | None = None) -> Assignment:
    """Hand a comparison back unjudged. It is not offered to this rater again. Raises AlreadyEnded.

    Skipping again for the same reason changes nothing: a resent skip counts once.
    """
    seat = take_seat(assignment.comparison.project_id, assignment.rater_id)
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if assignment.state == Assignment.State.SKIPPED and assignment.skip_reason == reason:
        return assignment
    if assignment.state != Assignment.State.OPEN:
        raise AlreadyEnded("This comparison was answered before.")
    assignment.state, assignment.ended_at, assignment.skip_reason = Assignment.State.SKIPPED, clock(now), reason
    assignment.save(update_fields=["state", "ended_at", "skip_reason"])
    assignment.refresh_from_db(fields=["ended_at"])
    if assignment.slot_id is not None:
        mine = Slot.objects.filter(pk=assignment.slot_id, rater=assignment.rater_id, filled_at=None)
        mine.update(rater=None, leased_until=assignment.ended_at)
        marks = Bookmark.objects.filter(seat=seat, batch=assignment.comparison.batch_id, lent__gt=0)
        marks.update(lent=F("lent") - 1)
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") + 1)
    return assignment


@transaction.atomic
def keep_draft(assignment: Assignment, *, draft: dict[str, list[str]]) -> bool:
    """Keep what is on the rater's screen, as displayed. False when the assignment has ended: nothing is kept."""
    still_open = Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.OPEN)
    return bool(still_open.update(draft=draft))

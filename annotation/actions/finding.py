"""Finding the next comparison for a rater: two statements, whose cost does not grow with what is there or was judged.

`LOOK` renews what the rater holds, unless that was done a moment ago, and says which batches have more for them, and
how far they have come in each.
`TAKE` (in `taking`) takes one place of one batch, leases it and moves the bookmark. It looks, in this order, for

1. a check: gold kept out of the queue, an item with a certain label, or one of their own. It is shown when one is due,
   and looked for in any case, as is the rest, so that time does not tell;
2. a place that is free again: its lease ended, or it was skipped. These are ordered by since when they are free;
3. the next of the queue after the bookmark, by (priority, id), preferably of another prompt than the one before.

Whatever is passed on the way is no concern of this rater any more: they had it, or it is not free; if it becomes free
again, that is found under 2. So a bookmark only moves forward. It begins again when the batch's order changes (its
epoch), and an hour after it came to the end: a row that another transaction held and then gave back may lie behind it.

The clock is the database's, unless `now` is given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Value
from django.db.models.functions import Now

from annotation.actions.taking import CLOCK, TAKE, filled
from raters.prepared import Prepared

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models.expressions import Combinable

    from annotation.routing import Check

MOST_BATCHES = 100  # are looked at; the oldest with work first
WINDOW = 200  # rows of a queue that one statement passes at most
MOST_WINDOWS = 100  # in one request

# A lease that has more of its time left than this is not written again: a rater who is at work answers sooner.
_STILL = "0.75"
_LOOK = """
WITH held AS (
    SELECT assignment.id, assignment.slot_id, length.seconds, assignment.expires_at,
           assignment.expires_at < {clock} + {still} * make_interval(secs => length.seconds) AS is_due
    FROM annotation_assignment assignment
    JOIN annotation_comparison comparison ON comparison.id = assignment.comparison_id
    JOIN annotation_batch batch ON batch.id = comparison.batch_id
    CROSS JOIN LATERAL (SELECT COALESCE(batch.lease_seconds, %(lease)s) AS seconds) length
    LEFT JOIN annotation_slot slot ON slot.id = assignment.slot_id
    WHERE assignment.rater_id = %(rater)s AND assignment.state = 'open'
      AND comparison.project_id = %(project)s AND batch.kind = 'pairwise'
      AND (%(batch)s::bigint IS NULL OR comparison.batch_id = %(batch)s)
      AND CASE WHEN assignment.slot_id IS NULL THEN batch.closed_at IS NULL
               ELSE comparison.is_open AND slot.filled_at IS NULL AND slot.rater_id = %(rater)s END
), slots AS (
    UPDATE annotation_slot slot
    SET leased_until = {clock} + make_interval(secs => held.seconds)
    FROM held
    WHERE held.is_due AND slot.id = held.slot_id AND slot.filled_at IS NULL AND slot.rater_id = %(rater)s
    RETURNING slot.id
), kept AS (
    SELECT * FROM held WHERE NOT is_due OR slot_id IS NULL OR slot_id IN (SELECT id FROM slots)
), renewed AS (
    UPDATE annotation_assignment assignment
    SET expires_at = {clock} + make_interval(secs => kept.seconds)
    FROM kept WHERE kept.is_due AND assignment.id = kept.id
), known AS (
    SELECT batch.id, batch.weight, batch.guideline_id, COALESCE(batch.lease_seconds, %(lease)s) AS lease,
           batch.epoch, batch.most_per_prompt, version.id AS version_id, acknowledgement.id IS NOT NULL AS is_read,
           COALESCE(mark.checks, 0) AS checks, COALESCE(mark.prompt_id, 0) AS prompt_id,
           mark.epoch = batch.epoch AND (mark.exhausted_at IS NULL OR mark.exhausted_at
               > {clock} - interval '1 hour') IS TRUE AS goes_on,
           mark.priority, mark.after, mark.freed_at, mark.freed_slot, mark.exhausted_at
    FROM annotation_batch batch
    JOIN raters_standing standing ON standing.project_id = batch.project_id AND standing.user_id = %(rater)s
    LEFT JOIN guidelines_guidelineversion version
      ON version.guideline_id = batch.guideline_id AND version.state = 'published'
    LEFT JOIN guidelines_acknowledgement acknowledgement
      ON acknowledgement.version_id = version.id AND acknowledgement.user_id = standing.user_id
    LEFT JOIN annotation_bookmark mark ON mark.batch_id = batch.id AND mark.seat_id = %(seat)s
    WHERE batch.project_id = %(project)s AND batch.closed_at IS NULL AND batch.kind = 'pairwise'
      AND (%(batch)s::bigint IS NULL OR batch.id = %(batch)s)
      AND (standing.sensitive_since IS NOT NULL OR NOT batch.is_sensitive)
      AND (standing.qualified_at IS NOT NULL OR NOT batch.needs_qualification)
      AND (batch.language = '' OR batch.language = ANY (standing.languages))
      AND (batch.skill = '' OR batch.skill = ANY (standing.skills))
      AND (batch.rater_share >= 1 OR COALESCE(mark.lent, 0) < ceil(batch.rater_share * batch.places))
), offers AS (
    SELECT id, weight, guideline_id, lease, epoch, most_per_prompt, version_id, is_read, checks, prompt_id,
           CASE WHEN goes_on THEN priority ELSE -32768 END AS priority,
           CASE WHEN goes_on THEN after ELSE 0 END AS after,
           CASE WHEN goes_on THEN freed_at END AS freed_at,
           CASE WHEN goes_on THEN freed_slot ELSE 0 END AS freed_slot,
           goes_on IS TRUE AND exhausted_at IS NOT NULL AS is_exhausted
    FROM known
    WHERE CASE
        WHEN goes_on AND exhausted_at IS NOT NULL THEN EXISTS (
            SELECT 1 FROM annotation_slot slot
            WHERE slot.batch_id = known.id AND slot.filled_at IS NULL
              AND (slot.leased_until, slot.id) > (COALESCE(known.freed_at, '-infinity'), known.freed_slot)
              AND slot.leased_until <= {clock})
        WHEN is_read THEN true
        ELSE EXISTS (SELECT 1 FROM annotation_comparison waiting WHERE waiting.batch_id = known.id AND waiting.is_open)
    END
    ORDER BY id LIMIT %(batches)s
)
SELECT ARRAY(SELECT id FROM kept ORDER BY id),
       (SELECT min(CASE WHEN is_due THEN seconds ELSE extract(epoch FROM expires_at - {clock}) END) FROM kept),
       offers.*
FROM (SELECT 1) AS once LEFT JOIN offers ON true
"""
LOOK = Prepared(
    "look",
    filled(_LOOK, clock=CLOCK, still=_STILL),
    seat="bigint",
    project="bigint",
    rater="bigint",
    batch="bigint",
    lease="int",
    batches="int",
    now="timestamptz",
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch that may have something for the rater, and their bookmark in it. `lease` in seconds."""

    batch: int
    weight: float | None
    guideline: int
    lease: int
    epoch: int
    most_per_prompt: int | None
    version: int | None
    is_read: bool
    checks: int
    prompt: int
    priority: int
    after: int
    freed_at: datetime | None
    freed_slot: int
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What a rater holds, oldest first, for how many seconds at least, and what more there is."""

    held: tuple[int, ...]
    lease: int | None
    offers: tuple[Offer, ...]


def clock(now: datetime | None) -> Combinable:
    """The given time, or the database's when the statement begins."""
    return Now() if now is None else Value(now)


def look(given: dict[str, Any]) -> Sight:
    """Renew what the rater holds, and see what more there is.

    `given` names seat, project, rater, batch (or None for all), now (or None) and lease, the project's.
    """
    rows = LOOK.rows(given | {"batches": MOST_BATCHES})
    held, lease = rows[0][:2]
    return Sight(
        tuple(held), None if lease is None else int(lease), tuple(Offer(*row[2:]) for row in rows if row[2] is not None)
    )


def take(offer: Offer, given: dict[str, Any], *, check: Check) -> tuple[int | None, Offer | None]:
    """Lease a place of this batch. Returns the assignment, or None when there was nothing in the next stretch, and the
    batch as it is now offered, or None when there is nothing more for this rater.
    """
    wanted = given | {
        "batch": offer.batch,
        "version": offer.version,
        "lease": offer.lease,
        "epoch": offer.epoch,
        "priority": offer.priority,
        "after": offer.after,
        "freed_at": offer.freed_at,
        "freed_slot": offer.freed_slot,
        "exhausted": offer.exhausted,
        "prompt": offer.prompt,
        "most_per_prompt": offer.most_per_prompt,
        "window": WINDOW,
        "check": check.kind,
        "check_is_due": check.is_due,
        "check_from": check.start,
        "back": check.back,
    }
    [taken] = TAKE.rows(wanted)
    assignment, no_more_freed, priority, after, freed_at, freed_slot, checks, prompt, exhausted = taken
    moved = replace(
        offer,
        priority=priority,
        after=after,
        freed_at=freed_at,
        freed_slot=freed_slot,
        checks=checks,
        prompt=prompt,
        exhausted=exhausted,
    )
    stands_still = (freed_at, freed_slot) == (offer.freed_at, offer.freed_slot)
    is_over = assignment is None and exhausted and (no_more_freed or stands_still)
    return assignment, None if is_over else moved

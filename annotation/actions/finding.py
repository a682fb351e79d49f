"""Finding the next comparison for a rater: two statements, whose cost does not grow with what is there or was judged.

`LOOK` renews what the rater holds, unless that was done a moment ago, and says which batches have more for them, and
how far they have come in each.
`TAKE` takes one place of one batch, leases it and moves the rater's bookmark. It looks, in this order, for

1. a check, when one was drawn: gold kept out of the queue, an item with a certain label, or one of their own;
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
_CLOCK = "COALESCE(%(now)s::timestamptz, statement_timestamp())"
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
           batch.epoch, version.id AS version_id, acknowledgement.id IS NOT NULL AS is_read,
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
    SELECT id, weight, guideline_id, lease, epoch, version_id, is_read, checks, prompt_id,
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

_IS_CHECK = "found NOT IN ('ahead', 'freed')"
# One that is skipped right now may be written with a time a little before what was seen already.
_SURELY = "{clock} - interval '10 seconds'"
# Whether the rater had a comparison. OFFSET 0 has it looked up one by one, in the index of comparison and rater: joined
# instead, it would read all that the rater ever had, and a plan made once cannot know for whom that is much.
_HAD = """EXISTS (SELECT 1 FROM annotation_assignment had
                   WHERE had.comparison_id = {of} AND had.rater_id = %(rater)s{when} OFFSET 0)"""
# What of a batch lies ahead of the bookmark, and which of its places are free again, at most a window of each.
_AHEAD = """
    SELECT comparison.id, comparison.priority, comparison.prompt_id FROM annotation_comparison comparison
    WHERE comparison.batch_id = %(batch)s AND comparison.is_open
      AND (comparison.priority, comparison.id) > (%(priority)s, %(after)s)
    ORDER BY comparison.priority, comparison.id LIMIT %(window)s
"""
_FREED = """
    SELECT slot.id, slot.comparison_id, slot.leased_until FROM annotation_slot slot
    WHERE slot.batch_id = %(batch)s AND slot.filled_at IS NULL
      AND (slot.leased_until, slot.id) > (COALESCE(%(freed_at)s::timestamptz, '-infinity'), %(freed_slot)s)
      AND slot.leased_until <= {clock}
    ORDER BY slot.leased_until, slot.id LIMIT %(window)s
"""
# A lateral subquery locks one slot at a time, and only of a comparison that this rater may have: what is locked here
# is passed by everybody else. OFFSET 0 keeps the two apart.
_NEXT = """
    SELECT slot.id AS slot_id, ahead.id AS comparison_id, ahead.prompt_id, slot.swapped, 0 AS occasion,
           ahead.priority, NULL::timestamptz AS freed_at, 'ahead' AS found
    FROM (SELECT seen.* FROM ({ahead}) seen
          WHERE {wanted} AND NOT {had}
          ORDER BY seen.priority, seen.id OFFSET 0) ahead
    CROSS JOIN LATERAL (
        SELECT place.id, place.swapped FROM annotation_slot place
        WHERE place.comparison_id = ahead.id AND place.filled_at IS NULL
          AND (place.leased_until IS NULL OR place.leased_until <= {clock})
          AND (place.panel IS NULL OR place.panel = %(panel)s)
        ORDER BY place.number LIMIT 1 FOR UPDATE SKIP LOCKED) slot
    WHERE {unless}
    ORDER BY ahead.priority, ahead.id LIMIT 1
"""

_TAKE = """
WITH checked AS (
    SELECT NULL::bigint AS slot_id, item.id AS comparison_id, item.prompt_id,
           (item.shown_as_check %% 2 = 1) <> (item.check_key >= 0.5) AS swapped, 0 AS occasion,
           0 AS priority, NULL::timestamptz AS freed_at, %(check)s AS found
    FROM ((SELECT id, prompt_id, shown_as_check, check_key FROM annotation_comparison
           WHERE %(check)s <> '' AND check_as <> '' AND check_as = %(check)s AND batch_id = %(batch)s
             AND check_key >= %(check_from)s ORDER BY check_key LIMIT %(window)s)
          UNION ALL
          (SELECT id, prompt_id, shown_as_check, check_key FROM annotation_comparison
           WHERE %(check)s <> '' AND check_as <> '' AND check_as = %(check)s AND batch_id = %(batch)s
             AND check_key < %(check_from)s ORDER BY check_key LIMIT %(window)s)) item
    WHERE item.shown_as_check < %(most_per_item)s
      AND NOT {had_item}
    LIMIT 1
), repeated AS (
    SELECT NULL::bigint AS slot_id, comparison.id AS comparison_id, comparison.prompt_id,
           NOT earlier.swapped AS swapped, 1 AS occasion, 0 AS priority, NULL::timestamptz AS freed_at,
           %(check)s AS found
    FROM ((SELECT comparison_id, swapped, state, purpose FROM annotation_assignment
           WHERE %(check)s = 'repeat' AND rater_id = %(rater)s AND ended_at IS NOT NULL
           ORDER BY ended_at DESC OFFSET %(back)s LIMIT 50)
          UNION ALL
          (SELECT comparison_id, swapped, state, purpose FROM annotation_assignment
           WHERE %(check)s = 'repeat' AND rater_id = %(rater)s
             AND ended_at <= {clock} - %(repeat_after)s
           ORDER BY ended_at DESC LIMIT 50)) earlier
    JOIN annotation_comparison comparison ON comparison.id = earlier.comparison_id
    WHERE earlier.state = 'judged' AND earlier.purpose = 'label'
      AND comparison.batch_id = %(batch)s AND comparison.gold_preference IS NULL
      AND NOT {had_again}
    LIMIT 1
), freed AS (
    SELECT slot.id AS slot_id, free.comparison_id, free.prompt_id, slot.swapped, 0 AS occasion,
           0 AS priority, free.leased_until AS freed_at, 'freed' AS found
    FROM (SELECT seen.*, comparison.prompt_id FROM ({freed}) seen
          JOIN annotation_comparison comparison ON comparison.id = seen.comparison_id AND comparison.is_open
          WHERE NOT {had_freed}
          ORDER BY seen.leased_until, seen.id OFFSET 0) free
    CROSS JOIN LATERAL (
        SELECT place.id, place.swapped FROM annotation_slot place
        WHERE place.id = free.id AND place.filled_at IS NULL
          AND place.leased_until <= {clock}
          AND (place.panel IS NULL OR place.panel = %(panel)s)
        FOR UPDATE SKIP LOCKED) slot
    WHERE NOT EXISTS (SELECT 1 FROM checked) AND NOT EXISTS (SELECT 1 FROM repeated)
    ORDER BY free.leased_until, free.id LIMIT 1
), other AS (
    {other}
), following AS (
    {following}
), taken AS (
    SELECT * FROM checked UNION ALL SELECT * FROM repeated UNION ALL SELECT * FROM freed
    UNION ALL SELECT * FROM other UNION ALL SELECT * FROM following
), held_back AS (
    -- of the prompt before, so left for the next time: the bookmark waits for it
    SELECT 1 FROM other, ({near}) seen
    WHERE seen.prompt_id = %(prompt)s AND (seen.priority, seen.id) < (other.priority, other.comparison_id)
      AND NOT {had}
    LIMIT 1
), passed AS (
    SELECT seen.priority, seen.id, count(*) OVER () AS n FROM ({ahead}) seen
    WHERE NOT EXISTS (SELECT 1 FROM taken) ORDER BY seen.priority DESC, seen.id DESC LIMIT 1
), passed_freed AS (
    SELECT seen.leased_until, seen.id, count(*) OVER () AS n FROM ({freed}) seen
    WHERE NOT EXISTS (SELECT 1 FROM checked) AND NOT EXISTS (SELECT 1 FROM repeated)
      AND NOT EXISTS (SELECT 1 FROM freed)
    ORDER BY seen.leased_until DESC, seen.id DESC LIMIT 1
), leased AS (
    UPDATE annotation_slot slot
    SET rater_id = %(rater)s,
        leased_until = {clock} + make_interval(secs => %(lease)s)
    FROM taken WHERE slot.id = taken.slot_id
), shown AS (
    UPDATE annotation_comparison comparison SET shown_as_check = shown_as_check + 1
    FROM checked WHERE comparison.id = checked.comparison_id
), lent AS (
    INSERT INTO annotation_assignment
        (comparison_id, slot_id, rater_id, guideline_version_id, swapped, purpose, occasion, state, skip_reason,
         leased_at, expires_at)
    SELECT comparison_id, slot_id, %(rater)s, %(version)s, swapped,
           CASE WHEN slot_id IS NULL THEN found ELSE 'label' END, occasion, 'open', '',
           {clock},
           {clock} + make_interval(secs => %(lease)s)
    FROM taken
    RETURNING id
), place AS (
    SELECT taken.found, COALESCE(taken.prompt_id, %(prompt)s) AS prompt_id,
        CASE WHEN taken.found = 'ahead' AND NOT EXISTS (SELECT 1 FROM held_back)
             THEN ARRAY[taken.priority, taken.comparison_id]
             WHEN taken.found IS NULL AND passed.id IS NOT NULL THEN ARRAY[passed.priority, passed.id]
             ELSE ARRAY[%(priority)s, %(after)s]::bigint[] END AS ahead,
        CASE WHEN taken.found = 'freed' THEN taken.freed_at WHEN {is_check} THEN NULL
             WHEN passed_freed.n = %(window)s THEN passed_freed.leased_until ELSE {surely} END AS freed_at,
        CASE WHEN taken.found = 'freed' THEN taken.slot_id WHEN passed_freed.n = %(window)s THEN passed_freed.id
             ELSE 0 END AS freed_slot,
        CASE WHEN taken.found IS NULL THEN COALESCE(passed.n, 0) < %(window)s
             WHEN taken.found = 'ahead' THEN false ELSE %(exhausted)s END AS is_exhausted,
        COALESCE(passed_freed.n, 0) < %(window)s AS no_more_freed,
        {surely} AS surely
    FROM (SELECT 1) AS once LEFT JOIN taken ON true LEFT JOIN passed ON true LEFT JOIN passed_freed ON true
), moved AS (
    INSERT INTO annotation_bookmark AS mark
        (seat_id, batch_id, priority, after, freed_at, freed_slot, epoch, exhausted_at, lent, checks, prompt_id)
    SELECT %(seat)s, %(batch)s, ahead[1], ahead[2],
           CASE WHEN freed_at IS NULL THEN %(freed_at)s::timestamptz
                WHEN freed_at < surely THEN freed_at ELSE GREATEST(surely, %(freed_at)s::timestamptz) END,
           CASE WHEN freed_at < surely THEN freed_slot WHEN freed_at IS NULL THEN %(freed_slot)s
                WHEN surely > %(freed_at)s::timestamptz THEN 0 ELSE %(freed_slot)s END,
           %(epoch)s, CASE WHEN is_exhausted THEN {clock} END,
           (found IN ('ahead', 'freed') IS TRUE)::int, ({is_check} IS TRUE)::int, prompt_id
    FROM place
    ON CONFLICT (seat_id, batch_id) DO UPDATE
    SET priority = excluded.priority, after = excluded.after, freed_at = excluded.freed_at,
        freed_slot = excluded.freed_slot, epoch = excluded.epoch,
        exhausted_at = CASE WHEN excluded.exhausted_at IS NOT NULL AND %(exhausted)s THEN mark.exhausted_at
                            ELSE excluded.exhausted_at END,
        lent = mark.lent + excluded.lent, checks = mark.checks + excluded.checks, prompt_id = excluded.prompt_id
    RETURNING mark.priority, mark.after, mark.freed_at, mark.freed_slot, mark.checks, mark.prompt_id,
              mark.exhausted_at IS NOT NULL
)
SELECT (SELECT id FROM lent), place.no_more_freed, moved.* FROM moved, place
"""
_NEAR = _AHEAD.replace("%(window)s", "20")
_UNCHECKED = "NOT EXISTS (SELECT 1 FROM checked) AND NOT EXISTS (SELECT 1 FROM repeated)"
_NOT_FREED = "AND NOT EXISTS (SELECT 1 FROM freed)"
_NO_OTHER = "AND NOT EXISTS (SELECT 1 FROM other)"


def _filled(template: str, **parts: str) -> str:
    """The template with each {name} replaced. Every part is a constant of this file: no word of a user's comes here."""
    for name, part in parts.items():
        template = template.replace("{" + name + "}", part)
    return template


def _had(of: str, *, when: str = "") -> str:
    return _filled(_HAD, of=of, when=when)


TAKE = Prepared(
    "take",
    _filled(
        _TAKE,
        other=_filled(_NEXT, ahead=_NEAR, wanted="seen.prompt_id <> %(prompt)s", unless=f"{_UNCHECKED} {_NOT_FREED}"),
        following=_filled(_NEXT, ahead=_AHEAD, wanted="true", unless=f"{_UNCHECKED} {_NOT_FREED} {_NO_OTHER}"),
        ahead=_AHEAD,
        near=_NEAR,
        freed=_FREED,
        is_check=_IS_CHECK,
        surely=_SURELY,
        had=_had("seen.id"),
        had_freed=_had("seen.comparison_id"),
        had_item=_had("item.id"),
        had_again=_had("comparison.id", when=" AND had.occasion = 1"),
        clock=_CLOCK,
    ),
    seat="bigint",
    rater="bigint",
    panel="int",
    batch="bigint",
    version="bigint",
    lease="int",
    epoch="int",
    priority="int",
    after="bigint",
    freed_at="timestamptz",
    freed_slot="bigint",
    exhausted="boolean",
    prompt="bigint",
    window="int",
    check="text",
    check_from="float8",
    back="int",
    most_per_item="int",
    repeat_after="interval",
    now="timestamptz",
)
LOOK = Prepared(
    "look",
    _filled(_LOOK, clock=_CLOCK, still=_STILL),
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
        "window": WINDOW,
        "check": check.kind,
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

"""The statement that takes one place for a rater: what it looks for, and in which order, is said in `finding`."""

from __future__ import annotations

from raters.prepared import Prepared

CLOCK = "COALESCE(%(now)s::timestamptz, statement_timestamp())"
_IS_CHECK = "found NOT IN ('ahead', 'freed')"
# One that is skipped right now may be written with a time a little before what was seen already.
_SURELY = "{clock} - interval '10 seconds'"
# Whether the rater had a comparison. OFFSET 0 has it looked up one by one, in the index of comparison and rater: joined
# instead, it would read all that the rater ever had, and a plan made once cannot know for whom that is much.
_HAD = """EXISTS (SELECT 1 FROM annotation_assignment had
                   WHERE had.comparison_id = {of} AND had.rater_id = %(rater)s{when} OFFSET 0)"""
# Whether the rater was lent as many of the prompt's comparisons as the batch allows; looked up where it says a number.
_ENOUGH = """(%(most_per_prompt)s::int IS NOT NULL AND %(most_per_prompt)s <= (
        SELECT count(*) FROM annotation_comparison sibling
        WHERE sibling.prompt_id = {prompt} AND sibling.batch_id = %(batch)s AND {had_sibling}))"""
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
# is passed by everybody else. OFFSET 0 keeps the two apart. When a check is shown instead, the same place is sought and
# left as it is, so that a check takes no less time than a comparison of the queue.
_PLACE = """
    CROSS JOIN LATERAL (
        SELECT * FROM (SELECT place.id, place.swapped FROM annotation_slot place
                       WHERE {place} AND NOT EXISTS (SELECT 1 FROM instead)
                       ORDER BY place.number LIMIT 1 FOR UPDATE SKIP LOCKED) for_this_rater
        UNION ALL
        SELECT * FROM (SELECT place.id, place.swapped FROM annotation_slot place
                       WHERE {place} AND EXISTS (SELECT 1 FROM instead)
                       ORDER BY place.number LIMIT 1) for_the_time_it_takes) slot
"""
_NEXT = """
    SELECT slot.id AS slot_id, ahead.id AS comparison_id, ahead.prompt_id, slot.swapped, 0 AS occasion,
           ahead.priority, NULL::timestamptz AS freed_at, 'ahead' AS found
    FROM (SELECT seen.* FROM ({ahead}) seen
          WHERE {wanted} AND NOT {had} AND NOT {enough}
          ORDER BY seen.priority, seen.id OFFSET 0) ahead
    {place}
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
), instead AS (
    SELECT 1 FROM (SELECT 1 FROM checked UNION ALL SELECT 1 FROM repeated) found WHERE %(check_is_due)s
), freed AS (
    SELECT slot.id AS slot_id, free.comparison_id, free.prompt_id, slot.swapped, 0 AS occasion,
           0 AS priority, free.leased_until AS freed_at, 'freed' AS found
    FROM (SELECT seen.*, comparison.prompt_id FROM ({freed}) seen
          JOIN annotation_comparison comparison ON comparison.id = seen.comparison_id AND comparison.is_open
          WHERE NOT {had_freed} AND NOT {enough_freed}
          ORDER BY seen.leased_until, seen.id OFFSET 0) free
    {place_freed}
    ORDER BY free.leased_until, free.id LIMIT 1
), other AS (
    {other}
), following AS (
    {following}
), queued AS (
    SELECT * FROM freed UNION ALL SELECT * FROM other UNION ALL SELECT * FROM following
), taken AS (
    -- a check first, which has no slot; sorted, so that all of them are looked for whichever it is
    SELECT * FROM (SELECT * FROM checked UNION ALL SELECT * FROM repeated UNION ALL SELECT * FROM queued) found
    WHERE slot_id IS NOT NULL OR %(check_is_due)s ORDER BY slot_id NULLS FIRST LIMIT 1
), held_back AS (
    -- of the prompt before, so left for the next time: the bookmark waits for it
    SELECT 1 FROM other, ({near}) seen
    WHERE seen.prompt_id = %(prompt)s AND (seen.priority, seen.id) < (other.priority, other.comparison_id)
      AND NOT {had} AND NOT {enough}
    LIMIT 1
), passed AS (
    SELECT seen.priority, seen.id, count(*) OVER () AS n FROM ({ahead}) seen
    WHERE NOT EXISTS (SELECT 1 FROM queued) ORDER BY seen.priority DESC, seen.id DESC LIMIT 1
), passed_freed AS (
    SELECT seen.leased_until, seen.id, count(*) OVER () AS n FROM ({freed}) seen
    WHERE NOT EXISTS (SELECT 1 FROM freed)
    ORDER BY seen.leased_until DESC, seen.id DESC LIMIT 1
), leased AS (
    UPDATE annotation_slot slot
    SET rater_id = %(rater)s,
        leased_until = {clock} + make_interval(secs => %(lease)s)
    FROM taken WHERE slot.id = taken.slot_id
), shown AS (
    UPDATE annotation_comparison comparison SET shown_as_check = shown_as_check + 1
    FROM checked WHERE %(check_is_due)s AND comparison.id = checked.comparison_id
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
        CASE WHEN NOT EXISTS (SELECT 1 FROM held_back) AND taken.found = 'ahead'
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
_FREE = "place.filled_at IS NULL AND (place.panel IS NULL OR place.panel = %(panel)s)"
_FREE_AHEAD = f"place.comparison_id = ahead.id AND (place.leased_until IS NULL OR place.leased_until <= {CLOCK})"
_FREED_ONE = f"place.id = free.id AND place.leased_until <= {CLOCK}"
_NOT_FREED = "NOT EXISTS (SELECT 1 FROM freed)"
_NO_OTHER = "AND NOT EXISTS (SELECT 1 FROM other)"


def filled(template: str, **parts: str) -> str:
    """The template with each {name} replaced. Every part is a constant of this file: no word of a user's comes here."""
    for name, part in parts.items():
        template = template.replace("{" + name + "}", part)
    return template


def _had(of: str, *, when: str = "") -> str:
    return filled(_HAD, of=of, when=when)


def _enough(of: str) -> str:
    return filled(_ENOUGH, prompt=of, had_sibling=_had("sibling.id"))


TAKE = Prepared(
    "take",
    filled(
        _TAKE,
        other=filled(_NEXT, ahead=_NEAR, wanted="seen.prompt_id <> %(prompt)s", unless=_NOT_FREED),
        following=filled(_NEXT, ahead=_AHEAD, wanted="true", unless=f"{_NOT_FREED} {_NO_OTHER}"),
        place_freed=filled(_PLACE, place=f"{_FREED_ONE} AND {_FREE}"),
        place=filled(_PLACE, place=f"{_FREE_AHEAD} AND {_FREE}"),
        ahead=_AHEAD,
        near=_NEAR,
        freed=_FREED,
        is_check=_IS_CHECK,
        surely=_SURELY,
        had=_had("seen.id"),
        enough=_enough("seen.prompt_id"),
        enough_freed=_enough("comparison.prompt_id"),
        had_freed=_had("seen.comparison_id"),
        had_item=_had("item.id"),
        had_again=_had("comparison.id", when=" AND had.occasion = 1"),
        clock=CLOCK,
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
    most_per_prompt="int",
    window="int",
    check="text",
    check_is_due="boolean",
    check_from="float8",
    back="int",
    most_per_item="int",
    repeat_after="interval",
    now="timestamptz",
)

"""Judging: one transaction from the click to the row, and taking it back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When

from annotation.actions.finding import clock
from annotation.actions.lending import SUBMITS, Place, Queue, fill_queue, sit_down, take_seat
from annotation.kinds import canonical
from annotation.models import (
    Assignment,
    Batch,
    Bookmark,
    Comparison,
    Judgment,
    Purpose,
    Seat,
    Slot,
    Withdrawal,
)
from annotation.queries.bench import draft_from
from raters.models import Standing
from raters.prepared import Prepared

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from raters.models import Project

# All that a judgment changes, in one statement: it ends the assignment, fills the slot if nobody else has or holds it,
# counts on the comparison, the seat and the gold score, and cites the rules. What was asked about the rater has no
# slot and changes no label. The clock is the database's, unless a time is given. Nothing changes and no row comes back
# when the assignment had ended before, or when the key was used before: also by an answer that was taken back since.
RECORD = Prepared(
    "record",
    """
WITH ended AS (
    UPDATE annotation_assignment
    SET state = 'judged', ended_at = COALESCE(%(now)s::timestamptz, statement_timestamp()), draft = NULL
    WHERE id = %(assignment)s AND state = 'open'
      AND NOT EXISTS (SELECT 1 FROM annotation_judgment sent
                      WHERE sent.rater_id = annotation_assignment.rater_id AND sent.key = %(key)s)
    RETURNING id, slot_id, comparison_id, rater_id, guideline_version_id, swapped, purpose, ended_at
), filled AS (
    UPDATE annotation_slot slot SET rater_id = ended.rater_id, filled_at = ended.ended_at, leased_until = NULL
    FROM ended
    WHERE slot.id = ended.slot_id AND slot.filled_at IS NULL
      AND (slot.rater_id = ended.rater_id OR slot.rater_id IS NULL OR slot.leased_until <= ended.ended_at)
    RETURNING slot.id
), counted AS (
    UPDATE annotation_comparison comparison
    SET filled = filled + (SELECT count(*) FROM filled),
        is_open = is_open AND filled + (SELECT count(*) FROM filled) < overlap,
        label_due = label_due OR ended.slot_id IS NOT NULL
    FROM ended WHERE comparison.id = ended.comparison_id
), seated AS (
    UPDATE annotation_seat seat
    SET judged = judged + 1, seconds = seat.seconds + %(seconds)s, earned_minor = earned_minor + %(pay)s
    FROM ended WHERE seat.id = %(seat)s
), known AS (
    UPDATE raters_standing standing SET gold_seen = gold_seen + 1, gold_right = gold_right + %(right)s
    FROM ended
    WHERE %(is_gold)s AND standing.user_id = ended.rater_id AND standing.project_id = %(project)s
), said AS (
    INSERT INTO annotation_judgment
        (assignment_id, comparison_id, rater_id, guideline_version_id, swapped, purpose, revision, surplus,
         preference, qualities, flags_a, flags_b, no_rule, rationale, seconds, key, fingerprint, created_at)
    SELECT id, comparison_id, rater_id, guideline_version_id, swapped, purpose,
           (SELECT count(*) FROM annotation_judgment earlier WHERE earlier.assignment_id = ended.id),
           slot_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM filled),
           %(preference)s, %(qualities)s::jsonb, %(flags_a)s::varchar[], %(flags_b)s::varchar[], %(no_rule)s,
           %(rationale)s, %(seconds)s, %(key)s, %(fingerprint)s, ended_at
    FROM ended
    ON CONFLICT (rater_id, key) DO NOTHING
    RETURNING *
), cited AS (
    INSERT INTO annotation_judgment_rules (judgment_id, rule_id)
    SELECT said.id, rule.id FROM said
    JOIN guidelines_rule rule ON rule.version_id = said.guideline_version_id AND rule.id = ANY(%(rules)s::bigint[])
    RETURNING rule_id
)
SELECT id, assignment_id, comparison_id, rater_id, revision, preference, swapped, seconds, surplus, key, fingerprint,
       created_at, (SELECT count(*) FROM cited) AS cited
FROM said
""",
    assignment="bigint",
    seat="bigint",
    project="bigint",
    pay="int",
    is_gold="boolean",
    right="int",
    preference="int",
    qualities="jsonb",
    flags_a="varchar[]",
    flags_b="varchar[]",
    no_rule="boolean",
    rationale="text",
    rules="bigint[]",
    seconds="float8",
    key="uuid",
    fingerprint="text",
    now="timestamptz",
)
# its columns, in the order of the model's; what else a judgment has is read when it is asked for
RECORDED = [
    *("id", "assignment_id", "comparison_id", "rater_id", "revision", "preference", "swapped", "seconds", "surplus"),
    *("key", "fingerprint", "created_at"),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rater said, as displayed: of `shown` and of each quality, negative leans to the left.

    `shown` is -3 (left much better) to 3 (right much better); `qualities` maps a quality's name to -1, 0 or 1.
    """

    shown: int
    qualities: Mapping[str, int] = field(default_factory=dict)
    flags_left: tuple[str, ...] = ()
    flags_right: tuple[str, ...] = ()
    rules: tuple[int, ...] = ()
    no_rule: bool = False
    rationale: str = ""
    seconds: float = 0.0

    def fingerprint(self) -> str:
        """Tells a repeated answer from another one under the same key. Time does not make an answer another one."""
        flags = [sorted(self.flags_left), sorted(self.flags_right)]
        said = [self.shown, dict(self.qualities), flags, sorted(self.rules), self.no_rule, self.rationale]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()

    def canonical(self, *, swapped: bool) -> dict[str, Any]:
        """The same about responses A and B, as the columns of a judgment."""
        flags = (self.flags_right, self.flags_left) if swapped else (self.flags_left, self.flags_right)
        return {
            "preference": canonical(self.shown, swapped=swapped),
            "qualities": {name: canonical(said, swapped=swapped) for name, said in self.qualities.items()},
            "flags_a": list(flags[0]),
            "flags_b": list(flags[1]),
            "no_rule": self.no_rule,
            "rationale": self.rationale,
            "seconds": self.seconds,
        }


class TooLate(Exception):
    """The assignment was judged or skipped before, with another key; nothing was written."""


class KeyReused(Exception):
    """The key came before with another answer; the first answer stands."""


class ForeignRule(Exception):
    """A cited rule is not of the guideline version that was shown."""


class NothingToUndo(Exception):
    """There is no answer of this rater to take back, or somebody else has the comparison now."""


@transaction.atomic
def submit_judgment(assignment: Assignment, *, answer: Answer, key: UUID, now: datetime | None = None) -> Judgment:
    """Record what the rater decided, once: the same key and answer again returns the judgment that is there.

    A late answer counts while its slot is free, and is kept as surplus otherwise; it is never dropped. An answer that
    was taken back stays so when it is sent again. Raises KeyReused, TooLate, ForeignRule.
    """
    place = sit_down(assignment.comparison.project_id, assignment.rater_id, answers=True)
    return _record(assignment, place, answer=answer, key=key, now=now)[0]


@transaction.atomic
def submit_and_lend(
    assignment: Assignment,
    *,
    project: Project,
    answer: Answer,
    key: UUID,
    ahead: int,
    batch: int | None,
    now: datetime | None = None,
) -> tuple[Judgment, Queue]:
    """The same, and hold `ahead` comparisons for the rater, in one transaction. Raises as `submit_judgment` does."""
    place = sit_down(project.pk, assignment.rater_id, answers=True)
    judgment, new = _record(assignment, place, answer=answer, key=key, now=now)
    place = replace(place, judged=place.judged + new)
    return judgment, fill_queue(place, project, rater=assignment.rater, ahead=ahead, batch=batch, now=now)


def _record(
    assignment: Assignment, place: Place, *, answer: Answer, key: UUID, now: datetime | None
) -> tuple[Judgment, bool]:
    """The judgment of this key, and whether it is new."""
    comparison = assignment.comparison
    said = answer.canonical(swapped=assignment.swapped)
    given = {
        **said,
        "qualities": json.dumps(said["qualities"]),
        "rules": list(answer.rules),
        "assignment": assignment.pk,
        "seat": place.seat_id,
        "project": comparison.project_id,
        "pay": comparison.batch.pay_minor or 0,
        "is_gold": comparison.is_gold,
        "right": int(is_right(said["preference"], comparison)),
        "key": str(key),
        "fingerprint": answer.fingerprint(),
        "now": now,
    }
    for *recorded, cited in RECORD.rows(given):
        if cited != len(set(answer.rules)):
            raise ForeignRule("A chosen rule is not in the guideline you were shown.")
        return Judgment.from_db("default", RECORDED, recorded), True
    return _already(assignment, answer=answer, key=key), False


def _already(assignment: Assignment, *, answer: Answer, key: UUID) -> Judgment:
    """Why nothing was recorded: the judgment that came before under this key, or a refusal that undoes everything."""
    before = Judgment.objects.filter(rater=assignment.rater_id, key=key).first()
    if before is None:
        raise TooLate("This comparison was answered before.")
    if (before.assignment_id, before.fingerprint) != (assignment.pk, answer.fingerprint()):
        raise KeyReused("This answer was sent before with other content. The first one stands.")
    return before


def while_no_freeze(project_id: int) -> None:
    """Hold the project's freezes off until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [SUBMITS, project_id])


def is_right(preference: int, comparison: Comparison) -> bool:
    """Whether a canonical preference is on the same side of the scale as the known answer. False without one."""
    gold = comparison.gold_preference
    return gold is not None and (preference > 0) - (preference < 0) == (gold > 0) - (gold < 0)


@transaction.atomic
def undo_answer(
    assignment: Assignment, *, key: UUID | None, lease: timedelta, now: datetime | None = None
) -> Assignment:
    """Take back the judgment with this key, or a skip (no key), and lend the comparison to its rater again.

    The judgment stays, marked as withdrawn. Taking back again changes nothing. Raises NothingToUndo.
    """
    project_id = assignment.comparison.project_id
    while_no_freeze(project_id)
    seat = take_seat(project_id, assignment.rater_id)
    assignment = (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("comparison__batch", "slot")
        .get(pk=assignment.pk)
    )
    newest = assignment.judgments.order_by("-revision").select_related("withdrawal").first()
    if assignment.state == Assignment.State.OPEN:
        if key is None or (newest is not None and newest.key == key):
            return assignment
        raise NothingToUndo("This answer was taken back before.")
    if assignment.state == Assignment.State.SKIPPED:
        if key is not None:  # sent again, after the answer was taken back and the comparison skipped
            raise NothingToUndo("This answer was taken back before.")
        _take_back_skip(assignment, seat, lease=lease, now=now)
    else:
        if newest is None or key != newest.key:
            raise NothingToUndo("A newer answer took the place of this one.")
        _take_back_judgment(newest, assignment, seat, lease=lease, now=now)
        assignment.draft = draft_from(newest)
    assignment.state, assignment.ended_at, assignment.expires_at = Assignment.State.OPEN, None, clock(now) + lease
    assignment.skip_reason = ""
    assignment.save(update_fields=["state", "ended_at", "expires_at", "skip_reason", "draft"])
    assignment.refresh_from_db(fields=["expires_at"])
    return assignment


def undo_judgment(judgment: Judgment, *, lease: timedelta, now: datetime | None = None) -> Assignment:
    """Take a judgment back and lend its comparison again. Raises NothingToUndo, also when it was taken back before."""
    if judgment.assignment is None or Withdrawal.objects.filter(judgment=judgment).exists():
        raise NothingToUndo("This answer was taken back before.")
    return undo_answer(judgment.assignment, key=judgment.key, lease=lease, now=now)


def _take_back_skip(assignment: Assignment, seat: Seat, *, lease: timedelta, now: datetime | None) -> None:
    if assignment.slot_id is not None:
        free = Q(rater=None) | Q(rater=assignment.rater_id) | Q(leased_until__lte=clock(now))
        taken = Slot.objects.filter(free, pk=assignment.slot_id, filled_at=None, comparison__is_open=True)
        if not taken.update(rater=assignment.rater_id, leased_until=clock(now) + lease):
            raise NothingToUndo("Someone else has this comparison now.")
        marks = Bookmark.objects.filter(seat=seat, batch=assignment.comparison.batch_id)
        marks.update(lent=F("lent") + 1)
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") - 1)


def _free_place(
    slot: Slot, judgment: Judgment, assignment: Assignment, *, lease: timedelta, now: datetime | None
) -> None:
    """The place is the rater's again, and free for others when they let it be; a batch that was done is not any more.

    The batch first: whoever closes it meanwhile waits, and sees that something is open.
    """
    comparison = Comparison.objects.filter(pk=judgment.comparison_id)
    if judgment.surplus:
        comparison.update(label_due=True)
        return
    batch = Batch.objects.select_for_update(no_key=True).get(pk=assignment.comparison.batch_id)
    reserved = Case(When(check_as=Purpose.GOLD, then=Value(value=False)), default=Value(value=True))
    comparison.update(filled=F("filled") - 1, is_open=reserved, label_due=True)
    Slot.objects.filter(pk=slot.pk).update(filled_at=None, leased_until=clock(now) + lease)
    if batch.closed_at is not None:
        Batch.objects.filter(pk=batch.pk).update(closed_at=None)


def _take_back_judgment(
    judgment: Judgment, assignment: Assignment, seat: Seat, *, lease: timedelta, now: datetime | None
) -> None:
    Withdrawal.objects.create(judgment=judgment, reason="undone by the rater", at=clock(now))
    if assignment.slot is not None:
        _free_place(assignment.slot, judgment, assignment, lease=lease, now=now)
    Seat.objects.filter(pk=seat.pk).update(
        judged=F("judged") - 1,
        seconds=F("seconds") - judgment.seconds,
        earned_minor=F("earned_minor") - (assignment.comparison.batch.pay_minor or 0),
    )
    if assignment.comparison.is_gold:
        right = int(is_right(judgment.preference, assignment.comparison))
        Standing.objects.filter(user=judgment.rater_id, project=assignment.comparison.project_id).update(
            gold_seen=F("gold_seen") - 1, gold_right=F("gold_right") - right
        )

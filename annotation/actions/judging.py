"""Judging: one transaction from the click to the row, and taking it back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When

from annotation.actions.lending import take_seat
from annotation.kinds import canonical
from annotation.models import Assignment, Comparison, Judgment, Seat, Slot, Withdrawal
from guidelines.models import Rule
from raters.models import Standing

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

# Submits hold this advisory lock shared, a freeze takes it alone for a moment: below a snapshot's watermark no
# judgment is still on its way. The second number is the project's id.
SUBMITS = 7201


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rater said. `shown` is on the scale as displayed: -3 is left much better, +3 right much better."""

    shown: int
    rules: tuple[int, ...] = ()
    rationale: str = ""
    seconds: float = 0.0

    def fingerprint(self) -> str:
        """Tells a repeated answer from another one under the same key. Time does not make an answer another one."""
        said = [self.shown, sorted(self.rules), self.rationale]
        return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()


class TooLate(Exception):
    """The assignment was judged or skipped before, with another key; nothing was written."""


class KeyReused(Exception):
    """The key came before with another answer; the first answer stands."""


class ForeignRule(Exception):
    """A cited rule is not of the guideline version that was shown."""


class NothingToUndo(Exception):
    """The judgment does not count any more: it was taken back, or a newer one took its place."""


@transaction.atomic
def submit_judgment(assignment: Assignment, *, answer: Answer, key: UUID, now: datetime) -> Judgment:
    """Record what the rater decided, once: the same key and answer again returns the judgment that is there.

    A late answer counts while its slot is free, and is kept as surplus otherwise; it is never dropped.
    Raises KeyReused, TooLate, ForeignRule.
    """
    while_no_freeze(assignment.comparison.project_id)
    seat = take_seat(assignment.comparison.project_id, assignment.rater_id)
    earlier = list(Judgment.objects.filter(Q(key=key) | Q(assignment=assignment), rater=assignment.rater_id))
    before = next((judgment for judgment in earlier if judgment.key == key), None)
    if before is not None:
        if (before.assignment_id, before.fingerprint) != (assignment.pk, answer.fingerprint()):
            raise KeyReused("This answer was sent before with other content. The first one stands.")
        return before
    still_open = Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.OPEN)
    if not still_open.update(state=Assignment.State.JUDGED, ended_at=now):
        raise TooLate("This comparison was answered before.")
    rules = _cited(assignment, answer)
    surplus = not _fill(assignment, now=now)
    judgment = Judgment.objects.create(
        assignment=assignment,
        comparison_id=assignment.comparison_id,
        rater_id=assignment.rater_id,
        guideline_version_id=assignment.guideline_version_id,
        revision=len(earlier),
        preference=canonical(answer.shown, swapped=assignment.swapped),
        swapped=assignment.swapped,
        rationale=answer.rationale,
        seconds=answer.seconds,
        surplus=surplus,
        key=key,
        fingerprint=answer.fingerprint(),
        created_at=now,
    )
    if rules:
        judgment.rules.set(rules)
    Seat.objects.filter(pk=seat.pk).update(judged=F("judged") + 1)
    _count_gold(judgment, assignment.comparison, by=1)
    return judgment


def _cited(assignment: Assignment, answer: Answer) -> list[Rule]:
    if not answer.rules:
        return []
    rules = list(Rule.objects.filter(version=assignment.guideline_version_id, pk__in=answer.rules))
    if len(rules) != len(set(answer.rules)):
        raise ForeignRule("A chosen rule is not in the guideline you were shown.")
    return rules


def while_no_freeze(project_id: int) -> None:
    """Hold the project's freezes off until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [SUBMITS, project_id])


def _fill(assignment: Assignment, *, now: datetime) -> bool:
    """Take the slot for this answer, if nobody else has or holds it. Counts it on the comparison."""
    mine = Q(rater=assignment.rater_id) | Q(rater=None) | Q(leased_until__lt=now)
    taken = Slot.objects.filter(mine, pk=assignment.slot_id, filled_at=None).update(
        rater=assignment.rater_id, filled_at=now, leased_until=None
    )
    if not taken:
        Comparison.objects.filter(pk=assignment.comparison_id).update(label_due=True)
        return False
    enough = When(filled__gte=F("overlap") - 1, then=Value(value=False))
    Comparison.objects.filter(pk=assignment.comparison_id).update(
        filled=F("filled") + 1, is_open=Case(enough, default=F("is_open")), label_due=True
    )
    return True


def _count_gold(judgment: Judgment, comparison: Comparison, *, by: int) -> None:
    """Keep the rater's gold score: right is the same side of the scale as the known answer."""
    gold = comparison.gold_preference
    if gold is None:
        return
    right = (judgment.preference > 0) - (judgment.preference < 0) == (gold > 0) - (gold < 0)
    Standing.objects.filter(user=judgment.rater_id, project=comparison.project_id).update(
        gold_seen=F("gold_seen") + by, gold_right=F("gold_right") + (by if right else 0)
    )


@transaction.atomic
def undo_judgment(judgment: Judgment, *, lease: timedelta, now: datetime) -> Assignment:
    """Take a judgment back and lend its comparison again. The judgment stays, marked as withdrawn.

    Raises NothingToUndo.
    """
    while_no_freeze(judgment.comparison.project_id)
    seat = take_seat(judgment.comparison.project_id, judgment.rater_id)
    assignment = Assignment.objects.select_for_update().get(pk=judgment.assignment_id)
    newest = Judgment.objects.filter(assignment=assignment).order_by("-revision").first()
    if newest != judgment or Withdrawal.objects.filter(judgment=judgment).exists():
        raise NothingToUndo("This answer was taken back before.")
    Withdrawal.objects.create(judgment=judgment, reason="undone by the rater", at=now)
    if not judgment.surplus:
        Slot.objects.filter(pk=assignment.slot_id).update(filled_at=None, leased_until=now + lease)
        Comparison.objects.filter(pk=judgment.comparison_id).update(filled=F("filled") - 1, is_open=True)
    Comparison.objects.filter(pk=judgment.comparison_id).update(label_due=True)
    assignment.state, assignment.ended_at, assignment.expires_at = Assignment.State.OPEN, None, now + lease
    assignment.save(update_fields=["state", "ended_at", "expires_at"])
    Seat.objects.filter(pk=seat.pk).update(judged=F("judged") - 1)
    _count_gold(judgment, judgment.comparison, by=-1)
    return assignment

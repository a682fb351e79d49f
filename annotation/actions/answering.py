"""Answering tasks: one transaction from the form to the row and to all that the answer implies; and taking it back.

An answer that counts implies things: a ranking of k responses implies a judgment of each of its k(k-1)/2 pairs, an
edit implies a judgment that it beats the original and is a demonstration, a written response is a demonstration.
They come and go with the answer. A late answer whose task had all its answers is kept as surplus: its judgments are
surplus too, and it gives no demonstration, since nobody asked for one more.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from annotation import queries
from annotation.actions.implying import imply, take_back
from annotation.actions.judging import KeyReused, NothingToUndo, TooLate, while_no_freeze
from annotation.actions.lending import take_seat
from annotation.actions.tasks import hold_task, place_for
from annotation.models import Judgment, Seat, Task, TaskAnswer, TaskAssignment, TaskWithdrawal

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from annotation.kinds import Content


class AnswerFrozen(Exception):
    """A snapshot holds what the answer implies, so it is not edited any more."""


@transaction.atomic
def answer_task(
    assignment: TaskAssignment, *, content: Content, rationale: str, seconds: float, key: UUID, now: datetime
) -> TaskAnswer:
    """Record an answer, once: the same key and answer again returns the one that is there.

    `seconds` is active time. An answer that comes late, or after a skip, counts while its task has a place, and is
    kept as surplus otherwise; it is never dropped. Raises KeyReused, TooLate.
    """
    while_no_freeze(assignment.task.project_id)
    seat = take_seat(assignment.task.project_id, assignment.rater_id)
    if before := _sent_before(assignment, content=content, rationale=rationale, key=key):
        return before
    assignment.refresh_from_db(fields=["state"])
    if assignment.state == TaskAssignment.State.ANSWERED:
        raise TooLate("You answered this before.")
    if assignment.state == TaskAssignment.State.SKIPPED:
        Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") - 1)
    surplus = not place_for(assignment, now=now)
    assignment.state, assignment.ended_at = TaskAssignment.State.ANSWERED, now
    assignment.save(update_fields=["state", "ended_at"])
    if not surplus:
        enough = When(filled__gte=F("overlap") - 1, then=Value(value=False))
        Task.objects.filter(pk=assignment.task_id).update(
            filled=F("filled") + 1, is_open=Case(enough, default=F("is_open"))
        )
    answer = _append(
        assignment, content=content, rationale=rationale, seconds=seconds, key=key, surplus=surplus, now=now
    )
    _count(seat, answer, by=1)
    return answer


@transaction.atomic
def revise_task(
    answer: TaskAnswer, *, content: Content, rationale: str, seconds: float, key: UUID, now: datetime
) -> TaskAnswer:
    """Replace an answer by its next revision; the old one stays, marked as withdrawn. A key counts once here too.

    `seconds` is the active time of the revision alone. Raises KeyReused, NothingToUndo, AnswerFrozen.
    """
    assignment = answer.assignment
    while_no_freeze(assignment.task.project_id)
    seat = take_seat(assignment.task.project_id, assignment.rater_id)
    if before := _sent_before(assignment, content=content, rationale=rationale, key=key):
        return before
    hold_task(assignment.task_id)
    _withdraw(answer, reason="replaced by the rater", now=now)
    newer = _append(
        assignment,
        content=content,
        rationale=rationale,
        seconds=answer.seconds + seconds,
        key=key,
        surplus=answer.surplus,
        now=now,
    )
    if not answer.surplus:
        Seat.objects.filter(pk=seat.pk).update(seconds=F("seconds") + seconds)
    return newer


@transaction.atomic
def undo_task(answer: TaskAnswer, *, lease: timedelta, now: datetime) -> TaskAssignment:
    """Take an answer back and lend its task again. The answer stays, marked as withdrawn.

    Raises NothingToUndo, AnswerFrozen.
    """
    while_no_freeze(answer.assignment.task.project_id)
    seat = take_seat(answer.assignment.task.project_id, answer.rater_id)
    assignment = answer.assignment
    hold_task(assignment.task_id)
    _withdraw(answer, reason="undone by the rater", now=now)
    if not answer.surplus:
        Task.objects.filter(pk=assignment.task_id).update(filled=F("filled") - 1, is_open=True)
    # without a place the lease runs out at once, so that it keeps nobody from the place they hold
    expires = now + lease if place_for(assignment, now=now) else now
    assignment.state, assignment.ended_at, assignment.expires_at = TaskAssignment.State.OPEN, None, expires
    # what was sent is the draft again, newer than anything typed before: a reload must not lose it either
    assignment.draft = {"fields": queries.fields_of(answer), "at": int(now.timestamp() * 1000)}
    assignment.save(update_fields=["state", "ended_at", "expires_at", "draft"])
    _count(seat, answer, by=-1)
    return assignment


def _fingerprint(content: Content, rationale: str) -> str:
    """Tells a repeated answer from another one under the same key. Time does not make an answer another one."""
    said = json.dumps([content.write(), rationale], sort_keys=True)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _sent_before(assignment: TaskAssignment, *, content: Content, rationale: str, key: UUID) -> TaskAnswer | None:
    before = TaskAnswer.objects.filter(rater=assignment.rater_id, key=key).first()
    if before and (before.assignment_id, before.fingerprint) != (assignment.pk, _fingerprint(content, rationale)):
        raise KeyReused("This answer was sent before with other content. The first one stands.")
    return before


def _append(assignment: TaskAssignment, *, content: Content, **said: Any) -> TaskAnswer:
    """The next revision, and what it implies."""
    answer = TaskAnswer.objects.create(
        assignment=assignment,
        rater_id=assignment.rater_id,
        revision=TaskAnswer.objects.filter(assignment=assignment).count(),
        content=content.write(),
        rationale=said["rationale"],
        seconds=said["seconds"],
        surplus=said["surplus"],
        key=said["key"],
        fingerprint=_fingerprint(content, said["rationale"]),
        created_at=said["now"],
    )
    imply(answer, content, now=said["now"])
    return answer


def _withdraw(answer: TaskAnswer, *, reason: str, now: datetime) -> None:
    if TaskWithdrawal.objects.filter(answer=answer).exists():
        raise NothingToUndo("This answer was taken back or replaced before.")
    covered = Q(pk__lte=F("comparison__batch__frozen_judgment"))
    if Judgment.objects.filter(covered, answer=answer).exists():
        raise AnswerFrozen("A data set was made with this answer, so it stays as it is.")
    TaskWithdrawal.objects.create(answer=answer, reason=reason, at=now)
    take_back(answer, reason=reason, now=now)


def _count(seat: Seat, answer: TaskAnswer, *, by: int) -> None:
    """Keep the rater's counters. What is surplus was done, but it neither counts as time nor earns."""
    counts = {"judged": F("judged") + by}
    if not answer.surplus:
        paid = answer.assignment.task.batch.pay_minor or 0
        counts |= {"seconds": F("seconds") + by * answer.seconds, "earned_minor": F("earned_minor") + by * paid}
    Seat.objects.filter(pk=seat.pk).update(**counts)

"""Revising: a better answer to a comparison that was judged, until a snapshot has taken the first one in.

A judgment is never changed. A revision is a new row on the same assignment; the one before stays and is withdrawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from annotation.actions.judging import Answer, ForeignRule, KeyReused, is_right, while_no_freeze
from annotation.actions.lending import take_seat
from annotation.kinds import LIVE, RED_TEAM
from annotation.models import Adjudication, Batch, Comparison, Judgment, Seat, Withdrawal
from guidelines.models import Rule
from raters.models import Standing

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from raters.models import Project

REPLACED = "replaced by a later revision"


class NotRevisable(Exception):
    """The answer cannot be changed any more; the message says why. Nothing was written."""


class Frozen(NotRevisable):
    """A snapshot may hold the judgment, and a snapshot never changes."""


@transaction.atomic
def revise_judgment(judgment: Judgment, *, answer: Answer, key: UUID, now: datetime) -> Judgment:
    """Put a new answer in the place of `judgment`, once: the same key and answer again returns the revision.

    The place it filled stays filled and is paid once; the time and the gold score become those of the new answer.
    Raises Frozen and other NotRevisable, KeyReused, ForeignRule.
    """
    project_id = judgment.comparison.project_id
    while_no_freeze(project_id)
    seat = take_seat(project_id, judgment.rater_id)
    before = Judgment.objects.filter(rater=judgment.rater_id, key=key).first()
    if before is not None:
        if (before.assignment_id, before.fingerprint) != (judgment.assignment_id, answer.fingerprint()):
            raise KeyReused("This answer was sent before with other content. The first one stands.")
        return before
    comparison = Comparison.objects.select_related("batch").get(pk=judgment.comparison_id)
    _refuse(judgment, comparison)
    revision = _replace(judgment, answer=answer, key=key, now=now)
    _cite(revision, answer)
    # the comparison last: whoever folds its label now has to wait, and finds it due again
    Comparison.objects.filter(pk=comparison.pk).update(label_due=True)
    Seat.objects.filter(pk=seat.pk).update(seconds=F("seconds") + revision.seconds - judgment.seconds)
    if comparison.is_gold:
        by = int(is_right(revision.preference, comparison)) - int(is_right(judgment.preference, comparison))
        standing = Standing.objects.filter(user=judgment.rater_id, project=project_id)
        standing.update(gold_right=F("gold_right") + by)
    return revision


def _refuse(judgment: Judgment, comparison: Comparison) -> None:
    """Read under the seat's lock and with freezes held off: nothing of this changes until the revision is there."""
    if judgment.assignment_id is None:
        raise NotRevisable("This answer follows from a ranking or an edit: change that one.")
    if Withdrawal.objects.filter(judgment=judgment).exclude(reason=REPLACED).exists():
        raise NotRevisable("You took this answer back. It can be judged again on the bench.")
    if Judgment.objects.filter(assignment=judgment.assignment_id, revision__gt=judgment.revision).exists():
        raise NotRevisable("A newer answer of yours took the place of this one. Open that one to change it.")
    if judgment.pk <= comparison.batch.frozen_judgment:
        raise Frozen("This answer is in a snapshot by now, and a snapshot never changes. It stays as it was.")
    if comparison.batch.kind in (LIVE, RED_TEAM):
        raise NotRevisable("The conversation went on from this answer, so it stays as it was.")
    if Adjudication.objects.filter(comparison=comparison).exists():
        raise NotRevisable("A reviewer has settled this comparison, so your answer stays as it was.")


def _replace(judgment: Judgment, *, answer: Answer, key: UUID, now: datetime) -> Judgment:
    Withdrawal.objects.create(judgment=judgment, reason=REPLACED, at=now)
    return Judgment.objects.create(
        assignment_id=judgment.assignment_id,
        comparison_id=judgment.comparison_id,
        rater_id=judgment.rater_id,
        guideline_version_id=judgment.guideline_version_id,
        revision=judgment.revision + 1,
        swapped=judgment.swapped,
        purpose=judgment.purpose,
        surplus=judgment.surplus,
        key=key,
        fingerprint=answer.fingerprint(),
        created_at=now,
        **answer.canonical(swapped=judgment.swapped),
    )


def _cite(revision: Judgment, answer: Answer) -> None:
    if not answer.rules:
        return
    rules = list(Rule.objects.filter(version=revision.guideline_version_id, pk__in=answer.rules))
    if len(rules) != len(set(answer.rules)):
        raise ForeignRule("A chosen rule is not in the guideline you were shown.")
    revision.rules.set(rules)


def freeze_judgments(project: Project, *, upto: int, batches: Collection[int] | None = None) -> None:
    """From now on no judgment up to the id `upto` is revised, in these batches or in all of the project.

    Only inside the transaction that holds the lock SUBMITS alone: no revision is on its way then. A cut that fails
    later leaves them frozen, which costs an edit and never a snapshot.
    """
    frozen = Batch.objects.filter(project=project, frozen_judgment__lt=upto)
    if batches:
        frozen = frozen.filter(pk__in=batches)
    frozen.update(frozen_judgment=Greatest(F("frozen_judgment"), upto))

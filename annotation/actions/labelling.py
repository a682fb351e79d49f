"""Labelling: folding judgments into labels, and a reviewer's verdict on a contested comparison."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from annotation import queries
from annotation.actions.judging import while_no_freeze
from annotation.actions.ordering import sort_silver
from annotation.actions.slots import follow_labels, hold_adaptive_batches
from annotation.aggregation import SoftLabel, aggregate
from annotation.models import Adjudication, Comparison, Label
from raters.actions import note

if TYPE_CHECKING:
    from datetime import datetime

    from guidelines.models import Rule
    from raters.models import User

FIELDS = ("soft", "tie", "score", "certainty", "judgments", "method", "computed_at")


class JudgedItThemselves(Exception):
    """A reviewer never settles a comparison they judged as a rater."""


@transaction.atomic
def fold_labels(*, now: datetime, limit: int = 500) -> int:
    """Make the labels of comparisons whose judgments changed. Safe to call at any time; returns how many.

    Where a batch's overlap is adaptive, a comparison whose label is certain enough closes in the same transaction, and
    one whose label is not gets more places.
    """
    rules = hold_adaptive_batches()
    # Its row is the comparison's lock: a judgment on its way waits, and finds the places that its label leaves.
    # Lending only refers to the row, and does not wait.
    due = list(
        Comparison.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .filter(Q(batch__in=rules) | Q(batch__overlap_certain=None) | Q(batch__closed_at__isnull=False), label_due=True)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    counted: dict[int, list[int]] = defaultdict(list)
    for comparison_id, preference in (
        queries.counted_judgments().filter(comparison__in=due).values_list("comparison", "preference")
    ):
        counted[comparison_id].append(preference)
    verdicts = dict(
        Adjudication.objects.filter(comparison__in=due).order_by("pk").values_list("comparison", "preference")
    )
    labels = {pk: _label(counted[pk], verdicts.get(pk)) for pk in due if counted[pk] or pk in verdicts}
    Label.objects.bulk_create(
        (_row(pk, label, now=now) for pk, label in labels.items()),
        update_conflicts=True,
        unique_fields=["comparison"],
        update_fields=FIELDS,
    )
    Label.objects.filter(comparison__in=set(due) - labels.keys()).delete()
    if rules:
        follow_labels(due, rules=rules, counted=counted, settled=verdicts.keys(), now=now)
    Comparison.objects.filter(pk__in=due).update(label_due=False)
    sort_silver(due)
    return len(due)


def _label(preferences: list[int], verdict: int | None) -> SoftLabel:
    if verdict is None:
        return aggregate(preferences)
    return replace(aggregate([verdict]), certainty=1.0, method="adjudication", n=len(preferences))


def _row(comparison_id: int, label: SoftLabel, *, now: datetime) -> Label:
    return Label(
        comparison_id=comparison_id,
        soft=label.soft,
        tie=label.tie,
        score=label.score,
        certainty=label.certainty,
        judgments=label.n,
        method=label.method,
        computed_at=now,
    )


@transaction.atomic
def adjudicate(
    comparison: Comparison, *, reviewer: User, preference: int, rule: Rule | None = None, text: str = ""
) -> Adjudication:
    """Settle a contested comparison. `preference` is canonical, -3 to 3. Raises JudgedItThemselves."""
    while_no_freeze(comparison.project_id)
    if queries.counted_judgments().filter(comparison=comparison, rater=reviewer).exists():
        raise JudgedItThemselves("You judged this one as a rater. Someone else has to settle it.")
    verdict = Adjudication.objects.create(
        comparison=comparison, reviewer=reviewer, preference=preference, rule=rule, note=text
    )
    Comparison.objects.filter(pk=comparison.pk).update(label_due=True)
    note(comparison.project, actor=reviewer, action="comparison.adjudicated", subject=comparison.pk)
    return verdict

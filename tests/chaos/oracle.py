"""What became of the storm, by the clients' own log: the database is asked about it, and not believed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from annotation import queries
from annotation.aggregation import aggregate
from annotation.kinds import canonical
from annotation.models import Assignment, Batch, Comparison, Judgment, Label, Purpose, Rendering, Seat
from raters.models import Standing

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tests.chaos.clients import Sent


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often each thing happened that must never happen."""

    lost: int
    """Acknowledged, and not there."""
    duplicated: int
    """There more than once, or one rater counted twice on one comparison."""
    invented: int
    """There, and never sent."""
    altered: int
    """Not what was sent."""
    overfilled: int
    """Comparisons with more judgments than slots."""
    drifted: int
    """Comparisons, slots, seats and gold scores whose counters differ from the judgments and from what was shown."""
    labels: int
    """Labels that differ from a fresh aggregation, are missing, or belong to nothing."""
    renderings: int
    """Texts that no worker rendered."""
    batches: int
    """Finished batches that are open, and open ones that are closed."""

    @property
    def is_clean(self) -> bool:
        """Nothing of it happened."""
        return not any(getattr(self, each.name) for each in fields(self))


def examine(sent: Sequence[Sent], acknowledged: Collection[str]) -> Verdict:
    """Compare the database with the log. Asks for everything: for the small world of a storm."""
    rows = list(Judgment.objects.select_related("assignment").order_by("pk"))
    by_key = Counter(str(row.key) for row in rows)
    said = {each.key: each for each in sent}
    return Verdict(
        lost=sum(key not in by_key for key in acknowledged),
        duplicated=sum(count - 1 for count in by_key.values()) + _counted_twice(),
        invented=sum(key not in said for key in by_key),
        altered=sum(not _same(row, said[str(row.key)]) for row in rows if str(row.key) in said),
        overfilled=_overfilled(),
        drifted=_drifted(),
        labels=_wrong_labels(),
        renderings=Rendering.objects.filter(state=Rendering.State.DUE).count(),
        batches=_wrong_batches(),
    )


def checks() -> int:
    """How many of the judgments were on gold that is kept apart: a storm without any proves nothing about it."""
    return Judgment.objects.filter(purpose=Purpose.GOLD).count()


def is_settled() -> bool:
    """Have the workers done what waited for them? What they did is `examine`'s business."""
    return not (
        Comparison.objects.filter(label_due=True).exists()
        or Rendering.objects.filter(state=Rendering.State.DUE).exists()
        or _wrong_batches()
    )


def _same(row: Judgment, sent: Sent) -> bool:
    return (
        row.assignment_id == sent.assignment
        and row.rater_id == sent.rater
        and row.preference == canonical(sent.shown, swapped=row.swapped)
        and row.assignment is not None
        and row.swapped == row.assignment.swapped
        and math.isclose(row.seconds, sent.seconds)
    )


def _counted_twice() -> int:
    pairs = queries.counted_judgments().values("comparison", "rater").annotate(n=Count("pk")).filter(n__gt=1)
    return sum(pair["n"] - 1 for pair in pairs)


def _for_labels() -> QuerySet[Judgment]:
    """What fills slots and makes labels: not gold that is kept apart."""
    return queries.counted_judgments().filter(purpose=Purpose.LABEL)


def _counted() -> Counter[int]:
    return Counter(_for_labels().values_list("comparison", flat=True))


def _slots() -> dict[int, tuple[int, int]]:
    """Of each comparison: how many slots it has, and how many are filled."""
    filled = Count("slots", filter=Q(slots__filled_at__isnull=False))
    rows = Comparison.objects.annotate(places=Count("slots"), taken=filled).values_list("pk", "places", "taken")
    return {pk: (places, taken) for pk, places, taken in rows}


def _overfilled() -> int:
    counted = _counted()
    return sum(counted[pk] > places for pk, (places, _) in _slots().items())


def _drifted() -> int:
    counted, slots = _counted(), _slots()
    comparisons = sum(
        not (filled == counted[pk] == slots[pk][1]) for pk, filled in Comparison.objects.values_list("pk", "filled")
    )
    judged = Counter(Judgment.objects.filter(withdrawal=None).values_list("rater", flat=True))
    seats = sum(judged[rater] != seat for rater, seat in Seat.objects.values_list("rater", "judged"))
    return comparisons + seats + _drifted_checks()


def _drifted_checks() -> int:
    """Gold is scored once for each judgment, and counted each time it is shown."""
    known = Judgment.objects.filter(withdrawal=None, comparison__gold_preference__isnull=False)
    scored = Counter(known.values_list("rater", flat=True))
    shown = Counter(Assignment.objects.exclude(purpose=Purpose.LABEL).values_list("comparison", flat=True))
    raters = sum(scored[rater] != seen for rater, seen in Standing.objects.values_list("user", "gold_seen"))
    return raters + sum(shown[pk] != counted for pk, counted in Comparison.objects.values_list("pk", "shown_as_check"))


def _wrong_labels() -> int:
    votes: dict[int, list[int]] = defaultdict(list)
    for comparison, preference in _for_labels().values_list("comparison", "preference"):
        votes[comparison].append(preference)
    labels = {label.comparison_id: label for label in Label.objects.all()}
    wrong = sum(pk not in labels or not _follows(labels[pk], votes[pk]) for pk in votes)
    return wrong + len(labels.keys() - votes.keys())


def _follows(label: Label, votes: list[int]) -> bool:
    fresh = aggregate(votes)
    there = (label.soft, label.tie, label.score, label.certainty, label.judgments)
    wanted = (fresh.soft, fresh.tie, fresh.score, fresh.certainty, fresh.n)
    return all(math.isclose(one, other) for one, other in zip(there, wanted, strict=True))


def _wrong_batches() -> int:
    waiting = Count("comparisons", filter=Q(comparisons__is_open=True))
    return sum(
        (left == 0) != (closed is not None)
        for left, closed in Batch.objects.annotate(left=waiting).values_list("left", "closed_at")
    )

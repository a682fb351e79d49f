"""Slots that follow the label: a comparison ends when its label is certain enough, and gets more places when it is not.

Lock order: batch, comparison, slot. Whoever makes a label holds its batch against being closed meanwhile, then the
comparison against judgments that are on their way; slots are only added. None is taken away: a rater who holds one
when the comparison ends may still answer, and the answer counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from annotation.aggregation import StoppingRule, wanted_slots
from annotation.models import Batch, Comparison, Slot
from annotation.routing import swapped

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

PANELS = 2


class BadOverlap(Exception):
    """The overlap that a batch begins with is not one that its stopping rule allows; no batch was opened."""


@dataclass(frozen=True, slots=True)
class Places:
    """A comparison's slots: how many there are, with which side slot 1 began, how many each panel has filled.

    Without panels everybody is of panel None.
    """

    count: int
    starts_swapped: bool
    filled: Mapping[int | None, int]

    @property
    def panels(self) -> int:
        """Among how many groups of raters the slots are shared evenly."""
        return len(self.filled)

    def wanted(self, judgments: int) -> int:
        """As many, or one more where two panels have to share them evenly."""
        return -(-judgments // self.panels) * self.panels

    def are_enough(self, wanted: int) -> bool:
        """Whether every panel has filled its share of the wanted slots."""
        return all(filled >= wanted // self.panels for filled in self.filled.values())

    def further(self, comparison: Comparison, *, wanted: int, now: datetime) -> list[Slot]:
        """Slots after those there are, up to the wanted number: sides and panels go on in turn. Free since `now`."""
        return [
            Slot(
                comparison=comparison,
                number=number,
                swapped=swapped(number, starts_swapped=self.starts_swapped),
                panel=None if None in self.filled else (number - 1) % PANELS,
                leased_until=now,
            )
            for number in range(self.count + 1, wanted + 1)
        ]


def columns_of(rule: StoppingRule | None, *, overlap: int, split_panels: bool) -> dict[str, int | float]:
    """The rule as columns of a batch whose comparisons begin with `overlap` slots. Raises BadOverlap."""
    if rule is None:
        return {}
    if not rule.least <= overlap <= rule.most:
        raise BadOverlap(f"Begin with {rule.least} to {rule.most} judgments a comparison, not with {overlap}.")
    if split_panels and rule.most % PANELS:
        raise BadOverlap(f"At most {rule.most} judgments: two panels share them evenly, so use an even number.")
    return {"overlap_least": rule.least, "overlap_most": rule.most, "overlap_certain": rule.certain}


def hold_adaptive_batches() -> dict[int, StoppingRule]:
    """The stopping rule of each open batch that has one and where labels are due; they are not closed meanwhile."""
    due = Comparison.objects.filter(batch=OuterRef("pk"), label_due=True)
    adaptive = Batch.objects.filter(overlap_certain__isnull=False, closed_at=None)
    held = adaptive.filter(Exists(due)).select_for_update(no_key=True).order_by("pk")
    return {
        pk: StoppingRule(least=least, most=most, certain=certain)
        for pk, least, most, certain in held.values_list("pk", "overlap_least", "overlap_most", "overlap_certain")
        if least is not None and most is not None and certain is not None
    }


def follow_labels(
    due: Collection[int],
    *,
    rules: Mapping[int, StoppingRule],
    counted: Mapping[int, Sequence[int]],
    settled: Collection[int],
    now: datetime,
) -> None:
    """Close or widen the comparisons among `due` whose batch has a rule, inside the transaction that locked them.

    `counted` are their preferences that count, by comparison; `settled` those a reviewer decided, which need no more.
    A comparison whose answer is known is left alone: there the raters are asked, not the question.
    """
    adaptive = Comparison.objects.filter(pk__in=due, batch__in=rules, gold_preference=None).order_by("pk")
    comparisons = list(adaptive.only("pk", "batch_id", "overlap", "is_open"))
    places = _places_of([comparison.pk for comparison in comparisons])
    changed: list[Comparison] = []
    opened: list[int] = []
    further: list[Slot] = []
    for comparison in comparisons:
        there = places[comparison.pk]
        judgments = wanted_slots(counted.get(comparison.pk, ()), rules=rules[comparison.batch_id])
        wanted = 0 if comparison.pk in settled else there.wanted(judgments)
        before = (comparison.overlap, comparison.is_open)
        further += there.further(comparison, wanted=wanted, now=now)
        comparison.overlap = max(comparison.overlap, wanted)
        comparison.is_open = not there.are_enough(wanted)
        if before != (comparison.overlap, comparison.is_open):
            changed.append(comparison)
        if comparison.is_open and not before[1]:
            opened.append(comparison.pk)
    freed(opened, now=now)
    Slot.objects.bulk_create(further)
    Comparison.objects.bulk_update(changed, ["overlap", "is_open"])


def freed(comparisons: Sequence[int], *, now: datetime) -> None:
    """Say of the slots that nobody was ever lent, in comparisons that open again, that they are free since `now`.

    Raters who have gone past these comparisons would not come by them again; a slot given back they find. One that is
    being filled at this moment is left alone: to wait for it here would be against the order of locks.
    """
    if not comparisons:
        return
    never_lent = Slot.objects.filter(comparison__in=comparisons, filled_at=None, rater=None, leased_until=None)
    free = list(never_lent.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    Slot.objects.filter(pk__in=free).update(leased_until=now)


def _places_of(comparisons: Sequence[int]) -> dict[int, Places]:
    """Read under the comparisons' locks: no slot is filled or freed meanwhile."""
    slots: dict[int, list[tuple[int | None, bool, bool]]] = defaultdict(list)
    rows = Slot.objects.filter(comparison__in=comparisons).order_by("comparison", "number")
    for pk, panel, side, filled_at in rows.values_list("comparison", "panel", "swapped", "filled_at"):
        slots[pk].append((panel, side, filled_at is not None))
    return {
        pk: Places(
            count=len(known),
            starts_swapped=known[0][1],
            filled={
                panel: sum(filled for of, _, filled in known if of == panel) for panel in {of for of, _, _ in known}
            },
        )
        for pk, known in slots.items()
    }

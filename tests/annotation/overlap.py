"""How adaptive overlap is told: a comparison with a stopping rule, judged by raters who come one after the other."""

from __future__ import annotations

from typing import Any

from annotation import actions
from annotation.aggregation import StoppingRule
from annotation.models import Comparison, Judgment
from raters.models import Project
from tests import make

RULE = StoppingRule(least=2, most=7, certain=0.85)


def adaptive(project: Project, *, overlap: int = 2, rule: StoppingRule = RULE, **more: Any) -> Comparison:
    """A comparison that is judged `overlap` times at first."""
    return make.comparison(project, overlap=overlap, adaptive=rule, **more)


def judged(project: Project, *preferences: int) -> list[Judgment]:
    """Each by a rater who comes new; the label follows each."""
    given = []
    for preference in preferences:
        given.append(make.judgment(make.rater(project), project, preference=preference))
        label()
    return given


def label() -> None:
    """The bell of labels rings."""
    actions.fold_labels(now=make.now())


def places(comparison: Comparison) -> tuple[int, int, bool]:
    """How many slots there are, how many are filled, and whether the comparison is lent."""
    comparison.refresh_from_db()
    assert comparison.slots.count() == comparison.overlap
    assert comparison.slots.exclude(filled_at=None).count() == comparison.filled
    return comparison.overlap, comparison.filled, comparison.is_open

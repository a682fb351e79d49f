"""The kinds of work. One definition drives the form, the page, what is stored and what is exported.

Only pairwise comparison exists so far. A step's `value` is as the rater sees it: negative leans to the left.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the scale, as displayed from left to right."""

    value: int
    key: str
    label: str
    side: str


PAIRWISE_STEPS = (
    Step(-3, "1", "A much better", "a"),
    Step(-2, "2", "A better", "a"),
    Step(-1, "3", "A slightly better", "a"),
    Step(0, "4", "About the same", "tie"),
    Step(1, "5", "B slightly better", "b"),
    Step(2, "6", "B better", "b"),
    Step(3, "7", "B much better", "b"),
)

IN_WORDS = {step.value: step.label for step in PAIRWISE_STEPS}


def canonical(shown: int, *, swapped: bool) -> int:
    """What was said about left and right, turned into what was said about responses A and B (and back)."""
    return -shown if swapped else shown

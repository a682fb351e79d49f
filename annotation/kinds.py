"""The kinds of work and what is asked in each: one definition drives form, page, row, API and export.

What a project asks is an `Asks`: read from JSON with `Asks.read`, which refuses what cannot be asked in words. A batch
keeps the `Asks` it was opened with, so that a judgment can always be read against what was asked.

`preference` is stored on one scale of -3 (A much better) to 3 (B much better), whatever the number of steps: a coarser
scale uses the values whose words it shares, so that labels of projects with different scales mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import Any

PAIRWISE = "pairwise"
RANKING = "ranking"
DEMONSTRATION = "demonstration"
EDIT = "edit"
LIVE = "live"
RED_TEAM = "red_team"
LEAST_RANKED, MOST_RANKED = 3, 9
MOST_QUALITIES = 6
LONGEST_TEXT = 40_000  # characters of a demonstration or an edit
LIVE_SOURCE = "live"  # of the prompts that conversations make
LONGEST_TURN = 4_000  # characters
MOST_EXCHANGES = 40  # in one conversation
MOST_OVERLAP = 9  # judgments of one comparison
SLUG = re.compile(r"[a-z][a-z0-9_]{0,29}")


class BadAsks(ValueError):
    """What is to be asked cannot be asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the scale, as displayed from left to right: a negative `value` leans to the left."""

    value: int
    key: str
    label: str
    short: str
    side: str


def _steps(*values: int) -> tuple[Step, ...]:
    words = {3: "much better", 2: "better", 1: "slightly better"}
    short = {3: "Much", 2: "Better", 1: "Slightly"}

    def step(place: int, value: int) -> Step:
        if not value:
            return Step(0, str(place), "About the same", "About the same", "tie")
        side = "A" if value < 0 else "B"
        return Step(value, str(place), f"{side} {words[abs(value)]}", short[abs(value)], side.lower())

    return tuple(step(place, value) for place, value in enumerate(values, start=1))


SCALES = {3: _steps(-2, 0, 2), 5: _steps(-3, -1, 0, 1, 3), 7: _steps(-3, -2, -1, 0, 1, 2, 3)}
PAIRWISE_STEPS = SCALES[7]
IN_WORDS = {step.value: step.label for step in PAIRWISE_STEPS}

FLAGS = {
    "unsafe": "Unsafe",
    "personal_data": "Personal data",
    "wrong_language": "Wrong language",
    "broken": "Broken",
    "factual_error": "Factual error",
}
"""What can be wrong with one response, whichever is better."""

QUALITY_WORDS = {-1: "A", 0: "Same", 1: "B"}

SKIP_REASONS = {
    "skip": "Skip this one",
    "language": "I do not read this language well enough",
    "knowledge": "I lack the knowledge to judge it",
    "broken": "Something is broken or missing",
    "distressing": "I would rather not read this",
}


def canonical(shown: int, *, swapped: bool) -> int:
    """What was said about left and right, turned into what was said about responses A and B (and back)."""
    return -shown if swapped else shown


@dataclass(frozen=True, slots=True)
class Quality:
    """One quality on which the responses are compared, beside the overall question."""

    name: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Asks:
    """What a rater is asked about two responses. `rationale_one_in` is 0 for never, 1 for always."""

    steps: int = 7
    qualities: tuple[Quality, ...] = (
        Quality("accurate", "Accurate", "Are its claims true?"),
        Quality("as_asked", "As asked", "Does it do what was asked, all of it?"),
        Quality("clear", "Clear", "Is it easy to follow, and no longer than it needs to be?"),
        Quality("safe", "Safe", "Could it hurt somebody?"),
    )
    qualities_required: bool = False
    rule_required: bool = False
    rationale_one_in: int = 4
    rationale_required: bool = False
    flags: tuple[str, ...] = tuple(FLAGS)
    show_words: bool = True
    read_to_end: bool = field(default=False)

    def __post_init__(self) -> None:
        if self.steps not in SCALES:
            raise BadAsks(f"A scale of {self.steps} steps: use 3, 5 or 7.")
        if len(self.qualities) > MOST_QUALITIES:
            raise BadAsks(f"{len(self.qualities)} qualities: ask about {MOST_QUALITIES} at most.")
        names = [quality.name for quality in self.qualities]
        if len(set(names)) != len(names):
            raise BadAsks("Two qualities have the same name.")
        for quality in self.qualities:
            if not SLUG.fullmatch(quality.name) or not 0 < len(quality.label) <= 40 or len(quality.hint) > 200:
                raise BadAsks(
                    f"The quality {quality.name!r}: a name of small letters, and a label of 1 to 40 characters."
                )
        if unknown := set(self.flags) - set(FLAGS):
            raise BadAsks(f"Unknown flag {min(unknown)}; there are {', '.join(FLAGS)}.")
        if not 0 <= self.rationale_one_in <= 1000:
            raise BadAsks("A reason is asked on 1 item in 1 to 1000, or never (0).")

    @property
    def scale(self) -> tuple[Step, ...]:
        """The steps, from left to right."""
        return SCALES[self.steps]

    def asks_rationale(self, number: int) -> bool:
        """Whether a reason is asked on the item with this number. The number says nothing about the item."""
        return bool(self.rationale_one_in) and number % self.rationale_one_in == 0

    def write(self) -> dict[str, Any]:
        """As JSON, to be kept with a batch."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Asks:
        """From JSON; what is not named keeps its default. Raises BadAsks."""
        unknown = set(data) - {*cls.__dataclass_fields__}
        if unknown:
            raise BadAsks(f"Unknown question {min(unknown)!r}.")
        try:
            given = dict(data)
            if "qualities" in given:
                given["qualities"] = tuple(Quality(**quality) for quality in given["qualities"])
            if "flags" in given:
                given["flags"] = tuple(given["flags"])
            return replace(cls(), **given)
        except TypeError as wrong:
            raise BadAsks(f"The questions cannot be read: {wrong}.") from wrong


@dataclass(frozen=True, slots=True)
class ImpliedPair:
    """Two responses by id (a is the smaller) and which an answer implies to be better: -1 a, 0 the same, 1 b."""

    a: int
    b: int
    sign: int


def implied_pairs(ranks: Mapping[int, int]) -> tuple[ImpliedPair, ...]:
    """Every pair of a ranking (response id to rank, 1 the best, equal ranks are ties), by ascending ids.

    Raises ValueError for fewer than two responses or a rank below 1.
    """
    if len(ranks) < 2 or min(ranks.values()) < 1:
        raise ValueError("A ranking has at least two responses, with ranks from 1.")
    return tuple(
        ImpliedPair(a, b, (ranks[b] < ranks[a]) - (ranks[a] < ranks[b])) for a, b in combinations(sorted(ranks), 2)
    )


def dense_ranks(order: Sequence[Sequence[int]]) -> dict[int, int]:
    """Response id to rank for groups of equals from best to worst: the first group has rank 1, the next 2."""
    return {response: rank for rank, group in enumerate(order, start=1) for response in group}

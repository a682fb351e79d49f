"""From the judgments of one comparison to its label.

A judgment is a preference from -3 (A much better) over 0 (about the same) to +3 (B much better), in the stored
order of the responses whatever side they were shown on. The votes decide which response is preferred; the strength
of the preferences only says by how much.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Decision = Literal["a", "b", "tie"]

STRONGEST = 3
"""Preferences run from -STRONGEST to +STRONGEST."""

EVEN = 1e-9
"""Shares this close to one half are one half: weighted sums are not exact."""


MOST_JUDGMENTS = 9
"""A comparison has at most this many places for judgments."""


class NoJudgments(ValueError):
    """There is nothing to aggregate: no judgment, or none that has any weight."""


@dataclass(frozen=True)
class SoftLabel:
    """The label of a comparison.

    soft: probability that B is preferred, 0 to 1: the share of votes for B, ties counting half.
    tie: share of ties, 0 to 1.
    certainty: chance that one more judgment leans to the side that `soft` favours, 0.5 to 1. It is Laplace's rule
        of succession, (n max(soft, 1 - soft) + 1) / (n + 2): one judgment gives 2/3, three that agree 4/5, and
        votes split evenly 1/2 however many there are. With weights, n is Kish's effective number of judgments.
        It knows nothing of how hard the comparison is, so it must not be sold as the chance of being right.
    n: how many judgments counted.
    method: how it was decided, "votes" or "weighted votes".
    score: mean preference, -3 to 3.
    margin: how much better the favoured response is, 0 to 1: abs(score) / 3. It is 0 when the mean preference
        points against the votes (one "much worse" against two "slightly better").
    """

    soft: float
    tie: float
    certainty: float
    n: int
    method: str
    score: float
    margin: float

    @property
    def decision(self) -> Decision:
        """Which response the votes prefer. Votes split evenly are a tie: strength does not break it, nor chance."""
        if self.soft == 0.5:
            return "tie"
        return "b" if self.soft > 0.5 else "a"


def aggregate(preferences: Sequence[int], *, weights: Sequence[float] | None = None) -> SoftLabel:
    """The label that these judgments make, the same in whatever order they come.

    weights, when given, say how much each judgment counts; one of weight 0 is left out. Raises NoJudgments when
    none counts, ValueError for a preference off the scale or a weight that is negative or not finite.
    """
    counted = [1.0] * len(preferences) if weights is None else [float(weight) for weight in weights]
    _refuse_bad_input(preferences, counted)
    votes = [(preference, weight) for preference, weight in zip(preferences, counted, strict=True) if weight > 0]
    if not votes:
        raise NoJudgments("No judgment counts for this comparison.")
    # Dividing by the heaviest first keeps huge and tiny weights within what a float can add up.
    heaviest = max(weight for _, weight in votes)
    votes = [(preference, weight / heaviest) for preference, weight in votes]
    total = math.fsum(weight for _, weight in votes)
    tie = math.fsum(weight for preference, weight in votes if preference == 0) / total
    for_b = math.fsum(weight for preference, weight in votes if preference > 0) / total
    soft = min(1.0, for_b + tie / 2)
    soft = 0.5 if abs(soft - 0.5) < EVEN else soft
    score = math.fsum(preference * weight for preference, weight in votes) / total
    score = max(-float(STRONGEST), min(float(STRONGEST), score))
    effective = total**2 / math.fsum(weight**2 for _, weight in votes)
    return SoftLabel(
        soft=soft,
        tie=min(1.0, tie),
        certainty=(effective * max(soft, 1 - soft) + 1) / (effective + 2),
        n=len(votes),
        method="votes" if weights is None else "weighted votes",
        score=score,
        margin=_margin(soft, score),
    )


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When a comparison has been judged often enough.

    At least `least` judgments and at most `most` (1 to 9); between the two it ends as soon as `chance_of_lead`
    reaches `certain`, above 0.5 and below 1. Raises ValueError, in words.
    """

    least: int
    most: int
    certain: float

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= MOST_JUDGMENTS:
            raise ValueError(
                f"From {self.least} to {self.most} judgments: use whole numbers from 1 to {MOST_JUDGMENTS}, "
                "the least first."
            )
        if not 0.5 < self.certain < 1:
            raise ValueError(f"Certain from {self.certain:g}: use a number above 0.5 and below 1.")


def chance_of_lead(leading: int, second: int) -> float:
    """Chance that more of all raters give the leading answer than the second, 0 to 1, from how many gave each.

    Under a uniform prior the share of the leading answer among the two is Beta(leading + 1, second + 1), whatever a
    third answer got; this is that distribution above one half, as a sum over a fair coin. It is 1 less the label
    uncertainty of Sheng, Provost and Ipeirotis, "Get another label?", KDD 2008. One answer gives 0.75, two that agree
    0.875, three to one 0.8125. It takes all raters to be alike, and says nothing of whether most of them are right.
    """
    tosses = leading + second + 1
    return sum(math.comb(tosses, heads) for heads in range(leading + 1)) / (1 << tosses)


def wanted_slots(preferences: Sequence[int], *, rules: StoppingRule) -> int:
    """How many judgments a comparison should have in all, given the `preferences` (-3 to 3) of those it has.

    The fewest that could make it certain, if all that are still to come agreed with the answer that leads: asking for
    so many at once costs no judgment that asking one at a time would save. A tie is an answer like the other two: two
    raters who call a tie agree. When the judgments are enough it is their number, and never more than `rules.most`.
    Stopping at a lead is the sequential test of Wald, Annals of Mathematical Statistics 16, 1945.
    """
    _refuse_bad_input(preferences, [1.0] * len(preferences))
    votes = Counter((preference > 0) - (preference < 0) for preference in preferences)
    second, leading = sorted(votes[answer] for answer in (-1, 0, 1))[1:]
    given = len(preferences)
    wanted = max(given, rules.least)
    while wanted < rules.most and chance_of_lead(leading + wanted - given, second) < rules.certain:
        wanted += 1
    return min(wanted, rules.most)


def _refuse_bad_input(preferences: Sequence[int], weights: Sequence[float]) -> None:
    if len(preferences) != len(weights):
        raise ValueError("There must be one weight for each judgment.")
    for preference in preferences:
        if preference != int(preference) or abs(preference) > STRONGEST:
            raise ValueError(f"{preference!r} is not a preference: use a whole number from -3 to 3.")
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"{weight!r} is not a weight: use a number from 0 up.")


def _margin(soft: float, score: float) -> float:
    points_against_the_votes = (soft - 0.5) * score < 0
    return 0.0 if points_against_the_votes else min(1.0, abs(score) / STRONGEST)

"""How far a rater's judgment can be trusted, from the gold items they answered.

The belief in a rater's accuracy is a Beta distribution. It starts at Beta(4, 1), a rater who is right four times in
five but might be anything, and each gold answer moves it: Beta(4 + right, 1 + wrong). A rater is paused for a person
to look at when it is nearly certain that they are below the floor; nobody is banned, and no pay denied, by this.

Gold alone is slow: by simulation it finds about half of those who answer at random within 20 items and 85 % within
40, and almost nobody honest. It is the floor that can be explained in one sentence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betainc, betaincinv

PRIOR_RIGHT = 4.0
PRIOR_WRONG = 1.0
FLOOR = 0.70
"""Accuracy on gold below which a rater's judgments cost more than they bring."""
SURE = 0.95
"""How certain it must be that a rater is below the floor before they are paused."""
AT_LEAST = 5
"""Gold answers before anyone is paused: a bad first minute is not a verdict."""


@dataclass(frozen=True)
class Trust:
    """The belief in a rater's accuracy on gold.

    mean, and low and high of the central 95 % interval; below_floor: probability that the accuracy is under FLOOR;
    right of answered gold items. All but the last two are between 0 and 1.
    """

    mean: float
    low: float
    high: float
    below_floor: float
    right: float
    answered: float

    @property
    def should_pause(self) -> bool:
        """Whether the rater should wait for a person to look at their work."""
        return self.answered >= AT_LEAST and self.below_floor > SURE


def gold_trust(*, right: float, answered: float) -> Trust:
    """The belief after `right` of `answered` gold items, which may be fractions when older answers count less.

    Raises ValueError for numbers that cannot be counts.
    """
    if not (math.isfinite(answered) and 0 <= right <= answered):
        raise ValueError(f"{right} right of {answered} answered: right must be from 0 to answered.")
    a, b = PRIOR_RIGHT + right, PRIOR_WRONG + answered - right
    return Trust(
        mean=a / (a + b),
        low=float(betaincinv(a, b, 0.025)),
        high=float(betaincinv(a, b, 0.975)),
        below_floor=float(betainc(a, b, FLOOR)),
        right=right,
        answered=answered,
    )

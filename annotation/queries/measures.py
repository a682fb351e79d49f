"""What is measured of a rater's work, for the rater: each figure with its n, how it was measured, what to do next.

Only sums leave this file. Below `FEWEST` answers there is no figure: it would be chance, and could point at one item.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from annotation.charts import Svg, whisker
from annotation.models import Judgment
from annotation.queries.work import counted_judgments
from raters.trust import gold_trust

if TYPE_CHECKING:
    from datetime import datetime

    from raters.models import Project, User

WINDOW = timedelta(days=30)
FEWEST = 20
FEWEST_CHECKED = 5
VOTES = 3  # judgments of a label before anyone is measured against it
MOST_OWN, MOST_TEAM = 500, 1000  # answers that are looked at, so that a page costs the same after years
TEAM_FROM, TEAM_RATERS = 100, 3
APART = 0.05


@dataclass(frozen=True, slots=True)
class OwnQuality:
    """What checked items say of the rater, with how sure that is."""

    right: int
    seen: int
    percent: str
    low: str
    high: str
    whisker: Svg


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the rater's answers of the last thirty days, and of the team's where that is known."""

    percent: str
    n: int
    team: str
    advice: str


def checked(project: Project, rater: User, *, now: datetime) -> OwnQuality | None:
    """The share of checked items right in the thirty days up to this morning. None before there are `FEWEST_CHECKED`.

    It is as it stood this morning, whatever was answered, changed or taken back since: a figure that moved with an
    answer would tell whether the item is checked.
    """
    morning = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sides = Judgment.objects.filter(
        Q(withdrawal=None) | Q(withdrawal__at__gte=morning),
        rater=rater,
        comparison__project=project,
        comparison__gold_preference__isnull=False,
        surplus=False,
        created_at__lt=morning,
        created_at__gte=morning - WINDOW,
    ).values_list("preference", "comparison__gold_preference")
    right = [(said > 0) - (said < 0) == (known > 0) - (known < 0) for said, known in sides if known is not None]
    if len(right) < FEWEST_CHECKED:
        return None
    trust = gold_trust(right=sum(right), answered=len(right))
    title = f"Between {trust.low:.0%} and {trust.high:.0%} of checked items right"
    return OwnQuality(
        right=sum(right),
        seen=len(right),
        percent=f"{sum(right) / len(right):.0%}",
        low=f"{trust.low:.0%}",
        high=f"{trust.high:.0%}",
        whisker=whisker(trust.mean, trust.low, trust.high, title=title, tone="acc"),
    )


def agreement_and_ties(project: Project, rater: User, *, now: datetime) -> tuple[Share | None, Share | None]:
    """How often the rater is on the side of the final label, and how often they say "about the same". Two questions."""
    given = counted_judgments().filter(
        comparison__project=project, assignment__isnull=False, created_at__gte=now - WINDOW
    )
    own = list(
        given.filter(rater=rater)
        .order_by("-pk")
        .values_list(
            "preference",
            "comparison__label__score",
            "comparison__label__judgments",
            "comparison__label__method",
            "comparison__label_due",
        )[:MOST_OWN]
    )
    if len(own) < FEWEST:
        return None, None
    team = list(given.exclude(rater=rater).order_by("-pk").values_list("rater", "preference")[:MOST_TEAM])
    sides = [agrees for row in own if (agrees := on_the_labels_side(*row)) is not None]
    return _agreement(sides), _ties([row[0] for row in own], team)


def on_the_labels_side(
    preference: int, score: float | None, votes: int | None, method: str | None, due: bool
) -> bool | None:
    """Whether a judgment and the final label lean to the same side; None where there is no label to measure by.

    `score` is the mean of `votes` preferences of which `preference` is one: it is taken out, so that nobody agrees
    with themselves. A reviewer's verdict stands as it is. What is even without this vote decides nothing.
    """
    if score is None or votes is None or due:
        return None
    if method == "adjudication":
        rest = score
    elif votes >= VOTES:
        rest = (score * votes - preference) / (votes - 1)
        if abs(rest) < 1e-6:
            return None
    else:
        return None
    return (preference > 0) - (preference < 0) == (rest > 0) - (rest < 0)


def _agreement(sides: list[bool]) -> Share | None:
    if len(sides) < FEWEST:
        return None
    return Share(
        percent=f"{sum(sides) / len(sides):.0%}",
        n=len(sides),
        team="",
        advice="Where a reviewer decided otherwise, Feedback says why and names the rule.",
    )


def _ties(own: list[int], team: list[tuple[int, int]]) -> Share:
    share = own.count(0) / len(own)
    if len(team) < TEAM_FROM or len({rater for rater, _ in team}) < TEAM_RATERS:
        return Share(f"{share:.0%}", len(own), "", "")
    others = sum(preference == 0 for _, preference in team) / len(team)
    advice = ""
    if share < others - APART:
        advice = "If you would flip a coin, say so."
    elif share > others + APART:
        advice = "Look once more for what one does better before you say so."
    return Share(f"{share:.0%}", len(own), f"{others:.0%}", advice)

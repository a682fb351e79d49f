"""The lead's quality page: agreement, gold accuracy, how the scale is used, and each rater with doubt shown.

Every figure rests on judgments given on two responses side by side. What a ranking or an edit implies is left out: it
had no side, no time of its own, and the pairs of one ranking agree with each other because they are one answer.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from django.core.paginator import Page, Paginator
from django.db.models import Aggregate, Case, Count, F, FloatField, Q, Sum, Value, When
from django.db.models.functions import Length

from annotation.agreement import Agreement, krippendorff_alpha
from annotation.charts import Chart, Mark, Series, Svg, line_chart, scale_bars, whisker
from annotation.models import Batch
from annotation.queries.work import given_judgments
from raters.models import Standing
from raters.trust import AT_LEAST, FLOOR, gold_trust

if TYPE_CHECKING:
    from datetime import datetime

    from raters.models import Project

LOOKED_AT = 50_000  # newest judgments that the page's figures rest on: the page stays quick whatever there is
BATCHES = 12
PER_PAGE = 25
USUAL_ALPHA = 0.667  # Krippendorff 2004: the least for tentative conclusions
FAST = 5.0  # median seconds below which nobody reads two responses
MANY = 30  # judgments from which a side or a length may be called a habit
UNLIKELY = 3.29  # standard errors: one honest rater in a thousand


class Median(Aggregate):
    """The middle value, by PostgreSQL."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure with its doubt in `detail`."""

    label: str
    value: str
    detail: str
    unit: str = ""
    change: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something for a person to look at; never a verdict."""

    text: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class RaterLine:
    """One rater in the table."""

    id: int
    name: str
    note: str
    judgments: int
    trust: str
    whisker: Svg
    checked: str
    median: str
    median_odd: bool
    left: str
    left_odd: bool
    longer: str
    longer_odd: bool
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class QualityPage:
    """Everything the template shows."""

    subtitle: str
    kpis: tuple[Kpi, ...]
    agreement: Chart
    agreement_note: str
    scale: Chart
    sides: Chart
    sides_note: str
    threshold: str
    raters: Page[RaterLine]


@dataclass(frozen=True, slots=True)
class _Column:
    """The judgments that the page looks at, column by column."""

    batch: np.ndarray
    comparison: np.ndarray
    prompt: np.ndarray
    preference: np.ndarray
    left: np.ndarray
    seconds: np.ndarray

    def alpha(self, where: np.ndarray | slice, rng: np.random.Generator) -> Agreement:
        return krippendorff_alpha(self.comparison[where], self.preference[where], prompts=self.prompt[where], rng=rng)


def quality_page(project: Project, *, now: datetime, number: str = "1") -> QualityPage:
    """The figures of the newest judgments, drawn."""
    seen = _look(project)
    rng = np.random.default_rng(0)  # the same page twice shows the same interval
    alpha = seen.alpha(slice(None), rng)
    batches = list(Batch.objects.filter(project=project).order_by("-pk").values_list("pk", "name")[:BATCHES])[::-1]
    return QualityPage(
        subtitle=f"{project.name}, the newest {len(seen.preference):,} judgments. {now:%H:%M} UTC.",
        kpis=_kpis(project, seen, alpha),
        agreement=_agreement_chart(seen, batches, rng),
        agreement_note="Krippendorff's α, ordinal, interval by prompt",
        scale=_scale(seen),
        sides=_sides(seen, batches),
        sides_note="sides are shuffled",
        threshold=f"{FLOOR:.2f} of checked items right",
        raters=_raters(project, number),
    )


def _look(project: Project) -> _Column:
    rows = list(
        given_judgments()
        .filter(comparison__project=project)
        .order_by("-pk")
        .values_list("comparison__batch", "comparison", "comparison__prompt", "preference", "swapped", "seconds")[
            :LOOKED_AT
        ]
    )
    batch, comparison, prompt, preference, swapped, seconds = np.array(rows, dtype=float).reshape(-1, 6).T
    shown = np.where(swapped > 0, -preference, preference)
    return _Column(batch.astype(int), comparison.astype(int), prompt.astype(int), preference, shown < 0, seconds)


def _kpis(project: Project, seen: _Column, alpha: Agreement) -> tuple[Kpi, ...]:
    gold = Standing.objects.filter(project=project).aggregate(right=Sum("gold_right"), seen=Sum("gold_seen"))
    checked = "none answered yet"
    share = "–"
    if gold["seen"]:
        trust = gold_trust(right=gold["right"], answered=gold["seen"])
        share, checked = (
            f"{100 * gold['right'] / gold['seen']:.1f}",
            f"{gold['seen']} checks, {trust.low:.0%} to {trust.high:.0%}",
        )
    spread = "no judgments yet"
    if len(seen.seconds) > 3:
        low, _, high = statistics.quantiles(seen.seconds, n=4)
        spread = f"middle half {_clock(low)} to {_clock(high)}"
    return (
        Kpi("Agreement, α", "–" if alpha.value is None else f"{alpha.value:.3f}", _interval(alpha)),
        Kpi("Checked items right", share, checked, unit="%" if gold["seen"] else ""),
        Kpi("Median time per item", _clock(float(np.median(seen.seconds))) if len(seen.seconds) else "–", spread),
        Kpi("Judgments", f"{given_judgments().filter(comparison__project=project).count():,}", _open(project)),
    )


def _open(project: Project) -> str:
    left = project.comparisons.filter(is_open=True).aggregate(left=Sum(F("overlap") - F("filled")))["left"] or 0
    return f"{left:,} still to come"


def _interval(alpha: Agreement) -> str:
    if alpha.value is None:
        return alpha.reason
    if alpha.low is None or alpha.high is None:
        return f"{alpha.units} comparisons, too few prompts for an interval"
    return f"interval {alpha.low:.3f} to {alpha.high:.3f}"


def _agreement_chart(seen: _Column, batches: list[tuple[int, str]], rng: np.random.Generator) -> Chart:
    found = [(place, seen.alpha(seen.batch == pk, rng)) for place, (pk, _) in enumerate(batches)]
    known = [(place, alpha) for place, alpha in found if alpha.value is not None and alpha.low is not None]
    if not known:
        return Chart()
    last = known[-1][1]
    return line_chart(
        [
            Series(
                "",
                [place for place, _ in known],
                [alpha.value or 0.0 for _, alpha in known],
                [alpha.low or 0.0 for _, alpha in known],
                [alpha.high or 0.0 for _, alpha in known],
                dots=True,
            )
        ],
        title=f"Agreement in the newest batch is {last.value:.3f}, {_interval(last)}",
        x_name="Batch",
        x_labels=[(float(place), batches[place][1]) for place, _ in known],
        limits=[Mark(USUAL_ALPHA, f"usual target {USUAL_ALPHA}")],
        size=(620, 270),
    )


def _scale(seen: _Column) -> Chart:
    if not len(seen.preference):
        return Chart()
    counts = Counter(seen.preference.astype(int).tolist())
    percent = [100 * counts[step] / len(seen.preference) for step in range(-3, 4)]
    return scale_bars(percent, title=f"{percent[3]:.0f} per cent were judged about the same")


def _sides(seen: _Column, batches: list[tuple[int, str]]) -> Chart:
    decided = seen.preference != 0
    places, shares = [], []
    for place, (pk, _) in enumerate(batches):
        here = decided & (seen.batch == pk)
        if here.any():
            places.append(float(place))
            shares.append(100 * float(seen.left[here].mean()))
    if not places:
        return Chart()
    return line_chart(
        [Series("", places, shares, tone="ink", dots=True)],
        title=f"The left response was chosen in {shares[-1]:.1f} per cent of the newest batch",
        x_name="Batch",
        x_labels=[(place, batches[int(place)][1]) for place in places],
        y_range=(min(44.0, *shares), max(56.0, *shares)),
        limits=[Mark(50.0, "even")],
        size=(372, 130),
    )


def _raters(project: Project, number: str) -> Page[RaterLine]:
    standings = Standing.objects.filter(project=project).select_related("user").order_by("user__name", "pk")
    page = Paginator(standings, PER_PAGE).get_page(number)
    habits = _habits(project, [standing.user_id for standing in page])
    lines = [_line(standing, habits.get(standing.user_id, {})) for standing in page]
    return Page(lines, page.number, page.paginator)  # type: ignore[arg-type]  # the paginator counts standings


def _habits(project: Project, raters: list[int]) -> dict[int, dict[str, float]]:
    """For each rater: judgments, median seconds, and of those with a side: how many left, how many longer."""
    longer = Length("comparison__response_b__text") - Length("comparison__response_a__text")
    left = Q(preference__lt=0, swapped=False) | Q(preference__gt=0, swapped=True)
    rows = (
        given_judgments()
        .filter(comparison__project=project, rater__in=raters)
        .annotate(longer_by=longer)
        .values("rater")
        .annotate(
            judged=Count("pk"),
            median=Median("seconds"),
            decided=Count("pk", filter=~Q(preference=0)),
            left=Count("pk", filter=left),
            unequal=Count("pk", filter=~Q(preference=0) & ~Q(longer_by=0)),
            longer=Count(
                Case(When(Q(preference__gt=0, longer_by__gt=0) | Q(preference__lt=0, longer_by__lt=0), then=Value(1)))
            ),
        )
    )
    return {row["rater"]: cast("dict[str, float]", row) for row in rows}


def _line(standing: Standing, habit: dict[str, float]) -> RaterLine:
    trust = gold_trust(right=standing.gold_right, answered=standing.gold_seen)
    left, left_odd = _habit(habit.get("left", 0), habit.get("decided", 0), even=0.5)
    longer, longer_odd = _habit(habit.get("longer", 0), habit.get("unequal", 0), even=0.5, at_least=0.75)
    fast = habit.get("judged", 0) >= 5 and habit["median"] < FAST
    flags = (
        (standing.paused_at is not None, Flag("Paused", "warn", "pause")),
        (trust.should_pause, Flag("Checks often wrong", "bad", "triangle-alert")),
        (fast, Flag("Too fast", "bad", "zap")),
        (left_odd, Flag("Side bias", "bad", "columns-2")),
        (longer_odd, Flag("Prefers longer", "warn", "ruler")),
        (habit.get("judged", 0) > 0 and standing.gold_seen < AT_LEAST, Flag("Few checks yet", "", "hourglass")),
    )
    title = f"{standing.gold_right} of {standing.gold_seen} checks right, {trust.low:.0%} to {trust.high:.0%}"
    return RaterLine(
        id=standing.user_id,
        name=standing.user.name,
        note=f"half {standing.panel + 1}",
        judgments=int(habit.get("judged", 0)),
        trust=f"{trust.mean:.2f}",
        whisker=whisker(trust.mean, trust.low, trust.high, title=title, threshold=FLOOR)
        if standing.gold_seen
        else Svg(),
        checked=f"{standing.gold_right} of {standing.gold_seen}" if standing.gold_seen else "–",
        median=_clock(habit["median"]) if habit else "–",
        median_odd=fast,
        left=left,
        left_odd=left_odd,
        longer=longer,
        longer_odd=longer_odd,
        flags=tuple(flag for holds, flag in flags if holds),
    )


def _habit(chosen: float, of: float, *, even: float, at_least: float = 0.0) -> tuple[str, bool]:
    """A share in per cent, and whether so uneven a share would be chance in fewer than one rater in a thousand."""
    if not of:
        return "–", False
    share = chosen / of
    odd = of >= MANY and abs(share - even) > UNLIKELY * (even * (1 - even) / of) ** 0.5 and share >= at_least
    return f"{share:.0%}", bool(odd)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"

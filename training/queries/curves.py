"""A run's reports as charts: what it is about first, and whatever else it reported after that."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Window
from django.db.models.functions import Mod, RowNumber

from annotation.charts import Bin, Chart, Mark, Series, line_chart, number, reliability_diagram
from training.models import Run

if TYPE_CHECKING:
    from training.models import Metric

MOST_POINTS = 400
MOST_CHARTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartCard:
    """A chart with the words around it. A `tag` says what to look at, in the colour of its `tone`.

    `points` are the numbers of a curve by step, as JSON for static/js/curves.js; other charts have none.
    """

    title: str
    chart: Chart
    note: str = ""
    text: str = ""
    tag: str = ""
    tone: str = ""
    points: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Reported values that belong in one chart: (metric, label) each."""

    title: str
    lines: tuple[tuple[str, str], ...]
    limit: str = ""


PPO_CURVES = (
    Curve("KL to the reference", (("objective/kl", ""),), limit="kl_target"),
    Curve("Response length, words", (("response/words", ""),)),
    Curve("Entropy", (("objective/entropy", ""),)),
    Curve("Share of clipped updates", (("policy/clipfrac_avg", ""),)),
)
CURVES = {
    Run.Kind.BASE: (Curve("Loss", (("loss", ""),)),),
    Run.Kind.SFT: (Curve("Loss", (("loss", ""),)), Curve("Token accuracy", (("mean_token_accuracy", ""),))),
    Run.Kind.PPO: PPO_CURVES,
    Run.Kind.REWARD: (
        Curve("Loss", (("loss", ""),)),
        Curve("Accuracy", (("accuracy", "training"), ("eval_accuracy", "held-out"))),
    ),
    Run.Kind.DPO: (Curve("Loss", (("loss", ""),)), Curve("KL to the start", (("objective/kl", ""),), limit="max_kl")),
}
UNTOLD = {"epoch"}  # the step by another name
KNOWN_ELSEWHERE = {Run.Kind.PPO: {"objective/scores", "audit/scores", "objective/rlhf_reward"}}
Point = tuple[int, dict[str, Any]]


def points_of(run: Run) -> list[Point]:
    """The run's reports, by step; of a long run about four hundred of them, and always the last."""
    rows = run.metrics.all()
    stride = math.ceil(rows.count() / MOST_POINTS) or 1
    place = Window(RowNumber(), order_by=F("step").desc())
    thin = rows.annotate(phase=Mod(place - 1, stride)).filter(phase=0)
    return [(metric.step, metric.values) for metric in _ordered(thin)]


def _ordered(rows: Any) -> list[Metric]:
    return sorted(rows.order_by("step"), key=lambda metric: metric.step)


def charts_of(run: Run, points: Sequence[Point]) -> tuple[ChartCard, ...]:
    """The charts of the run's page. There is at least one, and it may still be empty."""
    kind = Run.Kind(run.kind)
    cards = []
    if kind == Run.Kind.PPO:
        cards.append(_reward_against_kl(points))
    if kind == Run.Kind.REWARD:
        cards.append(_calibration(run.results))
    curves = CURVES.get(kind, ())
    known = {metric for curve in curves for metric, _ in curve.lines} | KNOWN_ELSEWHERE.get(kind, set())
    others = sorted({metric for _, values in points for metric in values} - known - UNTOLD)
    curves = (*curves, *(Curve(_in_words(metric), ((metric, ""),)) for metric in others))
    drawn = [card for card in (_curve(run, curve, points) for curve in curves) if card.chart]
    return tuple([*cards, *drawn][:MOST_CHARTS]) or (ChartCard(title="Loss", chart=Chart()),)


def _reward_against_kl(points: Sequence[Point]) -> ChartCard:
    """What the policy gains for how far it goes: where the audit falls and the proxy rises, it learns to please."""
    found = [
        (math.sqrt(max(values["objective/kl"], 0.0)), values) for _, values in points if _is(values, "objective/kl")
    ]
    found.sort(key=lambda point: point[0])
    series = [
        Series(
            label, [x for x, values in found if _is(values, metric)], _values(found, metric), tone=tone, dashed=dashed
        )
        for metric, label, tone, dashed in (
            ("objective/scores", "proxy", "3", True),
            ("audit/scores", "audit", "acc", False),
        )
    ]
    chart = line_chart(
        series,
        title="Reward against the root of the KL to the reference",
        x_title="root KL, √nats",
        x_name="root KL",
    )
    text = "The audit model learnt from other raters than the proxy, and nothing is trained on it."
    return ChartCard(
        title="Reward against distance from the reference",
        chart=chart,
        note="mean of each batch",
        text=text if series[1].xs else "",
    )


def _calibration(results: dict[str, Any]) -> ChartCard:
    bins = [
        Bin(confidence=one["confidence"], accuracy=one["accuracy"], n=one["n"])
        for one in results.get("bins", [])
        if _is(one, "confidence") and _is(one, "accuracy") and _is(one, "n")
    ]
    ece = f"ECE {number(results['ece'])}" if _is(results, "ece") else ""
    return ChartCard(
        title="Calibration",
        chart=reliability_diagram(bins, title=f"How sure against how often right on held-out pairs. {ece}".strip()),
        note=ece,
    )


def _curve(run: Run, curve: Curve, points: Sequence[Point]) -> ChartCard:
    series = [
        Series(label, [step for step, values in points if _is(values, metric)], _values(points, metric))
        for metric, label in curve.lines
    ]
    limit = run.recipe.get(curve.limit) if curve.limit else None
    marks = [Mark(float(limit), curve.limit.replace("_", " "))] if limit is not None else []
    chart = line_chart(series, title=f"{curve.title} by step", x_title="step", x_name="step", limits=marks)
    last = next((values[m] for _, values in reversed(points) for m, _ in curve.lines if _is(values, m)), None)
    return ChartCard(
        title=curve.title,
        chart=chart,
        note=f"now {number(last)}" if last is not None else "",
        points=_as_json(series, marks) if chart else "",
    )


def _as_json(series: Sequence[Series], limits: Sequence[Mark]) -> str:
    """{"series": [{"label", "tone", "dashed", "xs", "ys"}], "limits": [{"at", "label"}]}; six digits are enough."""
    shown = []
    for each in series:
        points = [(x, float(f"{y:.6g}")) for x, y in zip(each.xs, each.ys, strict=True) if math.isfinite(y)]
        if points:
            xs, ys = zip(*points, strict=True)
            shown.append({"label": each.label, "tone": each.tone, "dashed": each.dashed, "xs": xs, "ys": ys})
    marks = [{"at": mark.at, "label": mark.label} for mark in limits]
    return json.dumps({"series": shown, "limits": marks}, separators=(",", ":"))


def _values(points: Sequence[tuple[float, dict[str, Any]]], metric: str) -> list[float]:
    return [values[metric] for _, values in points if _is(values, metric)]


def _is(values: dict[str, Any], metric: str) -> bool:
    """Whether a number was reported."""
    value = values.get(metric)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_words(metric: str) -> str:
    return metric.replace("/", ": ").replace("_", " ").capitalize()

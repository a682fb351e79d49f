"""The page of the loop: where the round stands, and how the rounds compare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from annotation.charts import Chart, Mark, Series, Svg, line_chart, number, spark
from evaluation.models import Alert, ModelComparison, Round, RoundRun
from evaluation.queries.rounds import start_of_next
from evaluation.queries.stages import Stage, Standing, stages_of
from training.models import Run
from training.queries.curves import Point, points_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raters.models import Project

LAST_ROUNDS = 3  # as many curves as the distance chart has room for
MOST_TABS = 12
SHOWN_ALERTS = 8
KINDS = {"human": ("people", "acc"), "gold": ("gold", "ink"), "audit": ("the other panel's reward model", "3")}
TONES = {
    Run.State.QUEUED: "",
    Run.State.RUNNING: "live",
    Run.State.DONE: "good",
    Run.State.FAILED: "bad",
    Run.State.CANCELLED: "warn",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A round to go to."""

    number: int
    current: bool


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert, open or decided."""

    id: int
    title: str
    text: str
    when: str
    tone: str
    icon: str
    is_open: bool
    href: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run of the round."""

    id: int
    name: str
    kind: str
    data: str
    result: str
    distance: str
    curve: Svg
    state: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPage:
    """Everything the page of the loop shows."""

    subtitle: str
    round_number: int | None
    rounds: tuple[Tab, ...] = ()
    stages: tuple[Stage, ...] = ()
    next_text: str = ""
    next_start: str = ""
    win_rate: Chart
    win_note: str = ""
    distance: Chart
    distance_note: str = ""
    alerts: tuple[AlertRow, ...] = ()
    alerts_open: int = 0
    runs: tuple[RunRow, ...] = ()


def loop_page(project: Project, number: int | None = None) -> LoopPage | None:
    """The loop with one round in view, the newest when none is named. None when there is no such round."""
    rounds = list(
        Round.objects.filter(project=project).select_related("reference", "start", "batch__guideline", "snapshot")
    )
    if not rounds:
        nothing = "No round was started yet."
        return LoopPage(subtitle=nothing, round_number=None, win_rate=Chart(), distance=Chart()) if not number else None
    shown = rounds[0] if number is None else next((round for round in rounds if round.number == number), None)
    if shown is None:
        return None
    parts = {part.part: part.run for part in _parts(shown)}
    curves = _curves(rounds)
    standing = Standing.of(shown, parts)
    alerts = _alerts(project)
    return LoopPage(
        subtitle=_subtitle(shown),
        round_number=shown.number,
        rounds=tabs(rounds, shown),
        stages=stages_of(standing),
        next_text=_next_text(standing),
        next_start=_next_start(project, rounds[0]),
        win_rate=_win_rate(project),
        win_note="against SFT, by prompt",
        distance=_distance(curves),
        distance_note="as the proxy scores it",
        alerts=alerts[:SHOWN_ALERTS],
        alerts_open=sum(alert.is_open for alert in alerts),
        runs=tuple(_row(run, curves.get(shown.number, ()) if part == "ppo" else ()) for part, run in parts.items()),
    )


def tabs(rounds: Sequence[Round], shown: Round) -> tuple[Tab, ...]:
    """The newest rounds by number, oldest first; the shown one among them."""
    kept = [round for place, round in enumerate(rounds) if place < MOST_TABS or round.pk == shown.pk]
    return tuple(Tab(round.number, round.pk == shown.pk) for round in reversed(kept))


def alert_row(alert: Alert, *, href: str = "") -> AlertRow:
    """An alert as a person reads it; a decided one ends with the decision."""
    is_open = alert.resolved_at is None
    text = alert.finding if is_open else f"{alert.finding} Decided: {alert.resolution}"
    return AlertRow(
        id=alert.pk,
        title=alert.title,
        text=text,
        when=f"round {alert.round.number}",
        tone="warn" if is_open else "good",
        icon="triangle-alert" if is_open else "circle-check",
        is_open=is_open,
        href=href,
        number=number(alert.value),
    )


def _parts(round: Round) -> list[RoundRun]:
    return list(RoundRun.objects.filter(round=round).select_related("run__snapshot", "run__start_from").order_by("pk"))


def _alerts(project: Project) -> tuple[AlertRow, ...]:
    """The open alerts of every round, then what was decided, newest first."""
    rows = Alert.objects.filter(round__project=project).select_related("round").order_by("-round__number", "signal")
    return tuple(sorted(map(alert_row, rows), key=lambda row: not row.is_open))


def _subtitle(round: Round) -> str:
    text = f"Round {round.number} started {round.started_at:%d %B %Y} from {round.start.name}"
    if round.batch is not None:
        text += f", judged under {round.batch.guideline}"
    return f"{text}."


def _next_text(standing: Standing) -> str:
    new = standing.round.results.get("new_prompts")
    if new is None:
        return "What evaluation finds goes into the next round."
    became = "1 failed probe became a prompt" if new == 1 else f"{new} failed probes became prompts"
    return f"Iterate: {became} of the next round."


def _next_start(project: Project, newest: Round) -> str:
    """The model the next round would start from, once the newest is over and nothing stands in the way."""
    if newest.state != Round.State.DONE:
        return ""
    start = start_of_next(project)
    return start.name if start else ""


def _win_rate(project: Project) -> Chart:
    """By round, in the eyes of everyone who judged: people and gold before the reward model of the other panel."""
    verdicts = ModelComparison.objects.filter(round__project=project, first=F("round__policy"), judge__in=KINDS)
    by_judge: dict[str, list[ModelComparison]] = {}
    for verdict in verdicts.select_related("round").order_by("round__number"):
        by_judge.setdefault(verdict.judge, []).append(verdict)
    series = [
        Series(
            label,
            [verdict.round.number for verdict in by_judge[judge]],
            [verdict.win_rate for verdict in by_judge[judge]],
            low=[verdict.low for verdict in by_judge[judge]],
            high=[verdict.high for verdict in by_judge[judge]],
            tone=tone,
            dots=True,
        )
        for judge, (label, tone) in KINDS.items()
        if judge in by_judge
    ]
    rounds = sorted({int(x) for each in series for x in each.xs})
    return line_chart(
        series,
        title="How often the policy of each round does better than the SFT model",
        x_title="round",
        x_name="Round",
        x_labels=[(x, str(x)) for x in rounds],
        limits=[Mark(0.5, "no better")],
    )


def _curves(rounds: Sequence[Round]) -> dict[int, Sequence[Point]]:
    """The reports of the last rounds' policy runs, by round."""
    runs = RoundRun.objects.filter(round__in=[round.pk for round in rounds[:LAST_ROUNDS]], part="ppo")
    return {part.round.number: points_of(part.run) for part in runs.select_related("round", "run").order_by("round")}


def _distance(curves: Mapping[int, Sequence[Point]]) -> Chart:
    """Reward against the root of the KL: how much was gained for going how far."""
    newest = max(curves, default=0)
    series = []
    for round_number, points in curves.items():
        walked = [
            (math.sqrt(max(values["objective/kl"], 0.0)), values["objective/scores"])
            for _, values in points
            if isinstance(values.get("objective/kl"), float) and isinstance(values.get("objective/scores"), float)
        ]
        xs, ys = [x for x, _ in walked], [y for _, y in walked]
        series.append(Series(f"round {round_number}", xs, ys, tone="acc" if round_number == newest else "3"))
    return line_chart(
        series, title="Reward reached for distance from the SFT model", x_title="root KL (nats)", x_name="Root KL"
    )


def _row(run: Run, points: Sequence[Point]) -> RunRow:
    kl = run.results.get("kl")
    rewards = [values["objective/scores"] for _, values in points if isinstance(values.get("objective/scores"), float)]
    return RunRow(
        id=run.pk,
        name=run.name,
        kind=run.get_kind_display(),
        data=str(run.snapshot or run.start_from or ""),
        result=f"accuracy {number(run.results['accuracy'])}" if _is_number(run.results.get("accuracy")) else "",
        distance=number(math.sqrt(max(float(kl), 0.0))) if _is_number(kl) and kl is not None else "",
        curve=spark(rewards, title=f"Reward of {run.name}", tone="acc"),
        state=_state(run),
        tone=TONES[Run.State(run.state)],
    )


def _state(run: Run) -> str:
    if run.state == Run.State.RUNNING and run.total_steps:
        return f"Step {run.step:,} of {run.total_steps:,}"
    return run.get_state_display()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

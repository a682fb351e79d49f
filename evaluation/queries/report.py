"""The page of one round: what it was made of, what came out, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from annotation.charts import Svg, number, whisker
from annotation.models import Prompt
from evaluation.models import BehaviourReport, Finding, ModelComparison, Round, RoundRun
from evaluation.queries.loop import AlertRow, Tab, alert_row, tabs
from evaluation.queries.rounds import probes_of, round_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raters.models import Project

JUDGES = {"human": "People", "gold": "Gold", "audit": "The other panel's reward model", "proxy": "The proxy"}
QUESTIONS = {"policy": "The policy against SFT", "sft-t03": "SFT at temperature 0.3 against SFT"}
GATES = {
    "reward_over_length": "Reward model beats length",
    "audit_win_rate": "The other panel agrees",
    "kl": "Distance from SFT",
    "length_ratio": "Length",
    "probes_failed": "Probes",
}
TONES = {Round.State.DONE: "good", Round.State.FAILED: "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """A figure at the head of the page."""

    label: str
    value: str
    unit: str = ""
    change: str = ""
    tone: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Warning:
    """What is wrong, in a line and a sentence."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """Who did better, in whose eyes."""

    name: str
    judge: str
    first: str
    second: str
    rate: str
    low: str
    high: str
    whisker: Svg
    prompts: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """A sign of reward hacking and its limit."""

    title: str
    finding: str
    value: str
    interval: str
    limit: str
    ok: bool


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate and whether it was passed."""

    name: str
    value: str
    limit: str
    passed: bool
    finding: str


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """How many probes of a kind were passed."""

    kind: str
    passed: int
    total: int
    before: str = ""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A probe that was failed, with the answer that failed it. Hostile text."""

    kind: str
    prompt: str
    response: str
    reason: str


@dataclass(frozen=True, slots=True)
class SampleRow:
    """The same prompt, answered before and after. Hostile text."""

    prompt: str
    sft: str
    policy: str


@dataclass(frozen=True, slots=True)
class Link:
    """Something the round was made of."""

    label: str
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a stage took."""

    stage: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPage:
    """Everything the page of a round shows."""

    number: int
    state: str
    tone: str
    summary: str
    reason: str
    can_resume: bool
    rounds: tuple[Tab, ...]
    warnings: tuple[Warning, ...]
    alerts: tuple[AlertRow, ...]
    kpis: tuple[Kpi, ...]
    comparisons: tuple[ComparisonRow, ...]
    signals: tuple[SignalRow, ...]
    gates: tuple[GateRow, ...]
    probes: tuple[ProbeRow, ...]
    findings: tuple[FindingRow, ...]
    samples: tuple[SampleRow, ...]
    links: tuple[Link, ...]
    stage_times: tuple[StageTime, ...]


def round_page(project: Project, number: int) -> RoundPage | None:
    """The page of a round, or None when the project has no such round."""
    round = round_of(project, number)
    if round is None:
        return None
    rounds = list(Round.objects.filter(project=project))
    verdicts = list(round.model_comparisons.select_related("first", "second").order_by("name", "judge"))
    findings = list(round.findings.select_related("probe").order_by("probe__key"))
    gates = tuple(_gate(gate) for gate in round.gates.order_by("pk"))
    return RoundPage(
        number=round.number,
        state=round.get_state_display(),
        tone=TONES.get(Round.State(round.state), "acc"),
        summary=_summary(round),
        reason=round.reason,
        can_resume=round.state == Round.State.FAILED and rounds[0].pk == round.pk,
        rounds=tabs(rounds, round),
        warnings=tuple(Warning(f"{gate.name}: not passed.", gate.finding) for gate in gates if not gate.passed),
        alerts=tuple(alert_row(alert) for alert in round.alerts.select_related("round").order_by("signal")),
        kpis=_kpis(round, verdicts),
        comparisons=tuple(_comparison(verdict) for verdict in verdicts),
        signals=tuple(_signal(signal) for signal in round.results.get("signals", ())),
        gates=gates,
        probes=_probes(round, findings) if "probes" in round.results else (),
        findings=tuple(_finding(finding) for finding in findings),
        samples=_samples(round),
        links=_links(project, round),
        stage_times=tuple(
            StageTime(Round.State(stage).label, _seconds(spent)) for stage, spent in round.stage_seconds.items()
        ),
    )


def _summary(round: Round) -> str:
    text = f"From {round.start.name}, held near {round.reference.name}; started {round.started_at:%d %B %Y at %H:%M}"
    if round.finished_at is not None:
        text += f", over after {_seconds((round.finished_at - round.started_at).total_seconds())}"
    return f"{text}."


def _kpis(round: Round, verdicts: Sequence[ModelComparison]) -> tuple[Kpi, ...]:
    results = round.results
    if "kl" not in results:
        return ()
    by_judge = {verdict.judge: verdict for verdict in verdicts if verdict.first_id == round.policy_id}
    judge = next(judge for judge in JUDGES if judge in by_judge)
    best, accuracy = by_judge[judge], results["rm"]["accuracy"]
    before, after = results["words_sft"], results["words_policy"]
    return (
        Kpi(
            label="Win rate against SFT",
            value=f"{best.win_rate:.1%}",
            detail=f"{best.low:.1%} to {best.high:.1%}, by {JUDGES[judge].lower()}",
        ),
        Kpi(
            label="Reward model accuracy",
            value="–" if accuracy is None else number(accuracy),
            detail="on held-out pairs of its own panel",
        ),
        Kpi(label="Distance from SFT", value=number(results["kl"]), unit=" nats", detail="KL of a response"),
        Kpi(label="Words", value=number(after), detail=f"SFT: {number(before)}"),
        Kpi(label="Judgments", value=f"{results['judgments']:,}", detail="in this round's batch"),
    )


def _comparison(verdict: ModelComparison) -> ComparisonRow:
    name, judge = QUESTIONS.get(verdict.name, verdict.name), JUDGES.get(verdict.judge, verdict.judge)
    return ComparisonRow(
        name=name,
        judge=judge,
        first=verdict.first.name,
        second=verdict.second.name,
        rate=f"{verdict.win_rate:.1%}",
        low=f"{verdict.low:.1%}",
        high=f"{verdict.high:.1%}",
        whisker=whisker(verdict.win_rate, verdict.low, verdict.high, title=f"{name}, {judge}", threshold=0.5),
        prompts=verdict.prompts,
        samples=verdict.samples,
    )


def _signal(signal: Mapping[str, Any]) -> SignalRow:
    low, high = signal["low"], signal["high"]
    return SignalRow(
        title=signal["title"],
        finding=signal["finding"],
        value=_shown(signal["value"]),
        interval="–" if low is None or high is None else f"{number(low)} to {number(high)}",
        limit=_shown(signal["limit"]),
        ok=not signal["tripped"],
    )


def _shown(value: float | None) -> str:
    return "–" if value is None else number(value)


def _gate(gate: Any) -> GateRow:
    return GateRow(GATES.get(gate.name, gate.name), _shown(gate.value), number(gate.limit), gate.passed, gate.finding)


def _probes(round: Round, findings: Sequence[Finding]) -> tuple[ProbeRow, ...]:
    asked = Counter(probe.kind for probe in probes_of(round))
    failed = Counter(finding.probe.kind for finding in findings)
    return tuple(ProbeRow(kind, total - failed[kind], total) for kind, total in asked.items())


def _finding(finding: Finding) -> FindingRow:
    question = str(finding.probe.messages[-1]["content"])
    return FindingRow(finding.probe.kind, question, finding.response, finding.reason)


def _samples(round: Round) -> tuple[SampleRow, ...]:
    """Prompts that both behaviour reports kept an answer to."""
    reports = BehaviourReport.objects.filter(round=round, name__in=("sft", "policy"))
    answers = {report.name: {row["prompt"]: row["text"] for row in report.samples} for report in reports}
    before, after = answers.get("sft", {}), answers.get("policy", {})
    prompts = Prompt.objects.filter(project=round.project_id).in_bulk(before.keys() & after.keys())
    return tuple(SampleRow(prompts[pk].question, before[pk], after[pk]) for pk in sorted(prompts))


def _links(project: Project, round: Round) -> tuple[Link, ...]:
    parts = RoundRun.objects.filter(round=round).select_related("run").order_by("pk")
    links = [Link("SFT model", round.reference.name), Link("Started from", round.start.name)]
    if round.batch is not None:
        links.append(Link("Guideline", str(round.batch.guideline)))
    if round.snapshot is not None:
        links.append(Link("Snapshot", round.snapshot.name, reverse("datasets", args=[project.slug])))
    runs = [
        Link(part.run.get_kind_display(), part.run.name, reverse("run", args=[project.slug, part.run_id]))
        for part in parts
    ]
    return (*links, *runs)


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

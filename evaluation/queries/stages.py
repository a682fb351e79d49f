"""A round as the six stages a person sees, each with its state in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, Sum, When
from django.urls import reverse

from annotation.charts import number
from annotation.models import Comparison
from evaluation.models import Gate, ModelComparison, Round
from training.models import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

State = Round.State
# Which states of the round belong to each stage, in order; "done" is after all of them.
ORDER = (State.CANDIDATES, State.COLLECTING, State.SNAPSHOT, State.REWARD, State.POLICY, State.EVALUATION, State.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One box of the loop. `kind` is done, live, wait or bad; `done` of `total` draws a progress bar."""

    icon: str
    title: str
    state: str
    tone: str
    kind: str
    value: str = "–"
    of: str = ""
    text: str = ""
    href: str = ""
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The facts the stages are made of, asked once."""

    round: Round
    at: int
    runs: Mapping[str, Run]
    judged: int
    wanted: int
    gates: Sequence[Gate]
    verdict: ModelComparison | None

    @classmethod
    def of(cls, round: Round, runs: Mapping[str, Run]) -> Standing:
        """How the round stands."""
        counted = Comparison.objects.filter(batch=round.batch_id, batch__isnull=False)
        # an adaptive comparison that ended early wants no more than it has
        ended = When(batch__overlap_certain__isnull=False, is_open=False, then=F("filled"))
        wanted = Sum(Case(ended, default=F("overlap")), default=0)
        sums = counted.aggregate(judged=Sum("filled", default=0), wanted=wanted)
        failed_in = round.results.get("failed_in", State.CANDIDATES)
        state = failed_in if round.state == State.FAILED else round.state
        return cls(
            round=round,
            at=ORDER.index(State(state)),
            runs=runs,
            judged=sums["judged"],
            wanted=sums["wanted"],
            gates=list(round.gates.order_by("pk")),
            verdict=round.model_comparisons.filter(name="policy", judge="audit").first(),
        )

    def kind(self, *states: State) -> str:
        """Whether the stage of these states is done, live, waiting, or where the round stopped."""
        first, last = ORDER.index(states[0]), ORDER.index(states[-1])
        if self.at > last:
            return "done"
        if self.at < first:
            return "wait"
        return "bad" if self.round.state == State.FAILED else "live"


def stages_of(standing: Standing) -> tuple[Stage, ...]:
    """The boxes, from candidates to the decision."""
    makers = (_candidates, _preferences, _reward, _policy, _red_team, _decide)
    return tuple(make(standing) for make in makers)


def _look(kind: str, *, live: str, done: str = "Done") -> dict[str, Any]:
    words = {"done": done, "live": live, "wait": "Waits", "bad": "Stopped"}
    tones = {"done": "good", "live": "live", "wait": "", "bad": "bad"}
    return {"kind": kind, "state": words[kind], "tone": tones[kind]}


def _run_of(standing: Standing, part: str) -> dict[str, Any]:
    """A link to the run, and its progress while it goes on."""
    run = standing.runs.get(part)
    if run is None:
        return {}
    link = {"href": reverse("run", args=[standing.round.project.slug, run.pk])}
    if run.is_over or not run.total_steps:
        return link
    return link | {"done": run.step, "total": run.total_steps}


def _candidates(standing: Standing) -> Stage:
    config = standing.round.config
    return Stage(
        icon="sparkles",
        title="Candidates",
        **_look(standing.kind(State.CANDIDATES), live="Generating"),
        value=f"{config['samples']}",
        of="a prompt",
        text=f"responses of {standing.round.start.name}, at temperature {number(config['temperature'])}",
        **_run_of(standing, "candidates"),
    )


def _preferences(standing: Standing) -> Stage:
    kind = standing.kind(State.COLLECTING, State.SNAPSHOT)
    snapshot = standing.round.snapshot
    going: dict[str, Any] = {}
    if kind == "live" and standing.wanted:
        going = {"done": standing.judged, "total": standing.wanted}
    return Stage(
        icon="scale",
        title="Preferences",
        **_look(kind, live="Freezing" if standing.at == ORDER.index(State.SNAPSHOT) else "Collecting"),
        value=f"{standing.judged:,}" if standing.wanted else "–",
        of=f"{standing.wanted:,}" if standing.wanted else "",
        text=f"judgments, frozen as {snapshot.name}" if snapshot else "judgments",
        href=reverse("quality", args=[standing.round.project.slug]),
        **going,
    )


def _reward(standing: Standing) -> Stage:
    run = standing.runs.get("rm")
    results = run.results if run else {}
    accuracy, ece = results.get("accuracy"), results.get("ece")
    text = "held-out accuracy"
    if ece is not None:
        text += f", calibration error {number(ece)}"
    return Stage(
        icon="gauge",
        title="Reward model",
        **_look(standing.kind(State.REWARD), live="Training two"),
        value="–" if accuracy is None else number(accuracy),
        text=text,
        **_run_of(standing, "rm"),
    )


def _policy(standing: Standing) -> Stage:
    run, kl = standing.runs.get("ppo"), standing.round.results.get("kl")
    value, text = "–", "nats a response from the SFT model"
    if kl is not None:
        value = number(kl)
    elif run is not None and run.total_steps:
        value, text = f"step {run.step:,}", f"of {run.total_steps:,}, {run.name}"
    return Stage(
        icon="bot",
        title="Policy",
        **_look(standing.kind(State.POLICY), live="Running"),
        value=value,
        text=text,
        **_run_of(standing, "ppo"),
    )


def _red_team(standing: Standing) -> Stage:
    results = standing.round.results
    probes = results.get("probes")
    return Stage(
        icon="shield-alert",
        title="Red team",
        **_look(standing.kind(State.EVALUATION), live="Evaluating"),
        value="–" if probes is None else str(results["probes_failed"]),
        of="" if probes is None else f"{probes} failed",
        text="probes, with the monitor and the comparison with SFT",
        **_run_of(standing, "eval-probes"),
    )


def _decide(standing: Standing) -> Stage:
    closed = sum(not gate.passed for gate in standing.gates)
    verdict, over = standing.verdict, standing.kind(State.DONE) == "live"
    kind = "done" if over else "wait"
    text = "share of held-out prompts on which the other panel's reward model prefers the policy"
    look = _look(kind, live="", done="Every gate passed")
    if over and closed:
        text = "; ".join(gate.finding.rstrip(".") for gate in standing.gates if not gate.passed) + "."
        look |= {"state": f"{closed} gate{'s' * (closed > 1)} not passed", "tone": "warn"}
    return Stage(
        icon="flag",
        title="Decide",
        **look,
        value="–" if verdict is None else number(verdict.win_rate),
        text=text,
        href=reverse("round", args=[standing.round.project.slug, standing.round.number]) if over else "",
    )

"""The pages of runs, already shaped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse

from annotation.charts import number
from annotation.models import Prompt
from training.models import ModelVersion, Run
from training.queries.curves import ChartCard, charts_of, points_of
from training.queries.files import first_responses

if TYPE_CHECKING:
    from datetime import datetime

    from django.core.paginator import Page
    from django.db.models import QuerySet

    from raters.models import Project

PER_PAGE = 25
SAMPLES = 6
TONES = {
    Run.State.QUEUED: "",
    Run.State.RUNNING: "live",
    Run.State.DONE: "good",
    Run.State.FAILED: "bad",
    Run.State.CANCELLED: "warn",
}
RESULT_NAMES = {
    "accuracy": "Accuracy, held-out pairs",
    "ece": "Calibration error (ECE)",
    "log_loss": "Log loss",
    "length_baseline": "Accuracy of “longer wins”",
    "n_train": "Pairs trained on",
    "n_test": "Pairs tested on",
    "kl": "KL, nats",
    "objective/kl": "KL, nats",
    "objective/scores": "Reward by the proxy",
    "audit/scores": "Reward by the audit",
    "response/words": "Words in a response",
    "loss": "Loss",
}
HEADLINES = (("accuracy", "accuracy"), ("kl", "KL"), ("objective/kl", "KL"), ("loss", "loss"))
ROLES = (
    ("reference", "Reference"),
    ("reward_model", "Reward model"),
    ("audit_model", "Audit model"),
    ("policy", "Policy"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in the list."""

    id: int
    name: str
    kind: str
    data: str
    result: str
    time: str
    when: str
    state: str
    tone: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what stands behind it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A word that may lead somewhere."""

    text: str
    href: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt and what the model answered. Hostile text."""

    prompt: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLive:
    """What changes while a run goes on."""

    id: int
    name: str
    state: str
    tone: str
    is_live: bool
    can_cancel: bool
    cancelling: bool
    step: int
    total: int
    left: str
    took: str
    reason: str
    summary: str
    results: tuple[Fact, ...]
    charts: tuple[ChartCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage(RunLive):
    """The whole page of a run."""

    crumbs: tuple[Link, ...]
    config: tuple[Fact, ...]
    lineage: tuple[Link, ...]
    samples: tuple[Sample, ...]


def runs_in(project: Project) -> QuerySet[Run]:
    """The project's runs, newest first."""
    return Run.objects.filter(project=project)


def models_in(project: Project) -> QuerySet[ModelVersion]:
    """The project's models, newest first."""
    return ModelVersion.objects.filter(project=project)


def newest_policy(project_id: int) -> ModelVersion | None:
    """The policy that answers in live conversations now."""
    return ModelVersion.objects.filter(project=project_id, kind=ModelVersion.Kind.POLICY).first()


def runs_of(project: Project, *, page: str | int | None, now: datetime) -> Page[RunRow]:
    """One page of the list of runs."""
    runs = runs_in(project).select_related("snapshot", "start_from")
    found: Page[Any] = Paginator(runs, PER_PAGE).get_page(page)
    found.object_list = [_row(run, now=now) for run in found.object_list]
    return found


def run_live(run: Run, *, may_cancel: bool, now: datetime) -> RunLive:
    """What the page of the run asks for again and again."""
    return RunLive(**_live(run, may_cancel=may_cancel, now=now))


def run_page(run: Run, *, may_cancel: bool, now: datetime) -> RunPage:
    """The page of the run."""
    return RunPage(
        **_live(run, may_cancel=may_cancel, now=now),
        crumbs=(Link(run.get_kind_display()),),
        config=_config(run),
        lineage=_lineage(run),
        samples=_samples(run),
    )


def _row(run: Run, *, now: datetime) -> RunRow:
    headline = next((f"{name} {_shown(run.results[key])}" for key, name in HEADLINES if key in run.results), "")
    return RunRow(
        id=run.pk,
        name=run.name,
        kind=run.get_kind_display(),
        data=str(run.snapshot or run.start_from or ""),
        result=headline,
        time=_took(run, now=now),
        when=f"{run.started_at or run.created_at:%d %b %Y %H:%M}",
        state=_state(run),
        tone=TONES[Run.State(run.state)],
        reason=run.reason if run.is_over else "",
    )


def _live(run: Run, *, may_cancel: bool, now: datetime) -> dict[str, Any]:
    cancelling = not run.is_over and run.cancel_requested_at is not None
    return {
        "id": run.pk,
        "name": run.name,
        "state": _state(run),
        "tone": TONES[Run.State(run.state)],
        "is_live": not run.is_over,
        "can_cancel": may_cancel and not run.is_over and not cancelling,
        "cancelling": cancelling,
        "step": run.step,
        "total": run.total_steps,
        "left": _left(run, now=now),
        "took": _took(run, now=now) if run.is_over else "",
        "reason": run.reason if run.is_over else "",
        "summary": _summary(run),
        "results": _results(run.results),
        "charts": charts_of(run, points_of(run)),
    }


def _state(run: Run) -> str:
    if run.state == Run.State.QUEUED and run.token:
        return "Queued again"
    return run.get_state_display()


def _summary(run: Run) -> str:
    parts = [run.get_kind_display()]
    if run.start_from is not None:
        parts.append(f"from {run.start_from}")
    if run.snapshot is not None:
        parts.append(f"on {run.snapshot}")
    if run.inputs.get("panel") is not None:
        parts.append(f"judgments of panel {run.inputs['panel']}")
    if run.attempts > 1:
        parts.append(f"attempt {run.attempts}")
    return ", ".join(parts) + "."


def _took(run: Run, *, now: datetime) -> str:
    if run.started_at is None:
        return ""
    return in_words(((run.finished_at or now) - run.started_at).total_seconds())


def _left(run: Run, *, now: datetime) -> str:
    if run.state != Run.State.RUNNING or not run.step or run.started_at is None or run.total_steps <= run.step:
        return ""
    return in_words((now - run.started_at).total_seconds() / run.step * (run.total_steps - run.step))


def in_words(seconds: float) -> str:
    """A time as a person says it: its two largest units."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _results(results: dict[str, Any]) -> tuple[Fact, ...]:
    """The numbers and words among the results; tables of them are charts, or nothing for a page."""
    facts = [
        Fact(f"Mean reward, {name}", _shown(value))
        for name, value in (results.get("mean") or {}).items()
        if isinstance(value, int | float)
    ]
    for key, value in results.items():
        if isinstance(value, int | float | str) and not key.endswith("_se"):
            spread = results.get(f"{key}_se")
            note = f"± {number(1.96 * spread)}" if isinstance(spread, int | float) else ""
            facts.append(
                Fact(RESULT_NAMES.get(key, key.replace("/", ": ").replace("_", " ").capitalize()), _shown(value), note)
            )
    return tuple(facts)


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else number(value)


def _config(run: Run) -> tuple[Fact, ...]:
    facts = [Fact(name.replace("_", " "), _shown(value)) for name, value in run.recipe.items()]
    return (*facts, Fact("time limit", in_words(run.time_limit)))


def _lineage(run: Run) -> tuple[Link, ...]:
    links = []
    slug = run.project.slug
    if run.snapshot is not None:
        href = f"{reverse('datasets', args=[slug])}?snapshot={run.snapshot.pk}"
        links.append(Link(run.snapshot.name, href, "Data"))
    if run.start_from is not None:
        links.append(_model_link("Starts from", run.start_from, slug))
    links += _input_links(run, slug)
    made = ModelVersion.objects.filter(run=run).first()
    if made is not None:
        links.append(Link(made.digest[:12], label="Made weights"))
    return tuple(links)


def _input_links(run: Run, slug: str) -> list[Link]:
    """The models and the run that `inputs` names by id."""
    named = {label: run.inputs.get(role) for role, label in ROLES}
    named |= {f"Reward model {name}": pk for name, pk in (run.inputs.get("reward_models") or {}).items()}
    models = ModelVersion.objects.in_bulk([pk for pk in named.values() if pk is not None])
    links = [_model_link(label, models[pk], slug) for label, pk in named.items() if pk in models]
    source = Run.objects.filter(pk=run.inputs.get("responses_from")).first()
    if source is not None:
        links.append(Link(source.name, reverse("run", args=[slug, source.pk]), "Responses of"))
    return links


def _model_link(label: str, model: ModelVersion, slug: str) -> Link:
    href = reverse("run", args=[slug, model.run_id]) if model.run_id else ""
    return Link(model.name, href, label)


def _samples(run: Run) -> tuple[Sample, ...]:
    if run.kind != Run.Kind.GENERATE or run.state != Run.State.DONE:
        return ()
    responses = first_responses(run, count=SAMPLES)
    prompts = Prompt.objects.in_bulk([int(response.prompt_id) for response in responses])
    return tuple(
        Sample(prompts[int(response.prompt_id)].question, response.text)
        for response in responses
        if int(response.prompt_id) in prompts
    )

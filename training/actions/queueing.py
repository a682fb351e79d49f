"""Asking for work: a run is a row in state queued, and the row is all there is to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from raters.actions import note
from training.models import GenerationRequest, ModelVersion, Run
from training.records import BadRecipe, read_recipe, recipe_data

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from annotation.models import Prompt
    from raters.models import Project, User
    from snapshots.models import Snapshot

PATHS = ("model", "reference", "reward_model", "audit_model", "reward_models", "policy")
NEEDS_START = (Run.Kind.SFT, Run.Kind.REWARD, Run.Kind.DPO, Run.Kind.PPO, Run.Kind.GENERATE)
NEEDS_SNAPSHOT = (Run.Kind.REWARD, Run.Kind.DPO)
NEEDS_MODEL = {Run.Kind.PPO: ("reference", "reward_model")}
MAY_NAME_MODEL = {Run.Kind.PPO: ("audit_model",), Run.Kind.SCORE: ("policy", "reference")}
REWARDS = ("reward_model", "audit_model")


class RefusedRecipe(Exception):
    """What was asked for cannot be run; the message says which part of it and what would do."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a run is asked to do, in the shape it is stored."""

    kind: str
    recipe: dict[str, Any]
    inputs: dict[str, Any]
    snapshot: Snapshot | None
    start_from: ModelVersion | None


def queue_run(
    project: Project,
    *,
    kind: str,
    name: str,
    recipe: Mapping[str, Any],
    snapshot: Snapshot | None = None,
    start_from: ModelVersion | None = None,
    inputs: Mapping[str, Any] | None = None,
    time_limit: int = 3600,
    by: User | None = None,
) -> Run:
    """Ask for a run. Asked twice under one name, it is one run. Raises RefusedRecipe.

    `recipe` holds the fields of the kind's recipe in training.records, except the paths: which models and data they
    stand for is said by `start_from`, `snapshot` and `inputs` ({"panel"}, {"reference", "reward_model",
    "audit_model"}, {"responses_from", "reward_models", "policy", "reference"} or {"texts"}).
    """
    if kind not in Run.Kind.values:
        raise RefusedRecipe(f"kind={kind!r}: use one of {', '.join(Run.Kind.values)}.")
    if not name or len(name) > 64:
        raise RefusedRecipe(f"name={name[:80]!r}: use 1 to 64 characters.")
    if not 1 <= time_limit <= settings.TARE_RUN_LIMIT_SECONDS:
        raise RefusedRecipe(f"time_limit={time_limit}: use 1 to {settings.TARE_RUN_LIMIT_SECONDS} seconds.")
    order = _Order(kind, _checked(kind, recipe), dict(inputs or {}), snapshot, start_from)
    _check_inputs(project, order, name=name)
    return _queued(project, order, name=name, time_limit=time_limit, by=by)


@transaction.atomic
def queue_generation(
    project: Project,
    *,
    name: str,
    model: ModelVersion,
    prompts: Collection[Prompt],
    samples: int,
    temperature: float,
    seed: int,
    max_new_tokens: int,
    purpose: str,
    by: User | None = None,
) -> Run:
    """Ask a model for `samples` responses to each prompt. Asked twice, it is one run. Raises RefusedRecipe."""
    if not prompts:
        raise RefusedRecipe("prompts: name at least one to respond to.")
    if any(prompt.project_id != project.pk for prompt in prompts):
        raise RefusedRecipe("prompts: all of them must be of this project.")
    if not 1 <= samples <= 512 or not 0 <= temperature <= 5:
        raise RefusedRecipe("samples and temperature: use 1 to 512 samples, at a temperature from 0 to 5.")
    recipe = {"samples": samples, "temperature": temperature, "seed": seed, "max_new_tokens": max_new_tokens}
    run = queue_run(project, kind=Run.Kind.GENERATE, name=name, recipe=recipe, start_from=model, by=by)
    request, new = GenerationRequest.objects.get_or_create(
        run=run, defaults={"model": model, "purpose": purpose, "samples": samples, "temperature": temperature}
    )
    if new:
        request.prompts.set(prompts)
    return run


def _checked(kind: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with its defaults written out, so that a later default does not change a run that was asked for."""
    given = {key: value for key, value in recipe.items() if key != "kind"}
    for field in PATHS:
        if field in given:
            raise RefusedRecipe(f"{field}: a recipe names no paths; name a model with start_from or inputs.")
    stand_ins: dict[str, Any] = {"model": ".", "reference": ".", "reward_model": ".", "reward_models": {".": "."}}
    takes = {
        Run.Kind.BASE: (),
        Run.Kind.PPO: ("model", "reference", "reward_model"),
        Run.Kind.SCORE: ("reward_models",),
    }.get(Run.Kind(kind), ("model",))
    try:
        whole = read_recipe({"kind": kind, **given, **{field: stand_ins[field] for field in takes}})
    except BadRecipe as refusal:
        raise RefusedRecipe(str(refusal)) from refusal
    return {field: value for field, value in recipe_data(whole).items() if field not in (*PATHS, "kind")}


def _check_inputs(project: Project, order: _Order, *, name: str) -> None:
    """Refuse what could not be prepared whatever happens until then."""
    if order.kind in NEEDS_START and order.start_from is None:
        raise RefusedRecipe(f"start_from: a run of kind {order.kind} needs a model to start from.")
    if order.kind in NEEDS_SNAPSHOT and order.snapshot is None:
        raise RefusedRecipe(f"snapshot: a run of kind {order.kind} needs one to learn from.")
    for owned in (order.start_from, order.snapshot):
        if owned is not None and owned.project_id != project.pk:
            raise RefusedRecipe(f"{owned}: it is not of this project.")
    _check_models(project, order)
    if order.kind == Run.Kind.SCORE:
        _check_responses(project, order.inputs)
    if order.kind == Run.Kind.BASE and not isinstance(order.inputs.get("texts"), str):
        raise RefusedRecipe("inputs: a base model needs texts, the path of a JSONL file.")
    if order.inputs.get("panel") not in (None, 0, 1):
        raise RefusedRecipe(f"panel={order.inputs['panel']!r}: use 0, 1 or none.")
    if ModelVersion.objects.filter(project=project, name=name).exclude(run__name=name).exists():
        raise RefusedRecipe(f"name={name!r}: a model of this project has that name already.")


def _check_models(project: Project, order: _Order) -> None:
    """The models that `inputs` names by id are there, are of this project, and are what they are named for."""
    kind, inputs = Run.Kind(order.kind), order.inputs
    named: dict[str, Any] = {role: inputs.get(role) for role in NEEDS_MODEL.get(kind, ())}
    named |= {role: inputs[role] for role in MAY_NAME_MODEL.get(kind, ()) if inputs.get(role) is not None}
    rewards = set(REWARDS)
    if kind == Run.Kind.SCORE:
        scorers = inputs.get("reward_models") or {}
        if not scorers and inputs.get("policy") is None:
            raise RefusedRecipe("inputs: name at least one of reward_models, or a policy.")
        if inputs.get("reference") is not None and inputs.get("policy") is None:
            raise RefusedRecipe("inputs: a reference is of use only beside a policy.")
        named |= scorers
        rewards |= set(scorers)
    known = dict(ModelVersion.objects.filter(project=project, pk__in=_ids(named)).values_list("pk", "kind"))
    for role, model in named.items():
        if known.get(model) is None:
            raise RefusedRecipe(f"{role}={model!r}: there is no such model in this project.")
        if (known[model] == ModelVersion.Kind.REWARD) != (role in rewards):
            raise RefusedRecipe(f"{role}={model!r}: that model is of kind {known[model]}.")


def _ids(named: Mapping[str, Any]) -> list[int]:
    return [model for model in named.values() if isinstance(model, int)]


def _check_responses(project: Project, inputs: Mapping[str, Any]) -> None:
    source = inputs.get("responses_from")
    generations = Run.objects.filter(project=project, kind=Run.Kind.GENERATE)
    if not isinstance(source, int) or not generations.filter(pk=source).exists():
        raise RefusedRecipe(f"responses_from={source!r}: there is no such generation run in this project.")


@transaction.atomic
def _queued(project: Project, order: _Order, *, name: str, time_limit: int, by: User | None) -> Run:
    """The one run of this name. The unique name decides between two that ask at the same time."""
    asked = {
        "kind": order.kind,
        "recipe": order.recipe,
        "inputs": order.inputs,
        "snapshot": order.snapshot,
        "start_from": order.start_from,
    }
    run, new = Run.objects.select_related("snapshot", "start_from").get_or_create(
        project=project, name=name, defaults={**asked, "time_limit": time_limit, "created_by": by}
    )
    if new:
        note(project, actor=by, action="run.queued", subject=name, details={"run": run.pk, "kind": order.kind})
        return run
    different = [field for field, value in asked.items() if getattr(run, field) != value]
    if different:
        raise RefusedRecipe(f"name={name!r}: there is a run of that name, with another {' and '.join(different)}.")
    return run

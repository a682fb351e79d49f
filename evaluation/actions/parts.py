"""A round's runs, each by the part it plays: asked for once, replaced only by `resume_round`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation.models import Round, RoundRun
from training import actions as training
from training.models import ModelVersion, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snapshots.models import Snapshot

# The reward model that trains the policy, the one that checks it, and the policy.
PROXY, AUDIT, POLICY = "rm", "rm-audit", "ppo"


class StageFailed(Exception):
    """The stage cannot go on, for the reason it says. The round ends as failed until someone resumes it."""


def part(round: Round, name: str, ask: Callable[[str], Run]) -> Run:
    """The run that plays this part. `ask` queues it, under the name it is given, when nobody did before.

    The caller holds the round's lock, and (round, part) is unique: a step taken twice asks once.
    """
    known = RoundRun.objects.select_related("run").filter(round=round, part=name).first()
    if known is not None:
        return known.run
    try:
        run = ask(_fresh_name(round, name))
    except training.RefusedRecipe as refusal:
        raise StageFailed(f"{name}: {refusal}") from refusal
    RoundRun.objects.create(round=round, part=name, run=run)
    return run


def is_done(run: Run) -> bool:
    """Whether the run made what it was asked for. Raises StageFailed if it never will."""
    if run.state == Run.State.CANCELLED:
        raise StageFailed(f"{run} was cancelled{': ' + run.reason if run.reason else '.'}")
    if run.state == Run.State.FAILED:
        raise StageFailed(f"{run} failed: {run.reason}")
    return run.state == Run.State.DONE


def model_of(round: Round, name: str) -> ModelVersion:
    """The model that the run of this part made."""
    return ModelVersion.objects.get(run__part_of__round=round, run__part_of__part=name)


def train(
    round: Round,
    name: str,
    *,
    kind: str,
    recipe: Mapping[str, Any],
    start_from: ModelVersion,
    inputs: Mapping[str, Any],
    snapshot: Snapshot | None = None,
) -> Run:
    """The training run of this part."""
    limit, seed = round.config["time_limit"], round.config["seed"]
    return part(
        round,
        name,
        lambda run_name: training.queue_run(
            round.project,
            kind=kind,
            name=run_name,
            recipe={**recipe, "seed": seed},
            start_from=start_from,
            inputs=dict(inputs),
            snapshot=snapshot,
            time_limit=limit,
            by=round.created_by,
        ),
    )


def drop_failed(round: Round) -> list[str]:
    """Forget the parts whose runs failed or were cancelled, so that their stage asks anew. Returns their names."""
    lost = RoundRun.objects.filter(round=round, run__state__in=[Run.State.FAILED, Run.State.CANCELLED])
    names = sorted(lost.values_list("part", flat=True))
    lost.delete()
    return names


def _fresh_name(round: Round, name: str) -> str:
    """Such as "r2-ppo"; the second attempt is "r2-ppo.2", since a failed run keeps its name."""
    base = f"r{round.number}-{name}"
    taken = set(Run.objects.filter(project=round.project, name__startswith=base).values_list("name", flat=True))
    names = [base, *(f"{base}.{attempt}" for attempt in range(2, len(taken) + 2))]
    return next(free for free in names if free not in taken)

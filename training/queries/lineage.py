"""What a model comes from: its ancestors, the runs that made them, the judgments and guidelines behind those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from training.models import ModelVersion

if TYPE_CHECKING:
    from snapshots.models import Snapshot
    from training.models import Run

# A policy comes from the model it started from, and from the reward model and the reference that pulled at it.
# The audit model is no ancestor: nothing was trained on what it said.
ANCESTRY = """
WITH RECURSIVE ancestry AS (
    SELECT id, parent_id, run_id FROM training_modelversion WHERE id = %s
    UNION
    SELECT older.id, older.parent_id, older.run_id
    FROM ancestry
    LEFT JOIN training_run ON training_run.id = ancestry.run_id
    JOIN training_modelversion older ON older.id IN (
        ancestry.parent_id,
        (training_run.inputs ->> 'reward_model')::bigint,
        (training_run.inputs ->> 'reference')::bigint
    ) AND older.project_id = %s
)
SELECT id FROM ancestry
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A model on the way here. `run` is the one that made it."""

    id: int
    name: str
    kind: str
    digest: str
    parent: int | None
    run: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A run on the way here: what it was asked and what it learnt from."""

    id: int
    name: str
    kind: str
    recipe: dict[str, Any]
    snapshot: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A frozen dataset on the way here."""

    id: int
    name: str
    sha256: str
    judgments: int
    raters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a model comes from.

    `parents` is the chain of models it was started from, nearest first; `models` are all its ancestors, reward models
    among them, newest first. A later snapshot holds the judgments of an earlier one as well, so `judgments` and
    `raters` are those of the largest snapshot, and not a sum.
    """

    model: int
    digest: str
    parents: tuple[Ancestor, ...]
    models: tuple[Ancestor, ...]
    runs: tuple[Step, ...]
    snapshots: tuple[Data, ...]
    guideline_versions: tuple[str, ...]
    judgments: int
    raters: int


def lineage_of(model: ModelVersion) -> Lineage:
    """All that led to the model, in two queries however long the chain is."""
    with connection.cursor() as cursor:
        cursor.execute(ANCESTRY, [model.pk, model.project_id])
        ids = [row[0] for row in cursor.fetchall()]
    family = list(ModelVersion.objects.filter(pk__in=ids).select_related("run__snapshot").order_by("-id"))
    runs = [one.run for one in family if one.run is not None]
    snapshots = {run.snapshot.pk: run.snapshot for run in runs if run.snapshot is not None}
    data = tuple(_data(snapshots[pk]) for pk in sorted(snapshots, reverse=True))
    return Lineage(
        model=model.pk,
        digest=model.digest,
        parents=_parents(model, family),
        models=tuple(_ancestor(one) for one in family if one.pk != model.pk),
        runs=tuple(_step(run) for run in runs),
        snapshots=data,
        guideline_versions=_guideline_versions(snapshots.values()),
        judgments=max((one.judgments for one in data), default=0),
        raters=max((one.raters for one in data), default=0),
    )


def _parents(model: ModelVersion, family: list[ModelVersion]) -> tuple[Ancestor, ...]:
    by_id = {one.pk: one for one in family}
    chain, parent = [], model.parent_id
    while parent is not None and parent in by_id:
        chain.append(_ancestor(by_id[parent]))
        parent = by_id[parent].parent_id
    return tuple(chain)


def _ancestor(model: ModelVersion) -> Ancestor:
    return Ancestor(
        id=model.pk,
        name=model.name,
        kind=model.kind,
        digest=model.digest,
        parent=model.parent_id,
        run=model.run_id,
    )


def _step(run: Run) -> Step:
    return Step(id=run.pk, name=run.name, kind=run.kind, recipe=run.recipe, snapshot=run.snapshot_id)


def _data(snapshot: Snapshot) -> Data:
    counts = snapshot.manifest.get("counts", {})
    return Data(
        id=snapshot.pk,
        name=snapshot.name,
        sha256=snapshot.sha256,
        judgments=counts.get("judgments", 0),
        raters=counts.get("raters", 0),
    )


def _guideline_versions(snapshots: Any) -> tuple[str, ...]:
    facts = [fact for snapshot in snapshots for fact in snapshot.manifest.get("guidelines", [])]
    return tuple(sorted({f"{fact['guideline']} {fact['version']}" for fact in facts}))

"""Doing the work: one worker at a time holds a run, for as long as it keeps saying so.

A claim hands out a lease and a token that grows with each claim. Whatever a worker writes about a run it writes under
that token, in a transaction that looks at it first: a worker that was thought dead and comes back finds another token
there and writes nothing.
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from raters.actions import note
from training import queries
from training.models import Metric, ModelVersion, Run
from training.records import MODEL, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from raters.models import User
    from training.records import MetricLine, Outcome

MOST_ATTEMPTS = 3
MAKES = {
    Run.Kind.BASE: ModelVersion.Kind.BASE,
    Run.Kind.SFT: ModelVersion.Kind.POLICY,
    Run.Kind.DPO: ModelVersion.Kind.POLICY,
    Run.Kind.PPO: ModelVersion.Kind.POLICY,
    Run.Kind.REWARD: ModelVersion.Kind.REWARD,
}


class LostLease(Exception):
    """This worker does not hold the run any more: another one claimed it, or it is over. Nothing was written."""


class NothingMade(Exception):
    """The learner said it was done, and there is no model to show for it; the message says why."""


def lease() -> timedelta:
    """How long a worker may be silent before its run is given to another."""
    return timedelta(seconds=settings.TARE_RUN_LEASE_SECONDS)


@transaction.atomic
def claim_next_run(*, now: datetime) -> Run | None:
    """The oldest run to work on, now leased to the caller under a new token; None when there is nothing to do.

    A run whose worker stopped beating is claimed again, three times in all.
    """
    left_behind = Q(state=Run.State.RUNNING, lease_until__lt=now)
    due = Run.objects.select_for_update(skip_locked=True, of=("self",)).order_by("id")
    while run := due.filter(Q(state=Run.State.QUEUED) | left_behind).first():
        if run.cancel_requested_at is not None:
            _end(run, Run.State.CANCELLED, now=now, reason=run.reason or "Cancelled.")
        elif run.attempts >= MOST_ATTEMPTS:
            reason = f"Its worker died three times; the last one was heard at {run.heartbeat_at:%d %b %Y %H:%M} UTC."
            _end(run, Run.State.FAILED, now=now, reason=reason)
        else:
            return _leased(run, now=now)
    return None


def _leased(run: Run, *, now: datetime) -> Run:
    if run.token:
        # The attempt before left a part of its curve; this one draws it again from the start.
        run.metrics.all().delete()
    run.state, run.step, run.started_at = Run.State.RUNNING, 0, now
    run.attempts, run.token = run.attempts + 1, run.token + 1
    run.heartbeat_at, run.lease_until = now, now + lease()
    run.save(
        update_fields=["state", "step", "started_at", "attempts", "token", "heartbeat_at", "lease_until"],
    )
    return run


@transaction.atomic
def beat_run(run: Run, *, token: int, now: datetime, metrics: Sequence[MetricLine] = ()) -> bool:
    """Keep the lease and store what the learner reported. Returns whether to stop. Raises LostLease."""
    held = _held(run, token)
    held.heartbeat_at, held.lease_until = now, now + lease()
    if metrics:
        held.step, held.total_steps = metrics[-1].step, max(metrics[-1].total, 0)
        _store(held, metrics, now=now)
    held.save(update_fields=["heartbeat_at", "lease_until", "step", "total_steps"])
    return held.cancel_requested_at is not None


def _store(run: Run, metrics: Sequence[MetricLine], *, now: datetime) -> None:
    """One row per step: a learner may report a step in two lines, and a beat may fall between them."""
    by_step: dict[int, dict[str, Any]] = dict(
        run.metrics.filter(step__in={line.step for line in metrics}).values_list("step", "values")
    )
    for line in metrics:
        by_step[line.step] = by_step.get(line.step, {}) | line.values
    rows = [Metric(run=run, step=step, values=values, at=now) for step, values in by_step.items()]
    Metric.objects.bulk_create(
        rows, batch_size=1000, update_conflicts=True, unique_fields=["run", "step"], update_fields=["values"]
    )


def finish_run(run: Run, *, token: int, outcome: Outcome, now: datetime) -> Run:
    """File that the run is done, together with the model it made. Raises LostLease and NothingMade.

    Filing twice files once.
    """
    folder = queries.run_folder(run) / MODEL
    kind = MAKES.get(Run.Kind(run.kind))
    if kind is not None and not (folder / "config.json").is_file():
        raise NothingMade("The learner said it was done, but left no model.")
    # The weights may be many gigabytes: they are read before the row is locked, not while.
    digest = digest_of(folder) if kind is not None else ""
    with transaction.atomic():
        held = _held(run, token, filed=Run.State.DONE)
        if held.is_over:
            return held
        held.results = storable(outcome.results)
        held.step = held.total_steps or held.step
        if kind is not None:
            _make_model(held, kind=kind, digest=digest, folder=folder)
        return _end(held, Run.State.DONE, now=now)


def _make_model(run: Run, *, kind: ModelVersion.Kind, digest: str, folder: Path) -> ModelVersion:
    if ModelVersion.objects.filter(project_id=run.project_id, name=run.name).exists():
        raise NothingMade(
            f"Another model took the name {run.name} while this run went on. Its weights are in {folder}."
        )
    return ModelVersion.objects.create(
        project_id=run.project_id,
        name=run.name,
        kind=kind,
        digest=digest,
        path=str(folder),
        parent_id=run.start_from_id,
        run=run,
        results=run.results,
    )


@transaction.atomic
def fail_run(run: Run, *, token: int, reason: str, now: datetime) -> Run:
    """File why the run did not work, in words. Raises LostLease. Filing twice files once."""
    held = _held(run, token, filed=Run.State.FAILED)
    if held.is_over:
        return held
    return _end(held, Run.State.FAILED, now=now, reason=reason or "The learner failed without a reason.")


@transaction.atomic
def end_cancelled_run(run: Run, *, token: int, now: datetime) -> Run:
    """File that the learner was stopped because someone asked. Raises LostLease. Filing twice files once."""
    held = _held(run, token, filed=Run.State.CANCELLED)
    if held.is_over:
        return held
    return _end(held, Run.State.CANCELLED, now=now, reason=held.reason or "Cancelled.")


@transaction.atomic
def release_run(run: Run, *, token: int, now: datetime) -> Run:
    """Put a run back because its worker was told to stop; that is not the run's fault. Raises LostLease."""
    held = _held(run, token)
    held.state, held.attempts = Run.State.QUEUED, held.attempts - 1
    held.heartbeat_at, held.lease_until = now, None
    held.save(update_fields=["state", "attempts", "heartbeat_at", "lease_until"])
    return held


@transaction.atomic
def cancel_run(run: Run, *, by: User | None, now: datetime) -> Run:
    """Stop a run: at once while it waits, else as soon as its worker looks. One that is over stays as it is."""
    held = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if held.is_over or held.cancel_requested_at is not None:
        return held
    held.cancel_requested_at = now
    held.reason = f"Cancelled by {by}." if by is not None else "Cancelled."
    note(held.project, actor=by, action="run.cancelled", subject=held.name, details={"run": held.pk})
    nobody_works = held.lease_until is None or held.lease_until < now
    if held.state == Run.State.QUEUED or nobody_works:
        held.token += 1  # a worker that comes back from the dead must not file after this
        return _end(held, Run.State.CANCELLED, now=now, reason=held.reason)
    held.save(update_fields=["cancel_requested_at", "reason"])
    return held


def _held(run: Run, token: int, *, filed: Run.State | None = None) -> Run:
    """The run's row, locked, if `token` still holds it (or has already filed it as `filed`). Raises LostLease."""
    row = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if row.token == token and (row.state == Run.State.RUNNING or row.state == filed):
        return row
    raise LostLease(f"{row.name} is {row.get_state_display().lower()}, under token {row.token}: {token} has no say.")


def _end(run: Run, state: Run.State, *, now: datetime, reason: str = "") -> Run:
    run.state, run.finished_at, run.lease_until = state, now, None
    run.reason = storable(reason)
    run.save(
        update_fields=[
            *("state", "finished_at", "lease_until", "reason"),
            *("results", "step", "token", "cancel_requested_at"),
        ]
    )
    if state != Run.State.CANCELLED:
        note(run.project, actor=None, action=f"run.{state}", subject=run.name, details={"run": run.pk})
    return run


def storable(value: Any) -> Any:
    """What a learner reported, as PostgreSQL can keep it: no NUL, no half of a character, no number that is not one."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable(str(key)): storable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [storable(entry) for entry in value]
    return value

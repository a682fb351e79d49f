"""The round as a state machine: each bell takes every round as far as the facts allow.

Nothing here remembers: a stage looks at its rows, asks for what is missing, and says whether all of it is there. So
a bell may ring twice, late, from two workers, or after a crash, and the round comes out the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from evaluation import queries
from evaluation.actions import stages
from evaluation.actions.evaluating import evaluate
from evaluation.actions.parts import StageFailed
from evaluation.actions.starting import FAILED_IN
from evaluation.models import Round
from raters.actions import note
from training.records import BadRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

State = Round.State
Stage = tuple["Callable[[Round], bool]", State]

# What each state waits for, and the state after it. A stage is true when everything it was asked for is there.
STAGES: dict[str, Stage] = {
    State.CANDIDATES: (stages.candidates, State.COLLECTING),
    State.COLLECTING: (stages.collecting, State.SNAPSHOT),
    State.SNAPSHOT: (stages.snapshot, State.REWARD),
    State.REWARD: (stages.reward, State.POLICY),
    State.POLICY: (stages.policy, State.EVALUATION),
    State.EVALUATION: (evaluate, State.DONE),
}


def advance_rounds(*, now: datetime) -> int:
    """Take every round that is under way as far as it goes. Returns how many changes of state that made."""
    going = Round.objects.exclude(state__in=queries.OVER).order_by("pk").values_list("pk", flat=True)
    changes = 0
    for pk in list(going):
        while _step(pk, now=now):
            changes += 1
    return changes


@transaction.atomic
def _step(pk: int, *, now: datetime) -> bool:
    """One look at one round, under its lock. Whether its state changed.

    Who finds the lock taken leaves: its holder sees what there is to see, and the next bell sees the rest.
    """
    rows = Round.objects.select_for_update(skip_locked=True, of=("self",)).exclude(state__in=queries.OVER)
    round = rows.select_related("project", "reference", "start", "created_by").filter(pk=pk).first()
    if round is None:
        return False
    stage, after = STAGES[round.state]
    try:
        with transaction.atomic():
            if not stage(round):
                return False
    except (StageFailed, BadRow, queries.NotEvaluated) as failure:  # a run's file may be gone, or be half of one
        _fail(round, reason=str(failure), now=now)
        return True
    _enter(round, after, now=now)
    return True


def _enter(round: Round, state: State, *, now: datetime) -> None:
    """Leave a state for the next, and keep how long it took; a resumed state's times add up."""
    _count_seconds(round, now=now)
    round.state, round.state_since = state, now
    if state == State.DONE:
        round.finished_at = now
        round.results = {**round.results, "seconds": (now - round.started_at).total_seconds()}
        note(round.project, actor=None, action="round.done", subject=round)
    round.save()


def _fail(round: Round, *, reason: str, now: datetime) -> None:
    """End the round with the reason in words. What it has made stays, for `resume_round`."""
    left = round.state
    round.refresh_from_db()  # what the stage wrote before it failed was rolled back
    _count_seconds(round, now=now)
    round.results = {**round.results, FAILED_IN: left}
    round.state, round.reason, round.state_since, round.finished_at = State.FAILED, reason, now, now
    round.save()
    note(round.project, actor=None, action="round.failed", subject=round, details={"in": left, "reason": reason})


def _count_seconds(round: Round, *, now: datetime) -> None:
    spent = round.stage_seconds.get(round.state, 0.0) + (now - round.state_since).total_seconds()
    round.stage_seconds = {**round.stage_seconds, round.state: spent}

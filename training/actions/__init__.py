"""Verbs about runs: ask for one, claim it, keep its lease, file how it ended."""

from training.actions.adopting import UnusableFolder, adopt_model
from training.actions.preparing import CannotPrepare, prepare_run
from training.actions.queueing import RefusedRecipe, queue_generation, queue_run
from training.actions.working import (
    MOST_ATTEMPTS,
    LostLease,
    NothingMade,
    beat_run,
    cancel_run,
    claim_next_run,
    end_cancelled_run,
    fail_run,
    finish_run,
    lease,
    release_run,
    storable,
)

__all__ = [
    "MOST_ATTEMPTS",
    "CannotPrepare",
    "LostLease",
    "NothingMade",
    "RefusedRecipe",
    "UnusableFolder",
    "adopt_model",
    "beat_run",
    "cancel_run",
    "claim_next_run",
    "end_cancelled_run",
    "fail_run",
    "finish_run",
    "lease",
    "prepare_run",
    "queue_generation",
    "queue_run",
    "release_run",
    "storable",
]

"""Attend a run from its claim to its end: write its folder, start the learner, relay, and file what came of it.

The only state here is on the stack. Whatever happens to this process, the row says what was known last, the learner
dies with us, and the next worker claims the run when the lease is over.
"""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from training import actions
from training.child import GRACE, FolderIsTaken, Learner, folder_lock
from training.queries import run_folder
from training.records import METRICS, BadRow, MetricLine, Outcome, read_outcome

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from training.models import Run

logger = logging.getLogger(__name__)
LARGEST_STEP = 2**31 - 1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker stands: its clock, its patience in seconds, and whether it was told to go."""

    now: Callable[[], datetime] = timezone.now
    told_to_stop: Callable[[], bool] = lambda: False
    beat_every: float = 1.0
    grace: float = GRACE
    database_may_be_away: float = 300.0
    learners: str = "training.learn"


class Ending(Enum):
    """Why a learner is not watched any longer."""

    BY_ITSELF = auto()
    CANCELLED = auto()
    TOO_LONG = auto()
    TOLD_TO_STOP = auto()


def work(post: Post | None = None) -> int:
    """Attend one run after the other until there is none to claim. Returns how many it attended."""
    post, attended = post or Post(), 0
    while not post.told_to_stop():
        run = actions.claim_next_run(now=post.now())
        if run is None:
            break
        attend(run, post)
        attended += 1
    return attended


def attend(run: Run, post: Post) -> None:
    """See one claimed run through, however it ends."""
    logger.info("run %s (%s): attempt %s", run.pk, run.name, run.attempts)
    held = _Held(run, token=run.token, folder=run_folder(run), post=post)
    try:
        learner = _started(held)
        if learner is not None:
            _see_through(held, learner)
    except actions.LostLease as lost:
        logger.warning("run %s: %s", run.pk, lost)


@dataclass(slots=True)
class _Held:
    """A run that this worker holds: its token, and what of its metrics was relayed."""

    run: Run
    token: int
    folder: Path
    post: Post
    offset: int = 0
    heard_at: float = field(default_factory=time.monotonic)

    def beat(self, *, at_once: bool = False) -> bool:
        """Renew the lease and relay what is new, if it is time. Returns whether to stop. Raises LostLease."""
        if not at_once and time.monotonic() < self.heard_at + self.post.beat_every:
            return False
        lines, offset = new_metrics(self.folder / METRICS, offset=self.offset)
        try:
            stop = actions.beat_run(self.run, token=self.token, now=self.post.now(), metrics=lines)
        except (OperationalError, InterfaceError) as outage:
            self._bear(outage)
            return False
        self.offset, self.heard_at = offset, time.monotonic()
        return stop

    def file(self, act: Callable[..., T], **what: object) -> T:
        """Do an action of filing under our token, again if the database is away just then. Raises LostLease."""
        while True:
            try:
                return act(self.run, token=self.token, now=self.post.now(), **what)
            except (OperationalError, InterfaceError) as outage:
                self._bear(outage)
                time.sleep(self.post.beat_every)

    def _bear(self, outage: Exception) -> None:
        """A database that restarts is no reason to end hours of work: the lease may lapse, the token decides."""
        if time.monotonic() > self.heard_at + self.post.database_may_be_away:
            raise outage
        logger.warning("run %s: the database is away: %s", self.run.pk, outage)
        connection.close()


def _started(held: _Held) -> Learner | None:
    """The learner, at work in its folder; None when the run has ended instead. Raises LostLease."""
    run = held.run
    try:
        with folder_lock(held.folder, wait=held.post.grace) as lock:
            if held.token > 1 and _outcome(held) is not None:
                # The worker before us died after the learner was done: there is only the filing left.
                held.beat(at_once=True)
                _file_outcome(held)
                return None
            actions.prepare_run(run, alive=held.beat)
            return Learner(run.kind, held.folder, lock=lock, package=held.post.learners)
    except (actions.CannotPrepare, FolderIsTaken) as refusal:
        held.file(actions.fail_run, reason=str(refusal))
        return None


def _see_through(held: _Held, learner: Learner) -> None:
    """Watch the learner and file how it ended; it has ended in any case when this returns or raises."""
    try:
        ending = _watched(held, learner)
    finally:
        # A lost lease or a database that stays away leaves no time for manners; the others stopped it already.
        status = learner.stop(grace=0)
    if ending is Ending.CANCELLED:
        held.file(actions.end_cancelled_run)
    elif ending is Ending.TOO_LONG:
        limit = held.run.time_limit
        held.file(actions.fail_run, reason=f"It ran longer than its limit of {limit} seconds and was stopped.")
    elif ending is Ending.TOLD_TO_STOP:
        held.file(actions.release_run)
    elif not _file_outcome(held):
        held.file(actions.fail_run, reason=_reason(status, learner))


def _watched(held: _Held, learner: Learner) -> Ending:
    """Relay until the learner ends or has to. Raises LostLease."""
    post, deadline = held.post, time.monotonic() + held.run.time_limit
    ending = None
    while ending is None:
        if learner.ended(within=min(post.beat_every, 0.5)) is not None:
            ending = Ending.BY_ITSELF
        elif held.beat():
            ending = Ending.CANCELLED
        elif time.monotonic() > deadline:
            ending = Ending.TOO_LONG
        elif post.told_to_stop():
            ending = Ending.TOLD_TO_STOP
    if ending is not Ending.BY_ITSELF:
        learner.stop(grace=post.grace)
    held.beat(at_once=True)
    return ending


def _outcome(held: _Held) -> Outcome | None:
    """What the learner says came of it; a paper that cannot be read is no outcome."""
    try:
        return read_outcome(held.folder)
    except BadRow as refusal:
        logger.warning("run %s: %s", held.run.pk, refusal)
        return None


def _file_outcome(held: _Held) -> bool:
    """File the learner's own word on how it went. False when it left none."""
    outcome = _outcome(held)
    if outcome is None:
        return False
    if outcome.state != "done":
        held.file(actions.fail_run, reason=outcome.reason)
        return True
    try:
        held.file(actions.finish_run, outcome=outcome)
    except actions.NothingMade as refusal:
        held.file(actions.fail_run, reason=str(refusal))
    return True


def _reason(status: int, learner: Learner) -> str:
    """What is known of a learner that ended without a word."""
    if status == -signal.SIGKILL:
        how = "The learner was killed by signal 9 (SIGKILL): often that means the machine ran out of memory."
    elif status < 0:
        how = f"The learner was killed by signal {-status} ({signal.Signals(-status).name})."
    else:
        how = f"The learner ended with status {status} and left no outcome."
    last_words = learner.last_words()
    return f"{how} Its last words:\n{last_words}" if last_words else how


def new_metrics(path: Path, *, offset: int) -> tuple[list[MetricLine], int]:
    """The lines after byte `offset`, and the offset to go on from. A line still being written waits for its end.

    A line that cannot be read is left out and logged: a torn report is no reason to end a run.
    """
    if not path.is_file():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read()
    whole = data[: data.rfind(b"\n") + 1]
    lines = [line for line in map(_metric, whole.splitlines()) if line is not None]
    return lines, offset + len(whole)


def _metric(line: bytes) -> MetricLine | None:
    try:
        data = json.loads(line)
        metric = MetricLine(step=int(data["step"]), total=int(data["total"]), values=actions.storable(data["values"]))
    except (ValueError, KeyError, TypeError, OverflowError) as problem:
        logger.warning("a metrics line cannot be read: %r", problem)
        return None
    fits = 0 <= metric.step <= LARGEST_STEP and 0 <= metric.total <= LARGEST_STEP and isinstance(metric.values, dict)
    return metric if fits else None

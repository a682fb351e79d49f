"""What is done to the site, when, and by whom: a schedule made from a seed, and the hand that carries it out."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis
from django.conf import settings

from config.embedded import Engines
from evaluation.demo.processes import Supervisor

Kind = Literal["web worker", "web", "postgres", "freeze", "redis", "flush", "worker", "worker child"]

# once round: each is drawn as often as it stands here before any is drawn again
ROUND: tuple[Kind, ...] = (
    *("web worker", "web worker", "web worker", "web", "postgres", "freeze"),
    *("redis", "flush", "worker", "worker child"),
)
GAPS = (1.0, 4.0)
FREEZES = (2.5, 4.0)
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that happens: so many seconds after the one before."""

    kind: Kind
    after: float
    lasts: float = 0.0


def plan(seed: int) -> Iterator[Blow]:
    """Without end, and the same for the same seed."""
    rng = random.Random(f"storm {seed}")
    while True:
        for kind in rng.sample(ROUND, len(ROUND)):
            yield Blow(kind, rng.uniform(*GAPS), rng.uniform(*FREEZES) if kind == "freeze" else 0.0)


class Hand:
    """Strikes the processes of one site, which are ours. Counts what it did."""

    def __init__(self, site: Supervisor, engines: Engines, *, rng: random.Random) -> None:
        self._site, self._engines, self._rng = site, engines, rng
        self.done: Counter[str] = Counter()

    def strike(self, blow: Blow) -> None:
        """Do it, and return when it is over. What has just been killed and is not back yet is spared."""
        if blow.kind == "freeze":
            self._freeze(blow.lasts)
        elif blow.kind == "flush":
            self._flush()
        elif blow.kind in ("postgres", "redis"):
            self._kill_engine(blow.kind)
        else:
            self._kill_child(blow.kind)

    def _kill(self, what: str, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.done[what] += 1

    def _kill_child(self, kind: str) -> None:
        name = kind.split()[0]
        child = self._site.children[name]
        process = child.process
        if process is None or process.poll() is not None:
            return
        # what dies often is started ever more rarely; a storm is not what that is for
        child.wait = 0.25
        below = family(process.pid)[1:]
        if kind in ("web", "worker"):
            self._kill(name, process.pid)
        elif below:
            self._kill(kind, self._rng.choice(sorted(below)))

    def _kill_engine(self, name: str) -> None:
        if (pid := self._ready(name)) is not None:
            self._kill(name, pid)

    def _ready(self, name: str) -> int | None:
        """The server's process once it serves: one that dies while it starts is a failed start, and ends the site."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._engines.running()[name] and self._engines.answering()[name]:
                time.sleep(0.2)  # whoever started it has seen it too
                return self._engines.pids().get(name)
            time.sleep(0.1)
        return None

    def _freeze(self, seconds: float) -> None:
        pid = self._ready("postgres")
        if pid is not None:
            with frozen(pid):
                self.done["freeze"] += 1
                time.sleep(seconds)

    def _flush(self) -> None:
        with suppress(redis.RedisError), redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=2) as client:
            client.flushall()
            self.done["flush"] += 1


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a server, the first process first so that it starts no other; and let it go on."""
    stopped = []
    try:
        while fresh := [each for each in family(pid) if each not in stopped]:
            for each in fresh:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGSTOP)
                stopped.append(each)
        yield
    finally:
        for each in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(below for child in found for below in family(child))]

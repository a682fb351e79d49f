"""A policy that stays in memory: one child process, asked through its pipes, and ended for certain."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, TypeVar

from training.child import GRACE, ROOT, environment
from training.records import BadRow, Ready, TurnAnswer, TurnRequest, read_line, written_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TICK = 0.5
LONGEST_LINE = 4 * 1024 * 1024
LARGEST_LOG = 1024 * 1024
T = TypeVar("T", Ready, TurnAnswer)


class NoAnswer(Exception):
    """The child died, hung, or did not keep to what was agreed; it has to be ended. The message is for the log."""


class Unusable(NoAnswer):
    """The model cannot be loaded, or is not the one that was asked for; another child would say the same."""


class Resident:
    """A running `python -m training.learn.converse <folder>`, tied to this process."""

    def __init__(self, folder: Path, *, log: Path, package: str = "training.learn") -> None:
        """Start it; `hear_ready` waits until it has loaded. What it prints goes to the end of `log`."""
        command = [sys.executable, "-m", f"{package}.converse", str(folder)]
        tethered = [sys.executable, "-m", "training.tether", str(os.getpid()), *command]
        log.parent.mkdir(parents=True, exist_ok=True)
        fresh = not log.is_file() or log.stat().st_size > LARGEST_LOG
        with log.open("wb" if fresh else "ab") as written:
            self._process = subprocess.Popen(
                tethered,
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=written,
                start_new_session=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101  (PIPE, both)
        self._asked, self._told = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._asked, False)
        self._heard = b""

    @property
    def pid(self) -> int:
        """The process, and the group, it runs in."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def hear_ready(self, *, digest: str, within: float, alive: Callable[[], object]) -> Ready:
        """Wait until the model is loaded. `alive` is called twice a second and may raise. Raises NoAnswer, Unusable."""
        ready = self._record(Ready, time.monotonic() + within, alive)
        if ready.refused:
            raise Unusable(ready.refused)
        if ready.digest != digest:
            raise Unusable(f"The model's files have the digest {ready.digest}, and not {digest}: they were changed.")
        return ready

    def ask(self, request: TurnRequest, *, within: float, alive: Callable[[], object]) -> TurnAnswer:
        """The answer to one request. `alive` is called twice a second and may raise. Raises NoAnswer."""
        deadline = time.monotonic() + within
        self._write(written_line(request), deadline, alive)
        while True:
            answer = self._record(TurnAnswer, deadline, alive)
            if answer.id != request.id:
                continue  # of a request that was given up meanwhile
            if not answer.refused and not len(answer.texts) == len(answer.tokens) == len(request.seeds):
                raise NoAnswer(f"It gave {len(answer.texts)} answers to {len(request.seeds)} seeds.")
            return answer

    def _write(self, line: bytes, deadline: float, alive: Callable[[], object]) -> None:
        while line:
            self._wait(deadline, alive, writing=True)
            try:
                line = line[os.write(self._asked, line) :]
            except BrokenPipeError as broken:
                raise NoAnswer("It has ended.") from broken

    def _record(self, record: type[T], deadline: float, alive: Callable[[], object]) -> T:
        while b"\n" not in self._heard:
            self._wait(deadline, alive)
            heard = os.read(self._told, 65536)
            if not heard:
                raise NoAnswer(f"It has ended with status {self._process.wait()}.")
            self._heard += heard
            if len(self._heard) > LONGEST_LINE:
                raise NoAnswer("It writes and writes, and no line ends.")
        line, _, self._heard = self._heard.partition(b"\n")
        try:
            return read_line(record, line)
        except BadRow as refusal:
            raise NoAnswer(f"It wrote what cannot be read: {refusal}") from refusal

    def _wait(self, deadline: float, alive: Callable[[], object], *, writing: bool = False) -> None:
        """Until its pipe is ready for us. Raises NoAnswer at the deadline, and what `alive` raises."""
        heard, asked = ([], [self._asked]) if writing else ([self._told], [])
        while not any(select.select(heard, asked, [], TICK)):
            alive()
            if time.monotonic() > deadline:
                raise NoAnswer("It took too long.")

    def stop(self, *, grace: float = GRACE) -> None:
        """Ask it to end, and end it and whatever it started when it does not."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        self._signal(signal.SIGKILL)  # what it started may have outlived it
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # gone already

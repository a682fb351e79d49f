"""One learner as a child process: started on a run folder, watched, and ended for certain."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG, LOCK = "log.txt", ".lock"
GRACE = 10.0
TAIL = 2000
ROOT = Path(__file__).resolve().parent.parent
# What a learner may know of its surroundings. It needs no database and no secret, so it gets neither.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
PASSED_ON_PREFIXES = ("LC_", "CUDA", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "TORCH", "PYTORCH_", "HF_HOME", "LD_LIBRARY_")
LEARNER_SETTINGS = ("TARE_LEARN_THREADS",)


class FolderIsTaken(Exception):
    """Another process is at work in this run's folder and could not be ended."""


class Learner:
    """A running `python -m training.learn.<kind> <folder>`, in a process group of its own."""

    def __init__(self, kind: str, folder: Path, *, lock: int, package: str = "training.learn") -> None:
        """Start it. `lock` is the open lock of the folder: the child inherits it and holds it until it has ended."""
        command = [sys.executable, "-m", f"{package}.{kind}", str(folder)]
        tethered = [sys.executable, "-m", "training.tether", str(os.getpid()), *command]
        self.log = folder / LOG
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own module on a folder of ours: no shell)
                tethered,
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )

    @property
    def pid(self) -> int:
        """The process, and the group, it runs in."""
        return self._process.pid

    def ended(self, *, within: float) -> int | None:
        """Its exit status (negative for a signal), waiting up to `within` seconds; None while it runs."""
        try:
            return self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, *, grace: float = GRACE) -> int:
        """Ask it to end, and end it and whatever it started when it does not. Returns its exit status."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            if self.ended(within=grace) is None:
                self._signal(signal.SIGKILL)
        self._signal(signal.SIGKILL)  # what it started may have outlived it
        return self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # gone already

    def last_words(self) -> str:
        """The end of what it printed."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4 * TAIL))
            return log.read().decode(errors="replace").replace("\0", "")[-TAIL:].strip()


def environment() -> dict[str, str]:
    """What a learner sees of this process's environment, and what keeps it off the network and off our cores."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name in LEARNER_SETTINGS or name.startswith(PASSED_ON_PREFIXES)
    }
    threads = os.environ.get("TARE_LEARN_THREADS") or str(len(os.sched_getaffinity(0)))
    return {
        "OMP_NUM_THREADS": threads,
        **passed,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def folder_lock(folder: Path, *, wait: float = GRACE) -> Iterator[int]:
    """Hold the folder alone; yields the open lock to hand on to the child. Raises FolderIsTaken.

    Only who has just claimed the run asks for it. Whoever is still in there is the learner of a worker that lost the
    run, stopped or cut off from the database: it is ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _locked(lock):
            _end_learners_of(folder)
            if time.monotonic() > deadline:
                raise FolderIsTaken(f"Another process is still at work in the run's folder, {folder}.")
            time.sleep(0.2)
        yield lock
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_learners_of(folder: Path) -> None:
    """End every learner on this machine that was started on this folder."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked
        if str(folder).encode() in command and b"-m" in command:
            pid = int(entry.parent.name)
            if pid != os.getpid():
                _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone already, or not ours to end; the lock will tell

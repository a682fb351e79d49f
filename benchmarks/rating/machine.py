"""The servers that are measured, and what the kernel says they used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from config import server
from config.embedded import BASE, Engines

HOST = "127.0.0.1"
KEY = "a key for a benchmark only, which never leaves this machine"
BASE_NAME = "tare"


@dataclass(frozen=True)
class Postgres:
    """The embedded server, with fsync on and the settings it is shipped with."""

    url: str
    pid: int

    @property
    def programs(self) -> Path:
        """Where its programs are; pgbench is among them."""
        return Path(f"/proc/{self.pid}/exe").resolve().parent

    def at(self, name: str) -> str:
        """The address of a database of it."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def run(self, sql: str, *, name: str = BASE_NAME) -> list[tuple[Any, ...]]:
        """Statements, each on its own; the rows of the last one."""
        line = psycopg2.connect(self.at(name))
        line.autocommit = True
        try:
            with line.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            line.close()

    def has(self, name: str) -> bool:
        """Whether there is such a database."""
        return (name,) in self.run("SELECT datname FROM pg_database")

    @contextmanager
    def set(self, name: str, value: str) -> Iterator[None]:
        """Another value for a setting of the server, for a while."""
        self.run(f"ALTER SYSTEM SET {name} = '{value}'")
        self.run("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            self.run(f"ALTER SYSTEM RESET {name}")
            self.run("SELECT pg_reload_conf()")

    def copy(self, name: str, *, source: str) -> None:
        """A fresh copy of a database under another name; what had the name goes."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.run(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")


@contextmanager
def postgres(var: Path) -> Iterator[Postgres]:
    """A PostgreSQL of this run's own, and nothing of the caller's environment in what it starts."""
    os.environ.pop("DATABASE_URL", None)
    engines = Engines(var=var, wanted=("postgres",))
    url = engines.database_url()
    os.environ |= {
        "TARE_VAR": str(var),
        "DATABASE_URL": url,
        # a Redis that is not there: rating has no business with it
        "REDIS_URL": f"redis://{HOST}:1/0",
        "TARE_SECRET_KEY": KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    try:
        [(data,)] = Postgres(url, 0).run("SHOW data_directory")
        yield Postgres(url, int((Path(data) / "postmaster.pid").read_text().split()[0]))
    finally:
        engines.stop()


def django(postgres: Postgres, name: str, *words: str) -> str:
    """Run ``python WORDS`` on a database; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        cwd=BASE,
        env=os.environ | {"DATABASE_URL": postgres.at(name)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed.")
    return done.stdout


@dataclass(frozen=True)
class Web:
    """A web process as it is shipped: gunicorn with its workers and threads."""

    origin: str
    pid: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(urlsplit(self.origin).port or 0)


@contextmanager
def web(postgres: Postgres, name: str, *, settings: str = "config.settings") -> Iterator[Web]:
    """The site on a database."""
    port = server.free_port()
    origin = f"http://{HOST}:{port}"
    var = Path(os.environ["TARE_VAR"])
    environment = os.environ | {
        "DATABASE_URL": postgres.at(name),
        "TARE_ORIGIN": origin,
        "TARE_BIND": f"{HOST}:{port}",
        "DJANGO_SETTINGS_MODULE": settings,
        "TARE_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
    with (var / "log" / f"web-{port}.log").open("wb") as words:
        process = subprocess.Popen(command, cwd=BASE, env=environment, stdout=words, stderr=words)
    try:
        _wait_for(f"{origin}/healthz", process)
        yield Web(origin, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  our own http URL
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"The site does not answer at {address}.")


def cpu_seconds(pid: int) -> dict[int, float]:
    """What a process and its children have computed so far, by process: of all their threads, to the nanosecond."""
    used = {}
    for process in (pid, *_children(pid)):
        try:
            # the same clock as in /proc/<pid>/stat, which counts in hundredths of a second
            lines = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/schedstat")]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        used[process] = sum(int(line.split()[0]) for line in lines) / 1e9
    return used


def _children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


@dataclass
class Meter:
    """Adds up the CPU seconds of a web process and of PostgreSQL while it is on."""

    web: int
    postgres: int
    web_seconds: float = 0.0
    postgres_seconds: float = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Count what happens inside. What a process used that ended meanwhile is not seen."""
        before = cpu_seconds(self.web), cpu_seconds(self.postgres)
        yield
        after = cpu_seconds(self.web), cpu_seconds(self.postgres)
        self.web_seconds += _grown(before[0], after[0])
        self.postgres_seconds += _grown(before[1], after[1])


def _grown(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(process, 0.0) for process, seconds in after.items())

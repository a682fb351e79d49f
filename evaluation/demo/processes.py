"""All of Tare's processes for as long as the demo lasts: ``with Supervisor(port=8000) as site: ... site.url``.

The same processes as docker-compose.yml runs, as children: web, worker, beat, relay, gpu, generate. One that dies
is started again; when this process ends, however it ends, they end too (training.tether asks the kernel for that).
"""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command

HOST = "127.0.0.1"
START_SECONDS = 60
END_SECONDS = 10
TICK_SECONDS = 0.5
STEADY_SECONDS = 30
LONGEST_WAIT = 30.0
# Without a GPU a learner uses half of the cores: two of them use all, and claim different runs.
LEARNERS = ("gpu", "gpu-2")

log = logging.getLogger("tare.processes")


class AlreadyRunning(Exception):
    """Another process runs Tare from the same var/, and two would start every process twice."""


class PortIsTaken(Exception):
    """Something else listens where the site should."""


class DidNotStart(Exception):
    """The site did not answer in time; the message has the end of the log that says why."""


def commands(port: int) -> dict[str, list[str]]:
    """What runs, by name: the services of docker-compose.yml, on this machine."""
    celery = [sys.executable, "-m", "celery", "-A", "config.celery"]
    worker = [*celery, "worker", "--without-mingle", "--without-gossip"]
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
    return {
        "web": [*gunicorn, "--bind", f"{HOST}:{port}"],
        "worker": [*worker, "--queues", "default", "--concurrency", "2", "--hostname", "worker@%h"],
        "beat": [*celery, "beat"],
        "relay": [sys.executable, "manage.py", "relay"],
        **{
            name: [*worker, "--queues", "gpu", "--pool", "solo", "-O", "fair", "--hostname", f"{name}@%h"]
            for name in LEARNERS
        },
        "generate": [*worker, "--queues", "generate", "--pool", "solo", "-O", "fair", "--hostname", "generate@%h"],
    }


@dataclass
class Child:
    """One of the processes, over all its lives."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    wait: float = 1.0
    deaths: int = field(default=0)

    def keep(self, now: float) -> None:
        """Start it when it does not run; one that keeps dying is started ever more rarely."""
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return
            self.deaths += 1
            self.wait = 1.0 if now - self.started_at > STEADY_SECONDS else min(LONGEST_WAIT, self.wait * 2)
            log.warning("%s ended with status %s and is started again; see %s", self.name, status, self.log)
            self._end_group()
            self.process = None
        if self.deaths == 0 or now - self.started_at >= self.wait:
            self._start(now)

    def _start(self, now: float) -> None:
        tether = [sys.executable, "-m", "training.tether", str(os.getpid())]
        with self.log.open("ab") as written:
            self.process = subprocess.Popen(
                [*tether, *self.command],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        self.started_at = now

    def ask_to_end(self) -> None:
        """SIGTERM, to the process alone: it knows how to end its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, *, seconds: float) -> None:
        """Return when it and all it started are gone."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=max(0.0, seconds))
            self._end_group()
            self.process.wait()

    def _end_group(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class Supervisor:
    """Starts everything, and answers when the site does. Ends everything, and the embedded servers too."""

    def __init__(self, *, port: int = 8000, environment: Mapping[str, str] | None = None) -> None:
        self.port = port or _free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._environment = {"TARE_ORIGIN": self.url, **(os.environ if environment is None else environment)}
        # a SIGTERM cancels what a worker is at and it is delivered again, instead of waiting until it is done
        self._environment["REMAP_SIGTERM"] = "SIGQUIT"
        self._lock: IO[str] | None = None
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="processes", daemon=True)
        logs = Path(settings.VAR) / "log"
        self.children = {
            name: Child(name, command, logs / f"{name}.log", self._environment)
            for name, command in commands(self.port).items()
        }

    def __enter__(self) -> Self:
        self._lock = self._take_var()
        try:
            _refuse_taken(self.port)
            call_command("prepare", verbosity=0)
            self._keeper.start()
            self._wait_for_site()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process, then the embedded servers, then let go of var/."""
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join()
        if settings.TARE_ENGINES is not None:
            settings.TARE_ENGINES.stop()
        if self._lock is not None:
            self._lock.close()

    def _keep(self) -> None:
        """The one thread that starts and ends them: the kernel ties a child to the thread that started it."""
        children = list(self.children.values())
        while not self._ending.wait(TICK_SECONDS):
            if settings.TARE_ENGINES is not None:
                settings.TARE_ENGINES.start()
            for child in children:
                child.keep(time.monotonic())
        for child in children:
            child.ask_to_end()
        deadline = time.monotonic() + END_SECONDS
        for child in children:
            child.end(seconds=deadline - time.monotonic())

    def _take_var(self) -> IO[str]:
        path = Path(settings.VAR) / "running.lock"
        (path.parent / "log").mkdir(parents=True, exist_ok=True)
        held = path.open("a+")
        try:
            # held by the open file, so that it ends with this process even when that is killed
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            who = held.read().strip() or "unknown"
            held.close()
            raise AlreadyRunning(
                f"Tare runs from {settings.VAR} already (process {who}): end that one first, or set TARE_VAR"
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        return held

    def _wait_for_site(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        web = self.children["web"]
        while not self._answers():
            if time.monotonic() > deadline or web.deaths > 1 or not self._keeper.is_alive():
                raise DidNotStart(f"The site does not answer at {self.url}; {web.log} ends with:\n{web.last_words()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        host = str(urlsplit(self._environment["TARE_ORIGIN"]).hostname)
        request = urllib.request.Request(f"{self.url}/healthz", headers={"Host": host})  # noqa: S310  our own http URL
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _refuse_taken(port: int) -> None:
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError as refusal:
            raise PortIsTaken(f"Port {port} cannot be used ({refusal.strerror}): choose another with --port") from None


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])

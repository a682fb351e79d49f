"""The supervisor: the real processes, started, kept and ended."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from evaluation.demo.processes import AlreadyRunning, DidNotStart, PortIsTaken, Supervisor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(child_environment: dict[str, str]) -> Iterator[Supervisor]:
    """All processes, running, on a free port."""
    with Supervisor(port=0, environment=child_environment) as running:
        wait_until(lambda: all(child.process for child in running.children.values()))
        yield running


def wait_until(happened: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def pids(site: Supervisor) -> dict[str, int]:
    return {name: child.process.pid for name, child in site.children.items() if child.process}


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(below for child in found for below in family(child))]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class TestSupervisor:
    def test_serves_keeps_and_ends(self, site: Supervisor) -> None:
        """One start for several facts: it costs seconds."""
        with urllib.request.urlopen(f"{site.url}/healthz", timeout=5) as answer:  # noqa: S310  our own server
            assert answer.status == 200
        assert set(pids(site)) == {"web", "worker", "beat", "relay", "gpu", "gpu-2", "generate"}

        # no web process has loaded torch, nor opened a connection to Redis
        for pid in family(pids(site)["web"]):
            assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()

        # one that dies is started again
        before = pids(site)["relay"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: pids(site).get("relay", before) != before)

        # a second one on the same var/ is refused, and the first goes on
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"), Supervisor(port=0):
            pass
        everyone = [pid for started in pids(site).values() for pid in family(started)]
        assert len(everyone) > 5
        site.stop()
        # SIGKILL is sent, not awaited, for what a process had started: on a busy machine it dies a moment later
        wait_until(lambda: not [pid for pid in everyone if lives(pid)])

    def test_refuses_a_port_that_is_taken(self, child_environment: dict[str, str]) -> None:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            with pytest.raises(PortIsTaken, match=f"Port {port} cannot be used"), Supervisor(port=port):
                pass

    def test_says_why_the_site_does_not_start(self, child_environment: dict[str, str]) -> None:
        broken = child_environment | {"TARE_WEB_WORKERS": "many"}
        with pytest.raises(DidNotStart, match="TARE_WEB_WORKERS='many'"), Supervisor(port=0, environment=broken):
            pass

    def test_leaves_no_orphan_when_it_is_killed(self, child_environment: dict[str, str]) -> None:
        script = (
            "import django, time; django.setup()\n"
            "from evaluation.demo.processes import Supervisor\n"
            "with Supervisor(port=0) as site:\n"
            "    print(*(child.process.pid for child in site.children.values()), flush=True)\n"
            "    time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=settings.BASE_DIR,
            env=child_environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as parent:
            assert parent.stdout is not None
            started = [int(pid) for pid in parent.stdout.readline().split()]
            everyone = [pid for child in started for pid in family(child)]
            assert len(started) == 7
            parent.kill()
        wait_until(lambda: not [pid for pid in everyone if lives(pid)])


def test_the_web_process_never_imports_torch(child_environment: dict[str, str]) -> None:
    script = (
        "import sys\n"
        "from config.wsgi import application\n"
        "from django.urls import get_resolver\n"
        "assert get_resolver().url_patterns\n"
        "heavy = {'torch', 'transformers', 'trl', 'peft', 'accelerate', 'datasets'} & set(sys.modules)\n"
        "sys.exit(f'the web process imported {heavy}' if heavy else 0)\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, env=child_environment, capture_output=True, text=True
    )
    assert asked.returncode == 0, asked.stderr

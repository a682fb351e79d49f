"""When the database is frozen, killed or slow: the web process says so at once, serves what it can, and comes back.

A real gunicorn on a PostgreSQL of its own, since this freezes and kills it. Nothing else runs: no Redis, no worker, no
model, which a rater does not notice.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from config import deadline, server
from config.embedded import Engines
from config.test_settings import NOWHERE, TEST_VAR
from tests.chaos.clients import ORDER, Answer, Client, Log
from tests.chaos.storm import frozen

DEADLINE = deadline.SILENT_SECONDS + deadline.ANSWER_SECONDS


@dataclass
class Site:
    """The web process, its database, and a rater who is signed in."""

    engines: Engines
    port: int
    project: str
    sessions: dict[str, str]

    def rater(self, number: int = 0) -> Client:
        """A rater's browser. It is asked here, request by request, instead of being started."""
        rater, session = sorted(self.sessions.items())[number]
        nowhere = Log(Path(os.devnull))
        return Client(
            port=self.port,
            project=self.project,
            rater=int(rater),
            session=session,
            log=nowhere,
            enough=threading.Event(),
            rng=random.Random(number),
            patience=0,
        )

    def open(self, path: str) -> tuple[int, float]:
        """The status of a page and the seconds it took, for somebody with no session."""
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:  # noqa: S310
                return answer.status, time.monotonic() - began
        except urllib.error.HTTPError as refusal:
            return refusal.code, time.monotonic() - began


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Started once: what each test breaks, it waits for."""
    var = TEST_VAR / f"pressure-{os.getpid()}"
    # not fast: what was answered has to be there after a kill
    engines = Engines(var=var, wanted=("postgres",))
    port = server.free_port()
    environment = os.environ | {
        "DATABASE_URL": engines.database_url(),
        "REDIS_URL": f"redis://{NOWHERE}/0",
        "DJANGO_SETTINGS_MODULE": "config.test_settings",
        "TARE_ORIGIN": f"http://127.0.0.1:{port}",
    }
    python = [sys.executable, "-m"]
    made = subprocess.run(
        [*python, "tests.chaos.world", "12", "200"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    gunicorn = [*python, "gunicorn", "--config", "python:config.gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    with (var / "log" / "web.log").open("wb") as words:
        web = subprocess.Popen(gunicorn, cwd=settings.BASE_DIR, env=environment, stdout=words, stderr=words)
    try:
        running = Site(engines, port, **json.loads(made.stdout))
        wait_for_site(running)
        yield running
    finally:
        web.kill()
        web.wait()
        engines.stop()
        shutil.rmtree(var, ignore_errors=True)


def wait_for_site(site: Site, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if site.open("/healthz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("the site does not answer")


def send_one(rater: Client) -> Answer:
    """The rater answers the first comparison they hold."""
    held = rater.ask("GET", f"/p/{rater.project}/rate/cards/")
    assert held.status == 200, held
    return send(rater, first_of(held))


def first_of(cards: Answer) -> int:
    found = ORDER.search(cards.text)
    assert found, cards.text
    return int(found[1].split(",")[0])


def send(rater: Client, assignment: int, key: str = "") -> Answer:
    key = key or new_key()
    path = f"/p/{rater.project}/assignments/{assignment}/judgment/"
    return rater.ask("POST", path, {"preference": 1, "seconds": 3}, key=key)


def new_key() -> str:
    return str(uuid.uuid4())


@dataclass
class Timed:
    """One request in a thread of its own."""

    rater: Client
    assignment: int
    key: str = field(default_factory=new_key)
    answer: Answer = Answer(0)
    took: float = 0.0

    def go(self) -> None:
        began = time.monotonic()
        self.answer = send(self.rater, self.assignment, self.key)
        self.took = time.monotonic() - began


@contextmanager
def all_at_once(asked: list[Timed]) -> Iterator[None]:
    """Send all of them; what the caller does meanwhile comes between."""
    threads = [threading.Thread(target=each.go) for each in asked]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


class TestRating:
    def test_needs_postgresql_and_nothing_else(self, site: Site) -> None:
        """There is no Redis at the address, and no worker, relay or model runs."""
        rater = site.rater()
        assert [send_one(rater).status for _ in range(5)] == [201] * 5

    def test_a_frozen_database_holds_nobody(self, site: Site) -> None:
        """It is stopped in the middle of everything, as a machine that is paused."""
        raters = [site.rater(number) for number in range(12)]
        held = [first_of(rater.ask("GET", f"/p/{site.project}/rate/cards/")) for rater in raters]
        first = [Timed(rater, lent) for rater, lent in zip(raters[:6], held, strict=False)]
        second = [Timed(rater, lent) for rater, lent in zip(raters, held, strict=True)]
        with frozen(site.engines.pids()["postgres"]):
            with all_at_once(first):
                pages = [site.open("/sw.js") for _ in range(5)]
            assert {(each.answer.status, each.answer.retry_after) for each in first} == {(503, 2.0)}
            assert max(each.took for each in first) < DEADLINE + 1
            assert "Back in a moment" in first[0].answer.text

            # both processes know by now, or are told: from here on nobody waits
            for _ in range(8):
                site.open("/healthz")
            with all_at_once(second):
                pages += [site.open("/sw.js") for _ in range(5)]
            assert {each.answer.status for each in second} == {503}
            assert sorted(each.took for each in second)[len(second) // 2] < 0.5
            assert [status for status, _ in pages] == [200] * 10
            assert sorted(took for _, took in pages)[5] < 0.5
        thawed = time.monotonic()
        while (answer := send(first[0].rater, first[0].assignment, first[0].key)).status != 201:
            assert answer.status == 503
            assert time.monotonic() - thawed < 1, "the database is back, and the site did not notice"
            time.sleep(0.05)

        # what was on its way when the time stood still counts once, whether it arrived then or now
        assert {send(each.rater, each.assignment, each.key).status for each in first} == {201}

    def test_a_killed_database_is_503_until_it_is_back(self, site: Site) -> None:
        rater = site.rater(1)
        cards = rater.ask("GET", f"/p/{site.project}/rate/cards/")
        os.kill(site.engines.pids()["postgres"], signal.SIGKILL)
        mine = Timed(rater, first_of(cards))
        seen = set()
        for _ in range(10):
            mine.go()
            seen.add((mine.answer.status, mine.answer.retry_after))
        assert seen <= {(503, 2.0), (201, None)}
        assert site.open("/sw.js")[0] == 200
        site.engines.start()
        back = time.monotonic()
        while send(rater, mine.assignment, mine.key).status != 201:
            assert time.monotonic() - back < 1, "the database is back, and the site did not notice"
            time.sleep(0.05)

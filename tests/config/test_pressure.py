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
import socket
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
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from psycopg2 import errors, extensions

from annotation import actions
from annotation.models import Assignment, Judgment
from config import deadline, server
from config.embedded import Engines
from config.test_settings import NOWHERE, TEST_VAR
from raters import problems
from raters.doors import again_if_undone
from raters.models import User
from tests import make
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
    engines = Engines(var=var, fast=True, wanted=("postgres",))
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


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[deadline.Watch]:
    """The deadline, on the connections of this test; a short one."""
    for name, seconds in (("STATEMENT", 1.0), ("CONNECT", 0.4), ("SILENT", 0.2), ("ANSWER", 0.3), ("LOOK", 0.5)):
        monkeypatch.setattr(deadline, f"{name}_SECONDS", seconds)
    watch = deadline.Watch()
    extensions.set_wait_callback(watch.wait)
    yield watch
    extensions.set_wait_callback(None)


class TestDeadline:
    def test_slow_is_not_dead(self, database_url: str, watched: deadline.Watch) -> None:
        """The server is silent for longer than anybody waits without asking, and says that it lives."""
        line = psycopg2.connect(database_url)
        cursor = line.cursor()
        cursor.execute("SELECT pg_sleep(0.6), 7")
        assert cursor.fetchone()[1] == 7
        line.close()

    def test_a_statement_that_never_ends_costs_the_connection(self, database_url: str, watched: deadline.Watch) -> None:
        """Only one process of the server is stuck: others work, and this connection is not used again."""
        stuck, other = psycopg2.connect(database_url), psycopg2.connect(database_url)
        with pytest.raises(psycopg2.OperationalError, match="did not answer in time"):
            stuck.cursor().execute("SELECT pg_sleep(30)")
        assert stuck.closed
        other.cursor().execute("SELECT 1")
        other.close()

    def test_a_silent_server_is_refused_at_once_until_it_speaks(self, watched: deadline.Watch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "tare"}
            assert seconds_until_refused(address) == pytest.approx(0.4 + 0.3, abs=0.3)
            assert seconds_until_refused(address) < 0.2
        # the port is closed now, which is an answer: whoever looks hears of the refusal itself
        time.sleep(deadline.LOOK_SECONDS)
        with pytest.raises(psycopg2.OperationalError, match="refused"):
            psycopg2.connect(**address)


def seconds_until_refused(address: dict[str, object]) -> float:
    began = time.monotonic()
    with pytest.raises(deadline.ServerAway):
        psycopg2.connect(**address)
    return time.monotonic() - began


@pytest.fixture
def database_url(db: None) -> str:
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


def caused(problem: Exception, cause: Exception) -> Exception:
    problem.__cause__ = cause
    return problem


class TestWhatIsAnswered:
    @pytest.mark.parametrize(
        ("problem", "is_away"),
        [
            (OperationalError("gone"), True),
            (InterfaceError("connection already closed"), True),
            (caused(DatabaseError("no message"), errors.DatabaseError()), True),
            (caused(RuntimeError("while drawing"), OperationalError("gone")), True),
            (DatabaseError("Forced update did not affect any rows."), False),
            (SessionInterrupted("deleted"), False),
            (ValueError("nobody expected this"), False),
        ],
        ids=str,
    )
    def test_away_is_told_from_wrong(self, problem: Exception, is_away: bool) -> None:
        assert problems.database_is_away(problem) is is_away

    @pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), ("/api/v1/nothing", problems.MEDIA_TYPE)])
    def test_a_failure_in_the_middleware_is_503(
        self, monkeypatch: pytest.MonkeyPatch, ada: User, path: str, kind: str
    ) -> None:
        """A session that cannot be read, before any view is asked."""
        browser = Browser(raise_request_exception=False)
        browser.force_login(ada)
        _break(monkeypatch, "load")
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"].startswith(kind)

    def test_a_session_that_cannot_be_saved_is_503(self, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
        """Django says of it that somebody has deleted it, with a 400 that makes a browser discard the answer."""
        browser = Browser(raise_request_exception=False)
        browser.force_login(ada)
        session = browser.session
        session["touched_at"] = 1
        session.save()
        _break(monkeypatch, "create_model_instance")
        answer = browser.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")

    def test_a_session_that_somebody_deleted_is_400(self, ada: User) -> None:
        request = RequestFactory().get("/")
        assert problems.bad_request(request, SessionInterrupted("deleted")).status_code == 400

    def test_the_api_answers_problem_details(self, rf: RequestFactory) -> None:
        try:
            raise OperationalError("gone")
        except OperationalError:
            answer = problems.server_error(rf.get("/api/v1/runs/"))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == problems.MEDIA_TYPE


def undo_transaction(code: str) -> None:
    """What PostgreSQL says when it undoes a transaction, said by PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'undone' USING ERRCODE = '{code}'; END $$")


@pytest.mark.django_db(transaction=True)
class TestOnceMore:
    @pytest.mark.parametrize("code", ["40P01", "40001"])
    def test_a_judgment_that_lost_a_deadlock_is_stored_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        browser, lent, judge = Browser(), *a_rater_at_work()
        browser.force_login(lent.rater)
        failures = [code]

        def unlucky(*args: Any, **more: Any) -> Any:
            if failures:
                undo_transaction(failures.pop())
            return judge(*args, **more)

        monkeypatch.setattr(actions, "submit_and_lend", unlucky)
        answer = answer_with(browser, lent)
        assert answer.status_code == 201
        assert Judgment.objects.count() == 1

    def test_one_that_loses_twice_is_503(self, monkeypatch: pytest.MonkeyPatch) -> None:
        browser, lent, _ = Browser(raise_request_exception=False), *a_rater_at_work()
        browser.force_login(lent.rater)
        monkeypatch.setattr(actions, "submit_and_lend", lambda *_, **__: undo_transaction("40P01"))
        assert answer_with(browser, lent).status_code == 503

    def test_a_lock_that_is_not_given_is_not_waited_for_twice(self, rf: RequestFactory) -> None:
        asked = []

        @again_if_undone
        def door(request: HttpRequest) -> HttpResponse:
            asked.append(request)
            undo_transaction("55P03")
            return HttpResponse()

        with pytest.raises(OperationalError):
            door(rf.get("/"))
        assert len(asked) == 1


def a_rater_at_work() -> tuple[Assignment, Any]:
    """What a rater holds, and the verb that takes their answer."""
    project = make.project()
    make.comparison(project)
    return make.assignment(make.rater(project), project), actions.submit_and_lend


def answer_with(browser: Browser, lent: Assignment) -> Any:
    address = f"/p/{lent.comparison.project.slug}/assignments/{lent.pk}/judgment/"
    return browser.post(address, {"preference": 1, "key": new_key()}, headers={"X-Tare-Holds": ""})


def _break(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(SessionStore, method, fail)

"""What a wait for the database may cost, and what is answered when it costs too much."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from psycopg2 import errors, extensions

from annotation import actions
from annotation.models import Assignment, Judgment
from config import deadline
from raters import problems
from raters.doors import again_if_undone
from raters.models import User
from raters.sessions import SessionStore
from tests import make


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
    return browser.post(address, {"preference": 1, "key": uuid.uuid4()}, headers={"X-Tare-Holds": ""})


def _break(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(SessionStore, method, fail)

"""A worker at live turns: it keeps one child, answers what waits, and outlives whatever the child does."""

from __future__ import annotations

import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery.worker import state
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from annotation import actions
from annotation.models import Conversation, Exchange, Prompt, Response
from raters.models import Project, User
from tests import make
from tests.training import build
from training import tasks
from training.live import NO_MODEL, NO_POLICY, NO_ROOM, Host, Patience
from training.models import ModelVersion

FAKE = "tests.training.learners"
BRISK = Patience(load=20.0, answer=10.0, renew=0.5, grace=0.5)
HASTY = Patience(load=20.0, answer=0.7, renew=0.5, grace=0.3)


@pytest.fixture
def talk(project: Project, ada: User) -> Conversation:
    """Ada in a conversation."""
    return make.conversation(ada, make.live_batch(project))


@pytest.fixture
def policy(project: Project) -> ModelVersion:
    """The project's policy; its child is a fake."""
    return build.model(project)


@pytest.fixture
def host() -> Iterator[Host]:
    """A worker's host."""
    host = Host(now=make.now, rng=random.Random(1), patience=BRISK, package=FAKE)
    yield host
    host.dismiss()


def asked(talk: Conversation, text: str, host: Host) -> Exchange:
    """The turn, after the host had its try at it."""
    exchange = make.turn(talk, text)
    host.answer_all()
    exchange.refresh_from_db()
    return exchange


def children_of(policy: ModelVersion) -> list[int]:
    """The processes that were started on this model, and what those started."""
    found = [Path(policy.path, name) for name in ("pids.txt", "child.txt")]
    return [int(pid) for path in found if path.exists() for pid in path.read_text().split()]


def gone(pid: int, *, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


class TestAnswering:
    def test_offers_two_answers_and_keeps_who_wrote_them_with_the_row(
        self, talk: Conversation, policy: ModelVersion, host: Host
    ) -> None:
        exchange = asked(talk, "Hello", host)

        assert exchange.state == Exchange.State.OFFERED
        rows = Response.objects.order_by("pk")
        assert [row.text for row in rows] == [f"Hello {row.sampling['seed']}" for row in rows]
        assert {row.model_digest for row in rows} == {policy.digest}
        assert len({row.sampling["seed"] for row in rows}) == 2

    def test_one_child_answers_turn_after_turn(self, talk: Conversation, policy: ModelVersion, host: Host) -> None:
        for _ in range(3):
            make.live_judgment(asked(talk, "Hello", host))

        assert children_of(policy) == [host.pid]

    def test_a_newer_policy_takes_the_place_of_the_older(
        self, project: Project, talk: Conversation, policy: ModelVersion, host: Host
    ) -> None:
        make.live_judgment(asked(talk, "Hello", host))
        newer = build.model(project)
        build.model(project, kind="reward")

        assert asked(talk, "Again", host).state == Exchange.State.OFFERED
        assert all(gone(pid) for pid in children_of(policy))
        assert children_of(newer) == [host.pid]

    def test_the_model_is_loaded_ahead_for_who_has_begun(
        self, talk: Conversation, policy: ModelVersion, host: Host
    ) -> None:
        assert host.answer_all() == 0
        assert children_of(policy) == [host.pid]

    def test_a_model_that_nobody_talks_to_is_let_go(
        self, talk: Conversation, policy: ModelVersion, host: Host, settings: Settings
    ) -> None:
        asked(talk, "Hello", host)
        settings.TARE_LIVE_IDLE_SECONDS = 0
        host.answer_all()
        assert children_of(policy) == [host.pid]
        actions.end_conversation(talk, now=make.now())

        host.answer_all()

        assert host.pid is None and all(gone(pid) for pid in children_of(policy))

    def test_an_answer_to_another_turn_is_not_taken_for_this_one(
        self, talk: Conversation, policy: ModelVersion, host: Host
    ) -> None:
        assert asked(talk, "stale", host).state == Exchange.State.OFFERED
        assert all(text.startswith("stale ") for text in Response.objects.values_list("text", flat=True))

    def test_a_claim_is_renewed_while_the_model_thinks(
        self, talk: Conversation, policy: ModelVersion, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renew = actions.renew_claim
        renewed: list[datetime | None] = []

        def watched(exchange: Exchange, *, token: int, now: datetime) -> None:
            renew(exchange, token=token, now=now)
            renewed.append(Exchange.objects.get(pk=exchange.pk).lease_until)

        monkeypatch.setattr(actions, "renew_claim", watched)

        assert asked(talk, "slow", host).state == Exchange.State.OFFERED
        assert None not in renewed and len(set(renewed)) >= 2


class TestTrouble:
    def test_no_policy_is_said_in_words(self, project: Project, talk: Conversation, host: Host) -> None:
        build.model(project, kind="reward")

        exchange = asked(talk, "Hello", host)

        assert (exchange.state, exchange.reason) == (Exchange.State.FAILED, NO_POLICY)

    def test_a_child_that_dies_is_replaced(self, talk: Conversation, policy: ModelVersion, host: Host) -> None:
        assert asked(talk, "die once", host).state == Exchange.State.OFFERED
        assert len(children_of(policy)) == 2

    @pytest.mark.parametrize("what", ["die", "garbage", "flood", "one"])
    def test_after_three_tries_the_rater_is_told_and_the_next_turn_is_answered(
        self, talk: Conversation, policy: ModelVersion, host: Host, what: str
    ) -> None:
        exchange = asked(talk, what, host)

        assert (exchange.state, exchange.attempts) == (Exchange.State.FAILED, 3)
        assert exchange.reason == "No answer came after three tries."
        assert asked(talk, "Hello", host).state == Exchange.State.OFFERED

    @pytest.mark.parametrize("what", ["hang", "shrug"])
    def test_a_child_that_hangs_is_ended_with_all_it_started(
        self, talk: Conversation, policy: ModelVersion, what: str
    ) -> None:
        host = Host(now=make.now, patience=HASTY, package=FAKE)

        assert asked(talk, what, host).state == Exchange.State.FAILED

        host.dismiss()
        assert len(children_of(policy)) >= 3
        assert all(gone(pid) for pid in children_of(policy))

    def test_a_model_that_never_loads_is_given_up(self, talk: Conversation, policy: ModelVersion) -> None:
        Path(policy.path, "never").touch()
        host = Host(now=make.now, patience=Patience(load=0.7, grace=0.3), package=FAKE)

        assert asked(talk, "Hello", host).state == Exchange.State.FAILED
        assert host.pid is None and all(gone(pid) for pid in children_of(policy))

    @pytest.mark.parametrize("why", ["refuse", "digest", "folder"])
    def test_a_model_that_cannot_be_used_fails_at_once_and_is_not_named(
        self, talk: Conversation, policy: ModelVersion, host: Host, why: str
    ) -> None:
        if why == "refuse":
            Path(policy.path, "refuse").touch()
        elif why == "digest":
            ModelVersion.objects.update(digest="f" * 64)
        else:
            ModelVersion.objects.update(path="/nowhere/secret-policy")

        exchange = asked(talk, "Hello", host)

        assert (exchange.state, exchange.reason, exchange.attempts) == (Exchange.State.FAILED, NO_MODEL, 1)

    @pytest.mark.parametrize(("what", "words"), [("too long", NO_ROOM), ("refuse", NO_MODEL)])
    def test_what_the_child_refuses_is_said_in_words_of_ours(
        self, talk: Conversation, policy: ModelVersion, host: Host, what: str, words: str
    ) -> None:
        assert asked(talk, what, host).reason == words

    def test_answers_that_are_the_same_are_tried_again(
        self, talk: Conversation, policy: ModelVersion, host: Host
    ) -> None:
        exchange = asked(talk, "same", host)

        assert "no two different answers" in exchange.reason and exchange.attempts == 3

    def test_a_claim_that_was_lost_meanwhile_writes_nothing(
        self, talk: Conversation, policy: ModelVersion, host: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        make.turn(talk, "slow")
        claimed = actions.claim_exchange(now=make.NOW)
        assert claimed is not None
        Exchange.objects.update(token=9)

        with caplog.at_level(logging.WARNING):
            host._attend(claimed)

        assert "has no say" in caplog.text
        assert not Response.objects.exists()

    def test_a_worker_told_to_go_puts_the_turn_back_unspent(self, talk: Conversation, policy: ModelVersion) -> None:
        went = time.monotonic() + 2.5
        host = Host(now=make.now, told_to_stop=lambda: time.monotonic() > went, patience=BRISK, package=FAKE)

        exchange = asked(talk, "hang", host)

        host.dismiss()
        assert (exchange.state, exchange.attempts, exchange.lease_until) == (Exchange.State.WAITING, 0, None)

    @pytest.mark.django_db(transaction=True)
    def test_a_killed_worker_takes_its_child_along_and_another_answers_the_turn(
        self, talk: Conversation, policy: ModelVersion, host: Host, child_environment: dict[str, str]
    ) -> None:
        exchange = make.turn(talk, "hang")
        script = f"import django; django.setup()\nfrom training.live import Host\nHost(package={FAKE!r}).answer_all()"
        with subprocess.Popen([sys.executable, "-c", script], cwd=settings.BASE_DIR, env=child_environment) as worker:
            deadline = time.monotonic() + 30
            while not children_of(policy):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            worker.send_signal(signal.SIGKILL)
        assert all(gone(pid) for pid in children_of(policy))
        exchange.refresh_from_db()
        assert (exchange.state, exchange.attempts) == (Exchange.State.WAITING, 1)

        Prompt.objects.update(messages=[{"role": "user", "content": "Hello"}])
        host.now = lambda: timezone.now() + timedelta(minutes=1)
        host.answer_all()

        exchange.refresh_from_db()
        assert (exchange.state, exchange.attempts) == (Exchange.State.OFFERED, 2)


class TestTheBell:
    def test_has_its_name_and_its_queue(self) -> None:
        assert settings.CELERY_TASK_ROUTES[tasks.converse.name] == {"queue": "generate"}
        for table in ("annotation_exchange", "annotation_conversation"):
            assert settings.BELLS[table] == [tasks.converse.name]

    def test_finds_nothing_when_nobody_waits(self, project: Project) -> None:
        tasks.converse()
        assert tasks.host.pid is None

    @pytest.mark.parametrize("flag", ["should_stop", "should_terminate"])
    def test_claims_nothing_in_a_worker_that_shuts_down(
        self, talk: Conversation, monkeypatch: pytest.MonkeyPatch, flag: str
    ) -> None:
        exchange = make.turn(talk)
        monkeypatch.setattr(state, flag, 0)  # the exit status it will have
        tasks.converse()
        exchange.refresh_from_db()
        assert (exchange.state, exchange.attempts) == (Exchange.State.WAITING, 0)

    @pytest.mark.django_db(transaction=True)
    def test_is_rung_by_news_and_not_by_a_claim(self, talk: Conversation) -> None:
        with connection.cursor() as cursor:
            cursor.execute("LISTEN tare")
        make.turn(talk)
        assert heard() == ["annotation_exchange"]
        held = actions.claim_exchange(now=make.NOW)
        assert held is not None
        actions.renew_claim(held, token=held.token, now=make.NOW)
        assert heard() == []
        actions.put_back_exchange(held, token=held.token, spent=True)
        assert heard() == ["annotation_exchange"]
        with connection.cursor() as cursor:
            cursor.execute("UNLISTEN tare")


def heard() -> list[str]:
    """What PostgreSQL told this connection of exchanges since it was last asked."""
    raw = connection.connection
    raw.poll()
    names = [notice.payload for notice in raw.notifies if notice.payload == "annotation_exchange"]
    raw.notifies.clear()
    return names

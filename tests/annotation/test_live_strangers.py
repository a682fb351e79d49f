"""Every door of a live conversation refuses strangers, other people and the wrong method; and none tells who wrote."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.test import Client

from annotation import actions
from annotation.models import Batch, Conversation, Exchange, Response
from raters.models import Project, User
from tests import make
from tests.annotation.talking import HTMX, html, judge, say, url

CANARY = "c0ffee" * 10 + "feed"


@pytest.fixture
def batch(project: Project) -> Batch:
    """A place to talk."""
    return make.live_batch(project)


@pytest.fixture
def talk(batch: Batch, ada: User) -> Conversation:
    """Ada's conversation, before her first turn."""
    return make.conversation(ada, batch)


@pytest.fixture
def browser(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


DOORS: list[tuple[str, Callable[[Conversation, Exchange], str]]] = [
    ("get", lambda talk, exchange: f"/p/helpfulness/live/{talk.batch_id}/"),
    ("post", lambda talk, exchange: f"/p/helpfulness/live/{talk.batch_id}/begin/"),
    ("get", lambda talk, exchange: url(talk)),
    ("post", lambda talk, exchange: url(talk, "turn")),
    ("post", lambda talk, exchange: url(talk, "end")),
    ("get", lambda talk, exchange: url(exchange, "since/0")),
    ("post", lambda talk, exchange: url(exchange, "judgment")),
    ("post", lambda talk, exchange: url(exchange, "undo")),
    ("post", lambda talk, exchange: url(exchange, "again")),
]


@pytest.mark.parametrize(("method", "door"), DOORS)
class TestEveryDoor:
    def test_asks_strangers_to_sign_in(
        self, client: Client, talk: Conversation, method: str, door: Callable[..., str]
    ) -> None:
        answer = getattr(client, method)(door(talk, make.turn(talk)))

        assert answer.headers["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize("who", ["cleo", "emil", "mallory"])
    def test_does_not_exist_for_others(
        self,
        client: Client,
        request: pytest.FixtureRequest,
        talk: Conversation,
        who: str,
        method: str,
        door: Callable[..., str],
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert getattr(client, method)(door(talk, make.turn(talk))).status_code == 404

    def test_is_another_raters_own(
        self, client: Client, project: Project, talk: Conversation, method: str, door: Callable[..., str]
    ) -> None:
        client.force_login(make.rater(project, "zoe"))
        address = door(talk, make.turn(talk))

        answer = getattr(client, method)(address)

        assert answer.status_code == (404 if "/live/" not in address else answer.status_code)
        assert Exchange.objects.count() == 1 and talk.rater.conversations.filter(ended_at=None).count() == 1

    def test_refuses_the_wrong_method(
        self, browser: Client, talk: Conversation, method: str, door: Callable[..., str]
    ) -> None:
        other = "post" if method == "get" else "get"

        assert getattr(browser, other)(door(talk, make.turn(talk))).status_code == 405


def test_no_byte_tells_who_wrote_the_answers(browser: Client, talk: Conversation) -> None:
    make.turn(talk)
    claimed = actions.claim_exchange(now=make.now())
    assert claimed is not None

    offered = actions.offer_candidates(
        claimed,
        token=claimed.token,
        model_digest=CANARY,
        candidates=(
            actions.Candidate("One.", {"seed": 7654321, "model": "secret-policy"}),
            actions.Candidate("Two.", {"seed": 1234567, "model": "secret-policy"}),
        ),
        rng=random.Random(1),
        now=make.now(),
    )
    assert Response.objects.filter(model_digest=CANARY).count() == 2

    answers = [
        browser.get(url(talk)),
        browser.get(url(talk), headers=HTMX),
        browser.get(url(offered, "since/0"), headers=HTMX),
        judge(browser, offered, preference="9"),
        judge(browser, offered),
        browser.post(url(offered, "undo"), headers=HTMX),
        judge(browser, offered),
        say(browser, talk),
        browser.post(url(talk, "end"), headers=HTMX),
    ]

    for answer in answers:
        everything = html(answer) + str(answer.headers)
        assert not [word for word in (CANARY, "7654321", "1234567", "secret-policy", "swapped") if word in everything]

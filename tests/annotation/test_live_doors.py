"""The doors of a live conversation: each works, and says in place what is wrong with bad input."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation.kinds import LONGEST_TURN
from annotation.models import Batch, Conversation, Exchange, Judgment
from raters.models import Project, Standing, User
from tests import make
from tests.annotation.talking import HTMX, html, judge, say, url


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


class TestBegin:
    def test_explains_and_leads_into_a_conversation(self, browser: Client, batch: Batch) -> None:
        page = html(browser.get(f"/p/helpfulness/live/{batch.pk}/"))
        assert "Be curious." in page and "Begin" in page and "consents" not in page

        answer = browser.post(f"/p/helpfulness/live/{batch.pk}/begin/")

        assert answer.headers["Location"] == url(Conversation.objects.get())
        assert "Continue" in html(browser.get(f"/p/helpfulness/live/{batch.pk}/"))

    def test_red_teaming_warns_helps_and_asks(self, browser: Client, project: Project) -> None:
        batch = make.live_batch(project, kind="red_team")
        page = html(browser.get(f"/p/helpfulness/live/{batch.pk}/"))
        assert "Answers may be unpleasant" in page and "without any penalty" in page and "talk to your lead" in page

        refused = browser.post(f"/p/helpfulness/live/{batch.pk}/begin/")
        assert refused.status_code == 422 and "consents-error" in html(refused)
        assert not Conversation.objects.exists()

        assert browser.post(f"/p/helpfulness/live/{batch.pk}/begin/", {"consents": "on"}).status_code == 302
        assert Conversation.objects.get().consented_at is not None

    def test_sends_to_the_guideline_first(self, client: Client, batch: Batch, ben: User) -> None:
        client.force_login(ben)
        assert "Read and confirm" in html(client.get(f"/p/helpfulness/live/{batch.pk}/"))

        assert "/guidelines/" in client.post(f"/p/helpfulness/live/{batch.pk}/begin/").headers["Location"]

    @pytest.mark.parametrize("why", ["paused", "closed", "sensitive"])
    def test_says_why_it_cannot_begin(self, browser: Client, batch: Batch, ada: User, why: str) -> None:
        if why == "paused":
            Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")
        elif why == "closed":
            Batch.objects.update(closed_at=make.NOW)
        else:
            Batch.objects.update(is_sensitive=True)

        answer = browser.post(f"/p/helpfulness/live/{batch.pk}/begin/")

        words = {"paused": "Let us talk.", "closed": "is closed", "sensitive": "opted in"}[why]
        assert answer.status_code == 409 and words in html(answer)
        assert not Conversation.objects.exists()

    def test_a_batch_of_pairs_has_no_such_page(self, browser: Client, project: Project) -> None:
        pairs = make.batch(project)

        assert browser.get(f"/p/helpfulness/live/{pairs.pk}/").status_code == 404
        assert browser.post(f"/p/helpfulness/live/{pairs.pk}/begin/").status_code == 404


class TestSay:
    def test_takes_the_turn_and_waits(self, browser: Client, talk: Conversation) -> None:
        answer = say(browser, talk, "How tall is Everest?")

        assert answer.status_code == 200
        assert 'data-step="wait"' in html(answer) and "How tall is Everest?" in html(answer)
        assert Exchange.objects.get().prompt.question == "How tall is Everest?"

    def test_without_script_it_redirects(self, browser: Client, talk: Conversation) -> None:
        answer = browser.post(url(talk, "turn"), {"text": "Hello.", "key": str(uuid.uuid4())})

        assert answer.status_code == 302
        assert f'href="{url(talk)}">Look again' in html(browser.get(url(talk)))

    def test_the_same_form_sent_twice_is_one_turn(self, browser: Client, talk: Conversation) -> None:
        key = str(uuid.uuid4())
        for _ in range(2):
            assert say(browser, talk, key=key).status_code == 200

        assert Exchange.objects.count() == 1

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ({"text": "  "}, "Write something first."),
            ({"text": "x" * (LONGEST_TURN + 1)}, "at most 4,000 characters"),
            ({"key": "none"}, "its key is broken"),
        ],
    )
    def test_bad_input_is_said_in_place_and_kept(
        self, browser: Client, talk: Conversation, sent: dict[str, str], words: str
    ) -> None:
        answer = say(browser, talk, **{"text": "Hello.", **sent})

        assert answer.status_code == 422
        assert words in html(answer) and 'id="text-error"' in html(answer)
        assert sent.get("text", "Hello.").strip() in html(answer)
        assert not Exchange.objects.exists()

    def test_lines_count_as_they_were_typed(self, browser: Client, talk: Conversation) -> None:
        assert say(browser, talk, "x\r\n" * (LONGEST_TURN // 2 - 1) + "xx").status_code == 200

    def test_a_second_tab_is_told_that_the_turn_waits_and_keeps_its_words(
        self, browser: Client, talk: Conversation
    ) -> None:
        say(browser, talk)
        answer = say(browser, talk, "Something else.")

        assert answer.status_code == 409
        assert "still waits" in html(answer) and "Something else." in html(answer)

    @pytest.mark.parametrize("text", ["مرحبا بالعالم", "שלום", "日本語で", "a\u202eb\u200bc", "<b>bold</b>"])
    def test_any_script_is_kept_and_shown_as_text(self, browser: Client, talk: Conversation, text: str) -> None:
        page = html(say(browser, talk, text))

        assert Exchange.objects.get().prompt.question == text
        assert 'dir="auto"' in page and "<b>" not in page.partition('class="said"')[2]
        assert "\u202e" not in page


class TestWaiting:
    @pytest.mark.parametrize(
        ("seconds", "words", "polls"),
        [
            (1, "Two answers are on their way", True),
            (8, "a little longer than usual", True),
            (40, "Nobody is answering just now", True),
            (200, "stopped looking by itself", False),
        ],
    )
    def test_says_more_the_longer_it_takes(
        self, browser: Client, talk: Conversation, seconds: int, words: str, polls: bool
    ) -> None:
        exchange = make.turn(talk)
        Exchange.objects.update(asked_at=timezone.now() - timedelta(seconds=seconds))

        page = html(browser.get(url(talk)))

        assert words in page and ('hx-trigger="every 1s"' in page) is polls
        if seconds > 30:
            assert "Your words are kept" in page and url(exchange, "again") in page

    def test_says_when_a_worker_is_at_it(self, browser: Client, talk: Conversation) -> None:
        make.turn(talk)
        now = timezone.now()
        Exchange.objects.update(asked_at=now - timedelta(seconds=40), lease_until=now + timedelta(seconds=10))

        assert "The model is still writing" in html(browser.get(url(talk)))

    def test_a_look_brings_nothing_until_there_is_something(self, browser: Client, talk: Conversation) -> None:
        exchange = make.turn(talk)
        Exchange.objects.update(asked_at=timezone.now())
        assert browser.get(url(exchange, "since/0"), headers=HTMX).status_code == 204
        assert browser.get(url(exchange, "since/1"), headers=HTMX).status_code == 200

        make.offer("First.", "Second.")

        assert "Which answer is better?" in html(browser.get(url(exchange, "since/0"), headers=HTMX))

    def test_ask_again_after_no_answer_came(self, browser: Client, talk: Conversation) -> None:
        exchange = make.turn(talk, "Same?")
        for _ in range(3):
            make.offer("Same.", "Same.")
        page = html(browser.get(url(talk)))
        assert "No answer came" in page and ">\nSame?</textarea>" in page

        answer = browser.post(url(exchange, "again"), headers=HTMX)

        assert 'data-step="wait"' in html(answer)

    def test_ask_again_is_refused_when_answers_are_there(self, browser: Client, talk: Conversation) -> None:
        exchange = make.turn(talk)
        make.offer()

        answer = browser.post(url(exchange, "again"), headers=HTMX)

        assert answer.status_code == 409 and "has its answers" in html(answer)

    def test_costs_few_statements(
        self, browser: Client, talk: Conversation, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(6):
            make.turn(talk)
            make.live_judgment(make.offer())
        exchange = make.turn(talk)
        Exchange.objects.filter(pk=exchange.pk).update(asked_at=timezone.now())
        browser.get(url(talk))  # the first click of a session is written down
        with django_assert_max_num_queries(4):
            browser.get(url(exchange, "since/0"), headers=HTMX)
        with django_assert_max_num_queries(6):
            browser.get(url(talk), headers=HTMX)
        make.offer()
        with django_assert_max_num_queries(8):
            browser.get(url(talk), headers=HTMX)


class TestJudge:
    def test_shows_both_answers_on_the_sides_of_the_assignment(self, browser: Client, talk: Conversation) -> None:
        for _ in range(8):
            make.turn(talk)
            offered = make.offer()
            assert offered.comparison is not None
            texts = [offered.comparison.response_a.text, offered.comparison.response_b.text]
            if offered.comparison.assignments.get().swapped:
                texts.reverse()
            page = html(browser.get(url(talk)))
            assert page.count('name="preference"') == 7
            assert page.index(texts[0]) < page.index(texts[1])
            make.live_judgment(offered)

    def test_the_better_one_goes_on(self, browser: Client, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer("The first.", "The second.")

        page = html(judge(browser, offered, preference="-3", rationale="It is first."))

        stored = Judgment.objects.get()
        offered.refresh_from_db()
        assert offered.went_on is not None and offered.went_on.text in page
        assert page.count("The first.") + page.count("The second.") == 1
        assert (stored.rationale, stored.seconds) == ("It is first.", 3.5)
        assert (-stored.preference if stored.swapped else stored.preference) == -3

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ({"preference": ""}, "Choose first which answer is better."),
            ({"preference": "4"}, "Choose one of the steps."),
            ({"rationale": "x" * 4001}, "at most 4000"),
            ({"seconds": "-1"}, "greater than or equal to 0"),
            ({"key": ""}, "has no key"),
        ],
    )
    def test_bad_input_is_said_in_place(
        self, browser: Client, talk: Conversation, sent: dict[str, str], words: str
    ) -> None:
        make.turn(talk)
        answer = judge(browser, make.offer(), **sent)

        assert answer.status_code == 422 and words in html(answer)
        assert not Judgment.objects.exists()

    def test_another_answer_under_the_same_key_is_refused(self, browser: Client, talk: Conversation) -> None:
        make.turn(talk)
        offered, key = make.offer(), str(uuid.uuid4())
        judge(browser, offered, key=key)

        assert judge(browser, offered, key=key).status_code == 200
        assert judge(browser, offered, key=key, preference="-2").status_code == 422
        assert judge(browser, offered, preference="-2").status_code == 409
        assert Judgment.objects.count() == 1

    def test_undo_shows_the_two_answers_again_until_the_next_turn(self, browser: Client, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer()
        page = html(judge(browser, offered))
        assert "You said: B better" in page and url(offered, "undo") in page

        assert 'data-step="judge"' in html(browser.post(url(offered, "undo"), headers=HTMX))

        judge(browser, offered)
        say(browser, talk)
        assert browser.post(url(offered, "undo"), headers=HTMX).status_code == 409

    def test_a_coarser_scale_is_asked_as_the_project_asks(self, browser: Client, talk: Conversation) -> None:
        Batch.objects.filter(pk=talk.batch_id).update(asks=talk.batch.asks | {"steps": 3})
        make.turn(talk)
        offered = make.offer()

        assert html(browser.get(url(talk))).count('name="preference"') == 3
        assert judge(browser, offered, preference="3").status_code == 422

    def test_answers_of_a_sensitive_batch_are_covered(self, browser: Client, project: Project, ada: User) -> None:
        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)
        talk = make.conversation(ada, make.live_batch(project, kind="red_team", is_sensitive=True))
        make.turn(talk)
        offered = make.offer()
        page = html(browser.get(url(talk)))
        assert page.count('<details class="veil">') == 2
        assert "<details open" not in page

        assert html(judge(browser, offered)).count('<details class="veil">') == 1


class TestEnd:
    @pytest.mark.parametrize("at", ["start", "waiting", "offered", "judged"])
    def test_at_any_point(self, browser: Client, talk: Conversation, at: str) -> None:
        if at != "start":
            make.turn(talk)
        if at in ("offered", "judged"):
            offered = make.offer()
        if at == "judged":
            make.live_judgment(offered)

        page = html(browser.post(url(talk, "end"), headers=HTMX))

        assert "This conversation is over" in page
        assert "This conversation is over" in html(browser.get(url(talk)))
        assert say(browser, talk).status_code == 409

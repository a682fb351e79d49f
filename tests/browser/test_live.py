"""Ada talks to the model: through every state, through reloads, without script, and when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from annotation.models import Batch, Conversation, Exchange, Judgment
from raters.models import Project, Standing, User
from tests import make
from tests.browser.conftest import Seen


@pytest.fixture
def batch(project: Project) -> Batch:
    """A place to talk."""
    return make.live_batch(project)


@pytest.fixture
def talk(visit_as: Callable[..., Page], batch: Batch, ada: User) -> Page:
    """Ada before her first turn."""
    page = visit_as(ada, f"/p/helpfulness/live/{batch.pk}/")
    with page.expect_navigation():  # to its end: who types before the script is there has no draft yet
        page.click("text=Begin >> nth=-1")
    return page


def say(page: Page, text: str) -> None:
    """Send a turn and see it wait."""
    page.fill("#text", text)
    page.click("#compose button")
    expect(page.locator("#waiting")).to_be_visible()


def nobody_answers_for(seconds: int) -> None:
    Exchange.objects.filter(state="waiting").update(asked_at=timezone.now() - timedelta(seconds=seconds))


def test_a_conversation_of_two_turns_by_keyboard_with_a_reload_at_each_state(talk: Page) -> None:
    talk.focus("#text")
    talk.keyboard.type("How tall is Everest?")
    talk.keyboard.press("Control+Enter")
    expect(talk.locator("#waiting")).to_be_visible()
    talk.reload()
    expect(talk.locator(".bubble.mine")).to_have_text("You\nHow tall is Everest?", use_inner_text=True)

    make.offer("8,849 metres.", "It is tall.")
    expect(talk.locator("[data-answer=a]")).to_be_visible()
    expect(talk.locator("#live")).to_have_text("Two answers are there.")
    talk.reload()
    talk.focus("[name=preference] >> nth=0")
    talk.keyboard.press("ArrowRight")
    better = talk.locator("[data-answer=a]").inner_text()
    talk.keyboard.press("Tab")
    talk.keyboard.press("Control+Enter")

    expect(talk.locator(".bubble:not(.mine)")).to_contain_text(better)
    expect(talk.locator("#text")).to_be_focused()
    talk.reload()
    say(talk, "And K2?")
    make.offer("8,611 metres.", "Less.")
    expect(talk.locator("[data-answer=b]")).to_be_visible()
    assert Exchange.objects.latest("pk").prompt.messages[1]["content"] == better
    shown = Judgment.objects.get()
    assert (-shown.preference if shown.swapped else shown.preference) == -2


def test_two_turns_without_script(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, f"/p/helpfulness/live/{batch.pk}/", script=False)
    page.click("text=Begin >> nth=-1")
    for turn in ("Hello.", "And now?"):
        say(page, turn)
        make.offer()
        page.click("text=Look again")
        page.check("[name=preference][value='0']", force=True)
        page.click("[data-send]")
    page.click(".undo button")
    page.check("[name=preference][value='3']", force=True)
    page.click("[data-send]")
    page.click("text=End conversation")

    expect(page.locator("#talk h2[data-heading]")).to_have_text("This conversation is over")
    assert Exchange.objects.filter(state="judged").count() == 2
    assert Judgment.objects.filter(withdrawal=None).count() == 2


def test_when_nobody_answers_the_page_says_so_and_asks_again(talk: Page) -> None:
    say(talk, "Is anybody there?")
    expect(talk.locator(".skels")).to_be_visible()
    nobody_answers_for(6)
    expect(talk.locator("#waiting")).to_contain_text("a little longer than usual")
    nobody_answers_for(31)
    expect(talk.locator("#waiting")).to_contain_text("Nobody is answering just now")
    expect(talk.locator("#waiting")).to_contain_text("Your words are kept")
    nobody_answers_for(121)
    expect(talk.locator("#waiting")).to_contain_text("stopped looking by itself")

    talk.click("#waiting button")
    expect(talk.locator(".skels")).to_be_visible()
    make.offer("I am.", "Me too.")

    expect(talk.locator("[data-answer=a]")).to_be_visible()


def test_what_is_being_typed_survives_a_reload_and_goes_when_it_was_sent(talk: Page) -> None:
    talk.fill("#text", "مرحبا، half a thought")
    talk.reload()
    expect(talk.locator("#text")).to_have_value("مرحبا، half a thought")
    talk.click("#compose button")
    expect(talk.locator("#waiting")).to_be_visible()

    assert talk.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('tare.live.'))") == []
    assert Exchange.objects.get().prompt.question == "مرحبا، half a thought"


def test_a_send_without_an_answer_keeps_the_words_and_counts_once(talk: Page, seen: Seen) -> None:
    lost: list[object] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            route.abort()

    talk.route("**/turn/", lose_the_first_answer)
    talk.fill("#text", "Hello.")
    talk.click("#compose button")
    expect(talk.locator("#unsent")).to_contain_text("Your words are kept")
    expect(talk.locator("#text")).to_have_value("Hello.")
    talk.click("#compose button")
    expect(talk.locator("#waiting")).to_be_visible()

    assert Exchange.objects.count() == 1
    assert all("Failed to fetch" in text for text in seen.refusals())
    seen.complaints.clear()


def test_an_expired_sign_in_keeps_the_words(talk: Page) -> None:
    talk.fill("#text", "Still here.")
    talk.context.clear_cookies()
    talk.click("#compose button")
    expect(talk.locator("#unsent")).to_be_visible()

    expect(talk.locator("#text")).to_have_value("Still here.")
    assert not Exchange.objects.exists()


def test_a_missing_step_is_said_in_place(talk: Page) -> None:
    say(talk, "Hello.")
    make.offer()
    talk.fill("#rationale", "Because.")
    talk.click("[data-send]")

    expect(talk.locator("#preference-error")).to_be_visible()
    expect(talk.locator("#rationale")).to_have_value("Because.")
    assert talk.evaluate("document.activeElement.name") == "preference"


@pytest.mark.parametrize("script", [True, False])
def test_red_teaming_asks_first_and_covers_the_answers(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)
    batch = make.live_batch(project, kind="red_team", is_sensitive=True)
    page = visit_as(ada, f"/p/helpfulness/live/{batch.pk}/", script=script)
    page.click("text=Begin >> nth=-1")
    expect(page.locator("#consents-error")).to_be_visible()
    page.check("[name=consents]")
    page.click("text=Begin >> nth=-1")
    say(page, "Be awful.")
    make.offer("Awful.", "Terrible.")
    if not script:
        page.click("text=Look again")

    answer = page.locator("[data-answer=a] .prose")
    expect(page.locator("[data-answer=a] summary")).to_be_visible()
    expect(answer).to_be_hidden()
    page.click("[data-answer=a] summary")
    expect(answer).to_be_visible()
    assert Conversation.objects.get().consented_at is not None


def test_hostile_words_stay_words(talk: Page) -> None:
    hostile = "<img src=https://elsewhere.example/x><b hx-get='/' hx-trigger='load'>b</b><script>alert(1)</script>"
    say(talk, hostile)
    make.offer(hostile, hostile + " again")
    expect(talk.locator("[data-answer=a]")).to_be_visible()

    assert talk.locator(".prose").locator("img, b, script, a").count() == 0
    assert talk.locator(".bubble.mine .prose").inner_text() == hostile


@pytest.mark.parametrize("width", [320, 390, 1024, 1280])
def test_no_state_scrolls_sideways(visit_as: Callable[..., Page], batch: Batch, ada: User, width: int) -> None:
    wide: list[str] = []

    def look(state: str) -> None:
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(state)

    page = visit_as(ada, f"/p/helpfulness/live/{batch.pk}/", width=width)
    look("entrance")
    page.click("text=Begin >> nth=-1")
    look("compose")
    say(page, "w" * 300)
    look("waiting")
    nobody_answers_for(40)
    page.reload()
    look("nobody")
    make.offer("x" * 400, "y " * 400)
    page.reload()
    look("answers")
    page.check("[name=preference][value='3']", force=True)
    page.click("[data-send]")
    expect(page.locator("#text")).to_be_visible()
    look("next turn")
    page.click("text=End conversation")
    expect(page.locator("text=This conversation is over")).to_be_visible()
    look("over")
    assert wide == []

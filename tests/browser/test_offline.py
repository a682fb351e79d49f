"""Nothing a rater said is lost or counted twice: through a cut network, reloads, an ended session and a slip."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import APIResponse, Page, Route, expect

from annotation.models import Judgment
from annotation.queries import counted_judgments
from raters.models import Preferences, Project, User
from tests import make
from tests.browser.bench import GUARD, RATE, give, ready, settle, until, waiting
from tests.browser.conftest import Seen

STEPS = {"1": -3, "2": -2, "3": -1, "4": 0, "5": 1, "6": 2, "7": 3}


LEFT_BEHIND = """async () => {
    const ask = (request) => new Promise((done) => { request.onsuccess = () => done(request.result); });
    const db = await ask(indexedDB.open("tare"));
    const count = (store) => ask(db.transaction(store).objectStore(store).count());
    const rows = db.objectStoreNames.length ? await count("ops") + await count("cards") : 0;
    db.close();
    const drafts = Object.keys(localStorage).filter((key) => key.startsWith("tare."));
    return [rows, drafts.length, (await caches.keys()).length];
}"""


def shown() -> list[int]:
    """What counts, in the order in which it was stored, as it stood on the screen."""
    return [-j.preference if j.swapped else j.preference for j in counted_judgments().order_by("pk")]


def sign_in_again(page: Page, person: User) -> None:
    """Through the form, back to where the rater was."""
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", make.PASSWORD)
    page.click("form button")
    page.wait_for_url(f"**{RATE}")
    ready(page)


@pytest.fixture
def far_away(project: Project, ada: User) -> Project:
    """Ada works over a bad connection and keeps ten comparisons ready."""
    Preferences.objects.create(user=ada, ahead=10)
    make.batch(project, comparisons=16)
    return project


def test_ten_answers_without_a_network_arrive_once_and_in_order(
    visit_as: Callable[..., Page], far_away: Project, ada: User, seen: Seen
) -> None:
    page = visit_as(ada, RATE)
    ready(page)
    until(page, "Boolean(navigator.serviceWorker.controller)", seconds=30)
    until(page, "caches.match(location.pathname).then(Boolean)")
    said = list("2617354162")
    page.context.set_offline(True)
    for key in said[:4]:
        give(page, key)
    expect(page.locator("[data-note=offline]")).to_contain_text("4 answers wait on this device")
    page.reload()
    ready(page)
    assert waiting(page) == 4
    for key in said[4:7]:
        give(page, key)
    Session.objects.all().delete()
    page.reload()
    ready(page)
    for key in said[7:9]:
        give(page, key)
    page.wait_for_timeout(GUARD)
    page.keyboard.press(said[9])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("One moment")
    assert waiting(page) == 10
    assert Judgment.objects.count() == 0

    page.context.set_offline(False)
    expect(page.locator("[data-note=offline]")).to_contain_text("Your sign-in has ended", timeout=15_000)
    page.click("[data-note=offline] a")
    sign_in_again(page, ada)
    settle(page)

    assert shown() == [STEPS[key] for key in said]
    assert Judgment.objects.values("key").distinct().count() == Judgment.objects.count() == 10
    expect(page.locator(".prog b")).to_have_text("11")
    seen.complaints.clear()  # a browser without a network says so, at length


def test_an_answer_of_ada_is_not_sent_in_the_name_of_ben(
    visit_as: Callable[..., Page], far_away: Project, ada: User, seen: Seen
) -> None:
    page = visit_as(ada, RATE)
    ready(page)
    page.context.set_offline(True)
    give(page, "2")
    Session.objects.all().delete()
    page.context.set_offline(False)
    page.click("[data-note=offline] a")
    eve = make.rater(far_away, "eve")
    sign_in_again(page, eve)

    page.wait_for_timeout(500)
    assert Judgment.objects.count() == 0
    assert waiting(page) == 0  # of eve's
    seen.complaints.clear()


def test_signing_out_sends_what_waits_and_leaves_nothing_behind(
    visit_as: Callable[..., Page], far_away: Project, ada: User
) -> None:
    page = visit_as(ada, RATE)
    ready(page)
    give(page, "5")
    page.goto(page.url.replace("rate/", ""))
    page.click(".menu summary")
    page.click("text=Sign out")
    expect(page.locator("[name=login]")).to_be_visible()

    left = page.evaluate(LEFT_BEHIND)
    assert left == [0, 0, 0]
    assert Judgment.objects.count() == 1


def test_a_draft_survives_a_reload_and_another_machine(
    visit_as: Callable[..., Page], far_away: Project, ada: User
) -> None:
    page = visit_as(ada, RATE)
    ready(page)
    page.keyboard.press("3")
    page.keyboard.press("w")
    page.keyboard.press("n")
    page.keyboard.type("Half a thought")
    expect(page.locator("[data-kept]")).to_have_text("Draft saved on this device and the server")
    page.reload()
    ready(page)
    expect(page.locator("#rationale")).to_have_value("Half a thought")

    elsewhere = visit_as(ada, RATE)
    ready(elsewhere)
    expect(elsewhere.locator("[name=preference]:checked")).to_have_value("-1")
    expect(elsewhere.locator("[name=quality_as_asked]:checked")).to_have_value("-1")
    expect(elsewhere.locator("#rationale")).to_have_value("Half a thought")


class Script:
    """A random hour: answers, undos, skips, cut networks, lost replies, reloads; and what should be left of it."""

    def __init__(self, page: Page, rng: random.Random) -> None:
        self.page, self.rng, self.cut, self.lose = page, rng, False, False
        self.expected: list[int] = []
        self.last: str | None = None
        self.log: list[str] = []

    def play(self) -> None:
        """Four to nine steps, then the network is back and everything arrives."""
        for _ in range(self.rng.randint(4, 9)):
            act = self.rng.choice(
                (self.answer, self.answer, self.answer, self.undo, self.skip, self.toggle, self.reload)
            )
            self.log.append(act.__name__)
            act()
        self.lose = self.cut = False
        self.page.evaluate("dispatchEvent(new Event('online'))")
        settle(self.page)

    def handle(self, route: Route) -> None:
        """The network of this hour: gone, or it carries the answer and loses the reply, or carries it twice."""
        if self.cut:
            return route.abort()
        if route.request.method == "POST" and self.lose:
            self.lose = False
            route.fetch()
            if self.rng.random() < 0.5:
                self.double(route)
            return route.abort()
        return route.continue_()

    @staticmethod
    def double(route: Route) -> APIResponse:
        """The same request once more."""
        return route.fetch()

    def pass_guard(self) -> None:
        """Half a second, without waiting for it."""
        self.page.clock.run_for(GUARD)

    def has_card(self) -> bool:
        """Whether there is something to judge; without a network the cards may have run out."""
        if not self.page.locator("#bench[data-assignment]").count() and not self.cut:
            self.page.evaluate("dispatchEvent(new Event('online'))")
            settle(self.page)
            self.page.wait_for_selector("#bench[data-assignment]")
        return bool(self.page.locator("#bench[data-assignment]").count())

    def answer(self) -> None:
        """Judge what is on the screen, sometimes with two Enters."""
        if not self.has_card():
            return
        key = self.rng.choice("1234567")
        before = self.page.locator("#bench").get_attribute("data-assignment")
        self.pass_guard()
        self.page.keyboard.press(key)
        for _ in range(self.rng.choice((1, 1, 2))):
            self.page.keyboard.press("Enter")
        self.moved_on(before)
        self.expected.append(STEPS[key])
        self.last = "answer"

    def skip(self) -> None:
        """Hand one back."""
        if not self.has_card():
            return
        before = self.page.locator("#bench").get_attribute("data-assignment")
        self.pass_guard()
        self.page.keyboard.press("s")
        self.moved_on(before)
        self.last = "skip"

    def moved_on(self, before: str | None) -> None:
        """Another card, or none, is on the screen."""
        self.page.wait_for_function(
            "(before) => document.querySelector('#bench').dataset.assignment !== before", arg=before
        )
        self.page.wait_for_selector("body:not([data-busy])")

    def undo(self) -> None:
        """Take the last one back, and give another answer."""
        if self.last is None:
            return
        before = self.page.locator("#bench").get_attribute("data-assignment")
        self.pass_guard()
        self.page.keyboard.press("u")
        self.moved_on(before)
        if self.last == "answer":
            self.expected.pop()
        self.last = None
        if self.rng.random() < 0.7:
            self.answer()

    def toggle(self) -> None:
        """The network goes or comes, or the next reply gets lost."""
        if self.cut:
            self.cut = False
            self.page.evaluate("dispatchEvent(new Event('online'))")
        elif self.rng.random() < 0.5:
            self.cut = True
        else:
            self.lose = True

    def reload(self) -> None:
        """The page is opened again; what was undone cannot be undone twice after that."""
        was, self.cut = self.cut, False
        self.page.reload()
        ready(self.page)
        self.cut = was
        self.last = None


@pytest.mark.parametrize("seed", range(8))
def test_in_random_hours_nothing_is_lost_or_doubled(
    visit_as: Callable[..., Page], project: Project, ada: User, seen: Seen, seed: int
) -> None:
    """Twenty-five scripts for each of eight seeds. What counts in the end is what the rater meant, in order."""
    Preferences.objects.create(user=ada, ahead=10)
    make.batch(project, comparisons=260)
    page = visit_as(ada, RATE)
    ready(page)
    page.clock.install()
    script: Script | None = None
    page.route("**/assignments/**", lambda route: script.handle(route) if script else route.continue_())
    page.route("**/rate/cards/**", lambda route: script.handle(route) if script else route.continue_())
    meant: list[int] = []
    for number in range(25):
        script = Script(page, random.Random(seed * 1000 + number))
        script.play()
        meant += script.expected
        assert sorted(shown()) == sorted(meant), (seed, number, script.log)
    assert Judgment.objects.filter(withdrawal=None).values("comparison").distinct().count() == len(meant)
    seen.complaints.clear()

"""Twenty comparisons in a row: by keyboard alone, and by touch on a small phone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from annotation.models import Assignment, Judgment, Withdrawal
from annotation.queries import counted_judgments
from raters.models import Project, User
from tests import make
from tests.browser.bench import GUARD, RATE, give, place, ready, settle
from tests.browser.conftest import Seen

SAID = "26173541627354126735"
VALUES = [int(key) - 4 for key in SAID]


def shown() -> list[int]:
    """What counts, in the order in which it was stored, as it stood on the screen."""
    return [-j.preference if j.swapped else j.preference for j in counted_judgments().order_by("pk")]


def test_twenty_by_keyboard_alone_with_an_undo_a_skip_and_a_look_at_the_guidelines(
    visit_as: Callable[..., Page], project: Project, ada: User
) -> None:
    make.batch(project, comparisons=22)
    page = visit_as(ada, RATE)
    ready(page)
    press = page.keyboard.press
    for key in SAID[:5]:
        give(page, key)

    page.wait_for_timeout(GUARD)
    press("g")
    expect(page.locator("#drawer")).to_be_visible()
    page.keyboard.type("padding")
    expect(page.locator("#drawer [data-rule]:visible")).to_have_count(1)
    press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('[data-guidelines]')")

    press("s")
    expect(page.locator(".prog b")).to_have_text("7")
    for key in SAID[5:9]:
        give(page, key)

    page.wait_for_timeout(GUARD)
    press("1")
    press("Enter")
    expect(page.locator(".prog b")).to_have_text("12")
    page.wait_for_timeout(GUARD)
    press("u")
    expect(page.locator(".prog b")).to_have_text("11")
    assert page.evaluate("document.activeElement.name") == "preference"

    for key in SAID[9:19]:
        give(page, key)
    page.wait_for_timeout(GUARD)
    press("q")
    press("w")
    press("w")
    press("d")
    page.keyboard.type("2.1")
    press("Enter")
    press("Escape")
    press("]")
    press("Tab")
    press("Space")
    press("Escape")
    press("n")
    page.keyboard.type("The other one pads.")
    press("Escape")
    press(SAID[19])
    press("Enter")
    expect(page.locator(".prog b")).to_have_text("22")
    settle(page)

    assert shown() == VALUES
    last = Judgment.objects.latest("pk")
    flags = last.flags_a if last.swapped else last.flags_b
    sides = {name: -said if last.swapped else said for name, said in last.qualities.items()}
    assert sides == {"accurate": -1, "as_asked": 0}
    assert flags == ["unsafe"]
    assert [rule.number for rule in last.rules.all()] == ["2.1"]
    assert last.rationale == "The other one pads."
    assert Assignment.objects.filter(state="skipped").count() == 1
    assert Withdrawal.objects.count() <= 1  # an answer that had not left the device is simply taken back


def test_twenty_by_touch_at_360_pixels(
    chromium: Browser, live_server: LiveServer, seen: Seen, project: Project, ada: User
) -> None:
    make.batch(project, comparisons=22)
    phone = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    phone.set_default_timeout(5_000)
    seen.watch(phone)
    page = phone.new_page()
    page.goto(live_server.url + RATE)
    page.fill("[name=login]", ada.email)
    page.fill("[name=password]", make.PASSWORD)
    page.tap("form button")
    page.wait_for_url(f"**{RATE}")
    ready(page)

    for number, value in enumerate(VALUES):
        page.wait_for_timeout(GUARD)
        page.tap(".abtabs label.b")
        expect(page.locator("[data-response=b]")).to_be_visible()
        page.tap(f".scale label:has([value='{value}'])")
        page.tap(".mnext")
        if number == 3:
            page.tap(".attr[data-quality='1'] .sa")
            page.tap(".chip:has-text('Padding')")
        if number == 7:
            page.tap("[data-skip]")
            expect(page.locator(".prog b")).to_have_text(str(number + 2))
            page.wait_for_timeout(GUARD)
            page.tap(f".scale label:has([value='{value}'])")
            page.tap(".mnext")
        before = place(page)
        page.tap("[data-send]")
        expect(page.locator(".prog b")).to_have_text(str(before + 1))
        if number == 10:
            page.wait_for_timeout(GUARD)
            page.tap("[data-undo]")
            expect(page.locator(".prog b")).to_have_text(str(before))
            page.wait_for_timeout(GUARD)
            page.tap(".mnext")
            page.tap("[data-send]")
            expect(page.locator(".prog b")).to_have_text(str(before + 1))
    settle(page)

    assert shown() == VALUES
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    phone.close()

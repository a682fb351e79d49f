"""A rater's hour: by keyboard, without script, with a slip, and with a server that is away for a moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from annotation.models import Assignment, Judgment, Withdrawal
from annotation.queries import counted_judgments
from raters.models import Project, User
from tests import make
from tests.browser.bench import GUARD, RATE, judge, place, settle
from tests.browser.conftest import Seen


@pytest.fixture
def bench(visit_as: Callable[..., Page], project: Project, ada: User) -> Page:
    """Ada in front of a batch."""
    make.batch(project, comparisons=8)
    return visit_as(ada, RATE)


def test_five_comparisons_by_keyboard_with_an_undo(bench: Page) -> None:
    for key in "2617":
        judge(bench, key)
    bench.wait_for_timeout(GUARD)
    bench.keyboard.press("u")
    expect(bench.locator("[name=preference]:checked")).to_have_value("3")
    settle(bench)
    judge(bench, "Numpad4")
    judge(bench, "5")

    shown = [(-j.preference if j.swapped else j.preference) for j in counted_judgments().order_by("pk")]
    assert shown == [-2, 2, -3, 0, 1]
    assert Withdrawal.objects.count() == 1


def test_five_comparisons_without_script(visit_as: Callable[..., Page], project: Project, ada: User) -> None:
    make.batch(project, comparisons=6)
    page = visit_as(ada, RATE, script=False)
    for step in (-3, -1, 0, 1, 3):
        page.check(f"[name=preference][value='{step}']", force=True)
        page.click("[data-send]")
    page.click("#undo-form button")
    expect(page.locator("[name=preference]:checked")).to_have_value("3")
    page.click("[data-send]")

    assert counted_judgments().count() == 5
    assert counted_judgments().values("key").distinct().count() == 5


def test_a_missing_step_is_said_in_place_and_the_reason_is_kept(bench: Page) -> None:
    bench.keyboard.press("n")
    bench.keyboard.type("Because 2 is not 3.")
    bench.keyboard.press("Control+Enter")

    expect(bench.locator("#preference-error")).to_be_visible()
    expect(bench.locator("#rationale")).to_have_value("Because 2 is not 3.")
    assert bench.evaluate("document.activeElement.name") == "preference"
    assert bench.url.endswith(RATE)
    assert Judgment.objects.count() == 0


def test_typing_a_reason_presses_no_shortcut(bench: Page) -> None:
    bench.keyboard.press("n")
    bench.keyboard.type("us x 5 g?")

    assert bench.locator("[name=preference]:checked").count() == 0
    assert place(bench) == 1


def test_two_quick_enters_send_one_judgment(bench: Page) -> None:
    bench.wait_for_timeout(GUARD)
    bench.keyboard.press("3")
    bench.keyboard.press("Enter")
    expect(bench.locator(".prog b")).to_have_text("2")
    bench.keyboard.press("3")
    bench.keyboard.press("Enter")
    bench.wait_for_timeout(GUARD)
    settle(bench)

    assert Judgment.objects.count() == 1


def test_nothing_is_chosen_on_the_next_card(bench: Page) -> None:
    bench.keyboard.press("d")
    bench.keyboard.type("2.1")
    bench.keyboard.press("Enter")
    expect(bench.locator("[name=rules]:checked")).to_have_count(1)
    bench.keyboard.press("Escape")
    judge(bench, "7")

    assert bench.locator("[name=preference]:checked, [name=rules]:checked").count() == 0
    assert bench.evaluate("document.activeElement.tagName") == "H1"
    expect(bench.locator("#live")).to_contain_text("Item 1 sent: B much better. Comparison 2 of")


def test_a_send_that_gets_no_answer_is_repeated_and_counts_once(bench: Page, seen: Seen) -> None:
    lost: list[APIResponse] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())  # it arrives, but the browser never hears of it
            route.abort()

    bench.route("**/judgment/", lose_the_first_answer)
    bench.wait_for_timeout(GUARD)
    bench.keyboard.press("6")
    bench.keyboard.press("Enter")
    expect(bench.locator(".prog b")).to_have_text("2")
    expect(bench.locator("[data-note=offline]")).to_contain_text("Not sent yet, trying again. 1 answer waits")
    settle(bench)
    expect(bench.locator("[data-note=offline]")).to_have_count(0)
    expect(bench.locator("[data-note=back]")).to_contain_text("Your answer was sent once")

    assert Judgment.objects.count() == 1
    assert all("Failed to fetch" in text for text in seen.refusals())
    seen.complaints.clear()


def test_a_comparison_can_be_handed_back_with_a_reason(bench: Page) -> None:
    bench.wait_for_timeout(GUARD)
    bench.keyboard.press("x")
    bench.keyboard.press("Tab")
    bench.keyboard.press("Enter")
    expect(bench.locator(".prog b")).to_have_text("2")
    settle(bench)

    assert list(Assignment.objects.exclude(skip_reason="").values_list("state", flat=True)) == ["skipped"]


def test_active_time_is_counted(bench: Page) -> None:
    bench.wait_for_timeout(1500)
    judge(bench, "1")

    assert 1.0 < Judgment.objects.get().seconds < 10.0


@pytest.mark.parametrize("script", [True, False])
def test_on_a_phone_one_response_is_shown_and_the_other_is_a_tap_away(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    make.batch(project)
    page = visit_as(ada, RATE, script=script, width=390, height=844)
    expect(page.locator("[data-response=b]")).to_be_hidden()
    page.check("#show-b", force=True)
    expect(page.locator("[data-response=b]")).to_be_visible()
    page.check("[name=preference][value='2']", force=True)
    page.check("#more", force=True)
    page.click("[data-send]")

    expect(page.locator("h1")).to_have_text("All done")
    if script:
        settle(page)
    assert Judgment.objects.count() == 1

"""Ranking four responses: by keyboard, by mouse, by finger, and without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from annotation import queries
from annotation.models import Batch, TaskAnswer, TaskAssignment
from annotation.queries import counted_judgments
from raters.models import Project, User
from tests import make
from tests.browser.conftest import Seen


@pytest.fixture
def batch(project: Project, ada: User) -> Batch:
    """Three rankings of four responses."""
    return make.task_batch(project, tasks=3)


@pytest.fixture
def bench(visit_as: Callable[..., Page], batch: Batch, ada: User) -> Page:
    """Ada in front of it."""
    return visit_as(ada, f"/p/helpfulness/work/{batch.pk}/")


def card(page: Page, letter: str) -> Locator:
    """The response with this letter."""
    return page.locator(f".rcard[data-letter={letter}]")


def shown(page: Page) -> list[str]:
    """The order on the screen: the letters of each group from best to worst."""
    groups = page.locator("[data-order] .group")
    return ["".join(group.locator(".chip").all_inner_texts()) for group in groups.all()]


def ranks(answer: TaskAnswer) -> list[int]:
    """The ranks that were stored, in the order in which the responses were shown."""
    return [int(value) for name, value in queries.fields_of(answer).items() if name.startswith("rank_")]


def test_by_keyboard_alone_with_an_undo(bench: Page) -> None:
    for letter, key in zip("ABCD", "3112", strict=True):
        card(bench, letter).locator(".body").focus()
        bench.keyboard.press(key)
    bench.keyboard.press("Alt+ArrowUp")  # D from 2 to 1
    bench.keyboard.press("Alt+ArrowDown")
    bench.keyboard.press("Delete")
    expect(bench.locator("#live")).to_have_text("Best first: B and C, equal; A. Not ranked: D.")
    bench.keyboard.press("Alt+ArrowUp")  # unranked: to the end
    assert shown(bench) == ["BC", "A", "D"]
    bench.keyboard.press("Control+Enter")

    expect(bench.locator("#live")).to_contain_text("Sent. Rank the responses. 1 done, 2 to go.")
    assert bench.evaluate("document.activeElement.tagName") == "H1"
    assert bench.locator(".ranks :checked").count() == 0
    assert ranks(TaskAnswer.objects.get()) == [2, 1, 1, 3]

    bench.get_by_role("button", name="Undo").press("Enter")
    expect(card(bench, "A").locator("[value='2']")).to_be_checked()
    assert shown(bench) == ["BC", "A", "D"]
    assert not counted_judgments().exists()


def test_keys_do_nothing_while_a_reason_is_typed(bench: Page) -> None:
    bench.locator("#rationale").focus()
    bench.keyboard.type("1 is better than 2")

    assert shown(bench) == []
    expect(bench.locator("#rationale")).to_have_value("1 is better than 2")


def test_by_mouse(bench: Page) -> None:
    gap = "[data-order] .gap >> nth={}"
    _drag(bench, card(bench, "B").locator(".grip"), bench.locator(gap.format(0)))
    _drag(bench, card(bench, "C").locator(".grip"), bench.locator(gap.format(1)))
    _drag(bench, card(bench, "A").locator(".grip"), bench.locator("[data-order] .group >> nth=1"))
    assert shown(bench) == ["B", "AC"]
    _drag(bench, bench.locator(".pool .chip"), bench.locator(gap.format(1)))
    assert shown(bench) == ["B", "D", "AC"]
    _drag(bench, bench.locator("[data-order] .chip", has_text="B"), bench.locator(gap.format(3)))
    assert shown(bench) == ["D", "AC", "B"]
    _drag(bench, card(bench, "A").locator(".grip"), card(bench, "B").locator(".body"))  # onto a card: a tie
    assert shown(bench) == ["D", "C", "AB"]
    expect(bench.locator("#live")).to_have_text("Best first: D; C; A and B, equal.")
    bench.click("[data-send]")
    expect(bench.locator(".reach")).to_contain_text("1 done")

    assert ranks(TaskAnswer.objects.get()) == [3, 3, 2, 1]


def test_a_drag_can_be_given_up(bench: Page) -> None:
    _hover(bench, card(bench, "B").locator(".grip"))
    bench.mouse.down()
    _hover(bench, bench.locator("[data-order] .gap"))
    bench.keyboard.press("Escape")
    bench.mouse.up()

    assert shown(bench) == []
    assert bench.locator(".carried").count() == 0


def _hover(page: Page, where: Locator) -> None:
    where.scroll_into_view_if_needed()
    box = where.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"], 60) / 2, steps=4)


def _drag(page: Page, what: Locator, where: Locator) -> None:
    _hover(page, what)
    page.mouse.down()
    _hover(page, where)
    page.mouse.up()


def test_by_finger_on_a_small_phone(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, f"/p/helpfulness/work/{batch.pk}/", width=320, height=700)
    finger = page.context.new_cdp_session(page)
    finger.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    finger.send("Emulation.setEmitTouchEventsForMouse", {"enabled": False})
    card(page, "C").locator(".grip").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    _touch(finger, card(page, "C").locator(".grip"), page.locator("[data-order] .gap"))
    assert shown(page) == ["C"]
    assert page.evaluate("scrollY") == before  # the page stayed where it was
    _touch(finger, page.locator(".pool .chip", has_text="A"), page.locator("[data-order] .group"))
    assert shown(page) == ["AC"]
    for letter in "BD":
        card(page, letter).locator(".ranks .chip", has_text="4").click()
    assert shown(page) == ["AC", "BD"]
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.click("[data-send]")
    expect(page.locator(".reach")).to_contain_text("1 done")

    assert ranks(TaskAnswer.objects.get()) == [1, 2, 1, 2]


def _touch(finger: CDPSession, what: Locator, where: Locator) -> None:
    def middle(of: Locator) -> dict[str, Any]:
        box = of.bounding_box()
        assert box
        return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    start, end = middle(what), middle(where)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [start]})
    for share in (0.3, 0.6, 1.0):
        point = {axis: start[axis] + share * (end[axis] - start[axis]) for axis in "xy"}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_without_script_a_missing_rank_is_said_and_the_rest_is_kept(
    visit_as: Callable[..., Page], batch: Batch, ada: User
) -> None:
    page = visit_as(ada, f"/p/helpfulness/work/{batch.pk}/", script=False)
    expect(page.locator(".outcome")).to_be_hidden()
    for letter, rank in (("A", 2), ("B", 1), ("C", 2)):
        card(page, letter).locator(f"[value='{rank}']").check(force=True)
    page.fill("#rationale", "B is right.")
    page.click("[data-send]")
    expect(card(page, "D").locator(".err")).to_have_text("Give this one a rank.")
    expect(page.locator("#rationale")).to_have_value("B is right.")
    card(page, "D").locator("[value='4']").check(force=True)
    page.click("[data-send]")

    expect(page.locator(".undo")).to_contain_text("Ranking sent: 4 responses")
    assert ranks(TaskAnswer.objects.get()) == [2, 1, 2, 3]


@pytest.mark.parametrize("script", [True, False])
def test_a_ranking_in_the_order_shown_is_asked_about_once(
    visit_as: Callable[..., Page], batch: Batch, ada: User, script: bool
) -> None:
    page = visit_as(ada, f"/p/helpfulness/work/{batch.pk}/", script=script)
    for rank, letter in enumerate("ABCD", start=1):
        card(page, letter).locator(f"[value='{rank}']").check(force=True)
    page.click("[data-send]")
    expect(page.locator("[data-summary]")).to_contain_text("just as they were shown")
    page.click("text=Send it as it is")
    expect(page.locator(".reach")).to_contain_text("1 done")

    assert ranks(TaskAnswer.objects.get()) == [1, 2, 3, 4]


def test_half_a_ranking_survives_a_reload(bench: Page) -> None:
    card(bench, "C").locator(".body").focus()
    bench.keyboard.press("1")
    expect(bench.locator("[data-draft-status]")).to_have_text("Draft saved on this device and the server")
    bench.evaluate("localStorage.clear()")  # another device
    bench.reload()

    assert shown(bench) == ["C"]
    draft = TaskAssignment.objects.get().draft
    assert draft is not None
    assert draft["fields"]["rank_3"] == "1"


def test_a_send_that_gets_no_answer_is_repeated_and_counts_once(bench: Page, seen: Seen) -> None:
    lost: list[object] = []

    def lose_the_first_answer(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())  # it arrives, but the browser never hears of it
            route.abort()

    bench.route("**/answer/", lose_the_first_answer)
    for letter, key in zip("ABCD", "2114", strict=True):
        card(bench, letter).locator(".body").focus()
        bench.keyboard.press(key)
    bench.keyboard.press("Control+Enter")
    expect(bench.locator("#unsent")).to_contain_text("Not sent yet, trying again")
    expect(bench.locator(".reach")).to_contain_text("1 done", timeout=10_000)
    expect(bench.locator("#unsent")).to_be_hidden()

    assert TaskAnswer.objects.count() == 1
    assert all("Failed to fetch" in text for text in seen.refusals())
    seen.complaints.clear()

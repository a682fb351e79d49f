"""Writing and improving: a draft that survives everything, and words that stay on the screen when they are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.kinds import DEMONSTRATION, EDIT
from annotation.models import Batch, Demonstration, TaskAnswer, TaskAssignment
from raters.models import Project, Standing, User
from tests import make

BOTH = "Draft saved on this device and the server"
HERE = "Draft saved on this device"


@pytest.fixture
def batch(project: Project) -> Batch:
    """Two ideal responses to write."""
    return make.task_batch(project, DEMONSTRATION, tasks=2)


def path(batch: Batch) -> str:
    """Where it is worked on."""
    return f"/p/helpfulness/work/{batch.pk}/"


def test_words_are_counted_and_sent_by_keyboard(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.focus("#text")
    page.keyboard.type("It is four.\n\nNo more.")
    expect(page.locator("[data-words]")).to_have_text("5 words")
    page.keyboard.press("Control+Enter")

    expect(page.locator("#live")).to_contain_text("Sent.")
    expect(page.locator(".undo")).to_contain_text("Response sent: 5 words")
    expect(page.locator("#text")).to_have_value("")
    assert Demonstration.objects.get().text == "It is four.\n\nNo more."
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('tare.draft'))") == []


def test_a_draft_survives_a_reload_before_the_server_heard_of_it(
    visit_as: Callable[..., Page], batch: Batch, ada: User
) -> None:
    page = visit_as(ada, path(batch))
    page.route("**/draft/", lambda route: route.abort())
    page.fill("#text", "Half a thought")
    expect(page.locator("[data-draft-status]")).to_contain_text(HERE)
    page.reload()

    expect(page.locator("#text")).to_have_value("Half a thought")
    expect(page.locator("[data-draft-status]")).to_contain_text("Draft")


def test_a_draft_survives_a_closed_page_and_another_device(
    visit_as: Callable[..., Page], batch: Batch, ada: User
) -> None:
    page = visit_as(ada, path(batch))
    page.fill("#text", "Half a thought")
    page.close(run_before_unload=True)  # at once: the last words leave with the page
    other = visit_as(ada, path(batch), width=390)
    other.wait_for_timeout(300)
    other.reload()

    expect(other.locator("#text")).to_have_value("Half a thought")


def test_a_full_device_leaves_the_draft_to_the_server(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') } }"
    )
    page.fill("#text", "Half a thought")

    expect(page.locator("[data-draft-status]")).to_have_text("Draft saved on the server")
    page.reload()
    expect(page.locator("#text")).to_have_value("Half a thought")


def test_the_newest_draft_wins(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.fill("#text", "From the first machine")
    expect(page.locator("[data-draft-status]")).to_have_text(BOTH)
    other = visit_as(ada, path(batch))
    other.fill("#text", "From the second machine")
    expect(other.locator("[data-draft-status]")).to_have_text(BOTH)
    page.reload()

    expect(page.locator("#text")).to_have_value("From the second machine")


def test_a_refused_text_stays_on_the_screen(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.fill("#text", "x" * 40_001)
    page.click("[data-send]")

    expect(page.locator("#text-error")).to_have_text("40,001 characters: 40,000 is the most.")
    assert len(page.input_value("#text")) == 40_001
    assert page.evaluate("document.activeElement.id") == "text"


@pytest.mark.parametrize("script", [True, False])
def test_an_edit_starts_from_the_original_and_is_refused_unchanged(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    batch = make.task_batch(project, EDIT, texts=("\nThe <i>cat</i> sat.\n",))
    page = visit_as(ada, path(batch), script=script)
    assert page.input_value("#text") == "\nThe <i>cat</i> sat.\n"
    page.click("[data-send]")
    expect(page.locator("#text-error")).to_contain_text("word for word")
    page.fill("#text", "The dog sat.")
    page.fill("#rationale", "It was a dog.")
    if script:
        expect(page.locator("[data-words]")).to_have_text("3 words")
    page.click("[data-send]")

    expect(page.locator("h1")).to_have_text("All done")
    assert TaskAnswer.objects.get().content == {"text": "The dog sat."}
    page.click("text=Change it")
    expect(page.locator("[data-changes] ins")).to_have_text("dog")
    page.fill("#text", "The dog sat down.")
    page.click("text=Send the change")
    expect(page.locator(".notes")).to_contain_text("Your change is saved")
    assert Demonstration.objects.get(superseded_at=None).text == "The dog sat down."


def test_undo_gives_the_text_back(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.fill("#text", "Too soon.")
    page.click("[data-send]")
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("#text")).to_have_value("Too soon.")
    page.reload()
    expect(page.locator("#text")).to_have_value("Too soon.")


def test_a_task_is_skipped_with_a_reason(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.click("summary:has-text('Skip it')")
    page.click("text=I lack the knowledge")

    expect(page.locator("#live")).to_contain_text("Skipped.")
    assert TaskAssignment.objects.get(state="skipped").skip_reason == "knowledge"


def test_signing_out_leaves_no_draft_on_the_device(visit_as: Callable[..., Page], batch: Batch, ada: User) -> None:
    page = visit_as(ada, path(batch))
    page.fill("#text", "Mine alone")
    page.click(".menu summary")
    page.click("text=Sign out")
    page.wait_for_url("**/accounts/**")

    assert page.evaluate("Object.keys(localStorage).length") == 0


def test_distressing_work_is_veiled_until_it_is_asked_for(
    visit_as: Callable[..., Page], project: Project, ada: User
) -> None:
    Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)
    page = visit_as(ada, path(make.task_batch(project, DEMONSTRATION, is_sensitive=True)))
    blur = "getComputedStyle(document.querySelector('.veiled')).filter"
    assert page.evaluate(blur) == "blur(12px)"
    page.check("[data-unveil]")

    assert page.evaluate(blur) == "none"


def test_hostile_text_stays_text(visit_as: Callable[..., Page], project: Project, ada: User) -> None:
    hostile = (
        "</textarea><img src=https://elsewhere.example/x><b hx-get='/' hx-trigger='load'>b</b><script>alert(1)</script>"
    )
    page = visit_as(ada, path(make.task_batch(project, EDIT, texts=(hostile,))))

    assert page.locator("[data-shown]").locator("img, b, script, a").count() == 0
    assert page.input_value("#text") == hostile


@pytest.mark.parametrize("width", [320, 390, 1024, 1280])
def test_nothing_scrolls_sideways(visit_as: Callable[..., Page], project: Project, ada: User, width: int) -> None:
    wide = "w" * 400
    batches = [make.task_batch(project, texts=(wide, wide + "x", "y")), make.task_batch(project, EDIT, texts=(wide,))]
    page = visit_as(ada, path(batches[0]), width=width)
    for batch in batches:
        page.goto(page.url.split("/p/")[0] + path(batch))
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")

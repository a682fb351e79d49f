"""A rater's day with a browser that runs no script: every page and every step is a link or a form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.kinds import EDIT
from annotation.models import Withdrawal
from annotation.queries import counted_judgments
from raters.models import Preferences, Project, User
from tests import make

HOME = "/p/helpfulness/"


@pytest.mark.parametrize("width", [1280, 390])
def test_home_judging_undo_a_change_an_edit_and_dark_pages(
    visit_as: Callable[..., Page], project: Project, ada: User, width: int
) -> None:
    make.batch(project, comparisons=3, name="batch 7")
    make.task_batch(project, EDIT, texts=("Ponies are big.",), name="mend this")
    page = visit_as(ada, HOME, script=False, width=width)

    page.click(".go >> text=Start")
    _judge(page, 2)
    page.click("#undo-form button")
    expect(page.locator("[name=preference]:checked")).to_have_value("2")
    _judge(page, -3)
    expect(page.locator("[data-undo-slot]")).to_contain_text("A much better")

    page.click(".top .brand")
    page.click("text=My answers")
    page.click(".item a")
    page.check("[name=preference][value='1']", force=True)
    page.click("text=Send the change")
    expect(page.locator("[aria-labelledby=said]")).to_contain_text("B slightly better")

    page.click("nav >> text=Home")
    page.click("[aria-label='Start mend this']")
    page.fill("#text", "Ponies are small.")
    page.click("text=Send, next")
    expect(page.locator("h1")).to_have_text("All done")

    page.click("[aria-label='Reading and display settings']")
    page.check("[name=theme][value=dark]", force=True)
    page.click("text=Keep these settings")
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.click("text=Back to Helpfulness")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    judgment = counted_judgments().get(assignment__isnull=False)  # the edit implies another
    assert (-judgment.preference if judgment.swapped else judgment.preference) == 1
    assert Withdrawal.objects.count() == 2  # the answer that was undone, and the one that was changed
    assert Preferences.objects.get(user=ada).theme == "dark"


def _judge(page: Page, step: int) -> None:
    """Choose a step and send, unfolding the second step of a phone first."""
    page.check(f"[name=preference][value='{step}']", force=True)
    if page.locator("#more").is_visible():
        page.check("#more", force=True)
    page.click("[data-send]")

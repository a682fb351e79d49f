"""A lead chooses what is asked in a real browser: the preview follows the form, and all of it works without script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.kinds import Quality
from annotation.queries import asks_of
from raters.models import Role
from tests import make

PATH = "/p/helpfulness/questions/"
Opens = Callable[..., Page]


@pytest.mark.django_db(transaction=True)
def test_the_preview_follows_the_form_and_saving_is_by_keyboard(visit_as: Opens) -> None:
    project = make.project("Helpfulness")
    page = visit_as(make.user("cleo", Role.LEAD, project=project), PATH)
    preview = page.locator("#asking-preview")
    expect(preview.locator("kbd")).to_have_count(7)
    page.get_by_label("3 steps").check()
    expect(preview.locator("kbd")).to_have_count(3)
    expect(preview).to_contain_text("not saved")
    page.get_by_label("Quality 5", exact=True).fill("Brave")
    expect(preview).to_contain_text("Brave")
    page.get_by_label("Quality 6", exact=True).fill("safe")
    expect(preview).to_contain_text("Two qualities have the same label.")
    page.get_by_label("Quality 6", exact=True).fill("")
    expect(preview).to_contain_text("Brave")
    assert asks_of(project).steps == 7
    page.get_by_role("button", name="Save questions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    asks = asks_of(project)
    assert (asks.steps, asks.qualities[4]) == (3, Quality("brave", "Brave"))


@pytest.mark.django_db(transaction=True)
def test_all_of_it_works_without_script(visit_as: Opens) -> None:
    project = make.project("Helpfulness")
    page = visit_as(make.user("cleo", Role.LEAD, project=project), PATH, script=False)
    page.get_by_label("On some items").check()
    page.get_by_label("On 1 item in").fill("1")
    page.get_by_role("button", name="Preview without saving").click()
    expect(page.locator("#id_one_in_error")).to_contain_text("Use a whole number from 2 to 1000.")
    page.get_by_role("link", name="On 1 item in").click()
    page.get_by_label("On 1 item in").fill("6")
    page.get_by_role("button", name="Preview without saving").click()
    expect(page.locator("#asking-preview")).to_contain_text("Asked on 1 item in 6.")
    page.get_by_role("button", name="Save questions").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert asks_of(project).rationale_one_in == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [320, 390, 1024, 1280])
def test_the_page_never_scrolls_sideways(visit_as: Opens, width: int) -> None:
    project = make.project("Helpfulness")
    page = visit_as(make.user("cleo", Role.LEAD, project=project), PATH, width=width)
    page.get_by_label("Quality 5", exact=True).fill("W" * 40)
    page.get_by_role("button", name="Preview without saving").click()
    expect(page.locator("#asking-preview")).to_contain_text("W" * 40)
    assert page.evaluate("document.documentElement.scrollWidth") <= width

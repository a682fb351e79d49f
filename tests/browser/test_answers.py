"""Changing an answer from the list, by mouse, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.queries import counted_judgments
from raters.models import Project, User
from tests import make

ANSWERS = "/p/helpfulness/answers/"


@pytest.mark.parametrize("script", [True, False])
def test_an_answer_is_opened_changed_and_its_old_words_are_kept(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    make.batch(project)
    make.judgment(ada, project, rationale="At first glance.")
    page = visit_as(ada, ANSWERS, script=script)
    page.click(".item a")
    page.check("[name=preference][value='3']", force=True)
    page.fill("[name=rationale]", "After a second look.")
    page.click("text=Send the change")

    expect(page.locator("[aria-labelledby=said]")).to_contain_text("B much better")
    expect(page.locator("[aria-labelledby=earlier]")).to_contain_text("At first glance.")
    judgment = counted_judgments().get()
    assert (-judgment.preference if judgment.swapped else judgment.preference) == 3
    assert judgment.revision == 1


def test_an_answer_is_changed_on_a_phone(visit_as: Callable[..., Page], project: Project, ada: User) -> None:
    make.batch(project)
    judgment = make.judgment(ada, project)
    page = visit_as(ada, f"{ANSWERS}{judgment.pk}/", width=390, height=844)
    page.check("[name=preference][value='-3']", force=True)
    page.click("text=Send the change")

    expect(page.locator("[aria-labelledby=said]")).to_contain_text("A much better")


def test_what_is_missing_is_said_in_place(visit_as: Callable[..., Page], project: Project, ada: User) -> None:
    make.batch(project)
    judgment = make.judgment(ada, project)
    page = visit_as(ada, f"{ANSWERS}{judgment.pk}/")
    page.fill("[name=rationale]", "Kept all the same.")
    page.evaluate("document.querySelector('[name=preference]:checked').checked = false")
    page.click("text=Send the change")

    expect(page.locator("#preference-error")).to_be_visible()
    expect(page.locator("[name=rationale]")).to_have_value("Kept all the same.")

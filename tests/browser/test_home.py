"""A rater's home: from a new guideline to the first item, at every width, with and without script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation import actions
from annotation.models import Batch
from raters.models import Project, Standing, User
from tests import make
from tests.guidelines.test_changes import NEW

HOME = "/p/helpfulness/"


@pytest.mark.parametrize("script", [True, False])
def test_a_changed_guideline_is_read_confirmed_and_work_goes_on(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    make.batch(project, comparisons=2)
    make.guideline_version(project, text=NEW, major=False)
    page = visit_as(ada, HOME, script=script)
    expect(page.locator(".changes ins").first).to_contain_text("length")
    page.click("text=Read and confirm")
    expect(page.locator("h2", has_text="What changed since 1.0")).to_be_visible()
    page.click("text=I have read it")
    page.click(".go >> text=Start")

    expect(page.locator("[data-send]")).to_be_visible()


def test_distressing_work_is_opted_into_and_left_again(
    visit_as: Callable[..., Page], project: Project, ada: User
) -> None:
    make.batch(project, name="safety 9")
    Batch.objects.update(is_sensitive=True)
    page = visit_as(ada, HOME, script=False)
    page.click("[aria-label='Read about safety 9 first']")
    page.click("text=I agree")
    expect(page.locator("#understood-error")).to_be_visible()
    page.check("[name=understood]")
    page.click("text=I agree")
    expect(page.locator("[role=status]")).to_contain_text("You can stop at any time")
    assert Standing.objects.get(user=ada).sensitive_since is not None

    page.goto(page.url.replace("sensitive/", ""))
    expect(page.locator("[aria-label='Start safety 9']")).to_be_visible()
    page.goto(page.url + "sensitive/")
    page.click("text=Stop offering it to me")
    assert Standing.objects.get(user=ada).sensitive_since is None


def test_every_entry_of_the_head_is_reached_by_keyboard(
    visit_as: Callable[..., Page], project: Project, ada: User
) -> None:
    page = visit_as(ada, HOME)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText"))

    wanted = ["Skip to content", "Home", "My answers", "Feedback", "Guidelines", "Earnings"]
    assert [entry for entry in dict.fromkeys(reached) if entry in wanted] == wanted
    assert "Reading and display settings" in reached


@pytest.mark.parametrize("width", [320, 390, 1024, 1280])
def test_no_page_of_a_rater_scrolls_sideways(
    visit_as: Callable[..., Page], project: Project, ada: User, rhea: User, width: int
) -> None:
    make.batch(project, comparisons=3, name="a batch with quite a long name, as they come")
    Batch.objects.update(pay_minor=62)
    judgment = make.judgment(ada, project, rationale="x" * 300)
    settled = make.judgment(ada, project)
    actions.adjudicate(settled.comparison, reviewer=rhea, preference=-1, text="y" * 300)
    version = make.guideline_version(project, text=NEW, major=False)
    paths = ["", "answers/", f"answers/{judgment.pk}/", "feedback/", "earnings/", "guidelines/", "sensitive/"]
    paths += [f"guidelines/{version.pk}/{rest}" for rest in ("", "unclear/", "drawer/")]
    page = visit_as(ada, HOME, width=width)
    site = page.url.removesuffix(HOME)
    wide = []
    for path in [*(HOME + path for path in paths), "/settings/"]:
        answer = page.goto(site + path)
        assert answer is not None and answer.status == 200, path
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert wide == []

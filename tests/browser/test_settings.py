"""Settings: they change how every page looks, and they work without script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from raters.models import Preferences, Project, User

SETTINGS = "/settings/"


@pytest.mark.parametrize("script", [True, False])
def test_theme_size_and_typeface_are_seen_at_once_and_everywhere(
    visit_as: Callable[..., Page], project: Project, ada: User, script: bool
) -> None:
    page = visit_as(ada, SETTINGS, script=script)
    for name, value in (("theme", "dark"), ("text_size", "large"), ("typeface", "serif")):
        page.check(f"[name={name}][value={value}]", force=True)
    page.click("text=Keep these settings")

    expect(page.locator("[role=status]")).to_contain_text("Kept.")
    sample = page.locator(".sample")
    expect(sample).to_have_css("font-size", "17.5px")
    expect(sample).to_have_css("color-scheme", "dark")
    assert "serif" in sample.evaluate("(each) => getComputedStyle(each).fontFamily").split(", ")
    page.goto(page.url.replace(SETTINGS, "/p/helpfulness/"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_two_actions_on_one_key_are_refused_beside_the_field(
    visit_as: Callable[..., Page], project: Project, ada: User
) -> None:
    page = visit_as(ada, SETTINGS)
    page.fill("[name=key-skip]", "u")
    page.click("text=Keep these settings")

    expect(page.locator("#id_key-skip_error")).to_contain_text("already")
    expect(page.locator("[name=key-skip]")).to_have_value("u")
    assert not Preferences.objects.exists()


def test_a_choice_is_made_by_keyboard(visit_as: Callable[..., Page], project: Project, ada: User) -> None:
    page = visit_as(ada, SETTINGS)
    page.focus("[name=theme]:checked")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")

    expect(page.locator("[role=status]")).to_contain_text("Kept.")
    assert Preferences.objects.get(user=ada).theme == "light"

"""How people come in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.utils import timezone
from playwright.sync_api import Page, expect

from raters import actions
from raters.models import Membership, Project, Role, User
from tests import make


def test_a_wrong_password_says_so_beside_the_field(visit: Callable[..., Page], ada: User) -> None:
    page = visit("/")
    page.fill("[name=login]", ada.email)
    page.fill("[name=password]", "not this one")
    page.click("form button")

    expect(page.locator("#login-error")).to_be_visible()
    expect(page.locator("[name=login]")).to_have_value(ada.email)


@pytest.mark.parametrize("script", [True, False])
def test_an_invitation_ends_on_the_guideline_to_read(
    visit: Callable[..., Page], project: Project, cleo: User, script: bool
) -> None:
    make.batch(project)
    _, secret = actions.invite(project, email="new@example.org", role=Role.RATER, by=cleo, now=timezone.now())
    page = visit(f"/invitations/{secret}/", script=script)
    page.fill("[name=name]", "Nia New")
    page.fill("[name=password]", make.PASSWORD)
    page.click("form button")
    page.click("text=Read and confirm")
    page.click("text=I have read it")
    page.click("text=Start")

    expect(page.locator("[data-send]")).to_be_visible()
    assert Membership.objects.get(user__email="new@example.org").role == Role.RATER


def test_signing_out_ends_at_the_door(visit_as: Callable[..., Page], ada: User) -> None:
    page = visit_as(ada, "/p/helpfulness/")
    page.click(".menu summary")
    page.click("text=Sign out")
    expect(page.locator("[name=login]")).to_be_visible()
    page.goto(page.url.split("/accounts/")[0] + "/p/helpfulness/")

    expect(page.locator("[name=login]")).to_be_visible()


def test_an_authenticator_app_can_be_added_and_is_asked_for(visit_as: Callable[..., Page], ada: User) -> None:
    page = visit_as(ada, "/accounts/2fa/")
    page.click("text=Activate")
    if page.locator("[name=password]").count():
        page.fill("[name=password]", make.PASSWORD)
        page.click("form button")
    expect(page.locator(".qr svg")).to_be_visible()
    page.fill("[name=code]", _code(page.locator(".meta .mono").inner_text()))
    page.click("text=Turn it on")
    expect(page.locator("main")).to_contain_text("Recovery Codes")

    fresh = page.context.browser.new_page()  # type: ignore[union-attr]
    fresh.goto(page.url.split("/accounts/")[0])
    fresh.fill("[name=login]", ada.email)
    fresh.fill("[name=password]", make.PASSWORD)
    fresh.click("form button")
    expect(fresh.locator("[name=code]")).to_be_visible()
    fresh.close()


def _code(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return str(format_hotp_value(hotp_value(secret, counter)))

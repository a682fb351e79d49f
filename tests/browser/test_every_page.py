"""Every page, for everyone and at every width: nothing that axe-core objects to, nothing to scroll sideways.

The list is tests/browser/pages.py. A test signs in once, walks all pages of one person, and looks at each in several
ways: the walk is what takes the time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import Page, expect

from raters.models import Project, User
from tests import make
from tests.browser import axe as checker
from tests.browser import bench, pages

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"scheme": "light"},
    "dark": {"scheme": "dark"},
    "mobile": {"scheme": "light", "width": 390, "height": 844},
}
DEVICES: dict[str, tuple[int, ...]] = {"desk": (1280, 1024), "phone": (390, 320)}  # the widths each is used at
SPOIL = """() => {
  document.documentElement.lang = "";
  const faint = Object.assign(document.createElement("p"), { textContent: "Faint words" });
  Object.assign(faint.style, { color: "#ddd", background: "#fff" });
  document.body.append(document.createElement("input"), faint);
}"""
Walk = Callable[..., Iterator[tuple[str, Page]]]


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core. Where it cannot be had the tests say so; where CI=true they fail."""
    try:
        return checker.source()
    except checker.Unreachable as reason:
        message = f"axe-core cannot be had: {reason}; accessibility was not checked"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def reach(page: Page, address: str) -> int:
    """Open a page, saying the password again where it is asked for first. Returns the status."""
    answer = page.goto(address)
    if page.url != address and "/accounts/reauthenticate/" in page.url:
        page.fill("[name=password]", make.PASSWORD)
        page.click("main form button")
        page.wait_for_url(address)
        answer = page.goto(address)
    assert answer is not None
    return answer.status


def arrange(page: Page, stop: pages.Stop) -> None:
    """Bring a page into the state that is to be looked at."""
    if page.locator("body.bench-page").count():
        bench.ready(page)
    for field, text in stop.fills:
        page.fill(field, text)
    for key in stop.keys:
        page.keyboard.press(key)
    if stop.clicks:
        page.click(stop.clicks)
    if stop.lacks:
        page.evaluate("(lacks) => document.querySelectorAll(lacks).forEach((each) => each.remove())", stop.lacks)
    if stop.sends:
        with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
            page.evaluate("(form) => document.querySelector(form).submit()", stop.sends)
        assert sent.value.status == 422, stop.name
        page.wait_for_load_state()
    if stop.opens:
        expect(page.locator(stop.opens).first, stop.name).to_be_visible()


@pytest.fixture
def walk(visit: Callable[..., Page], visit_as: Callable[..., Page], project: Project, ada: User, cleo: User) -> Walk:
    """All pages of one person, one after the other, in one profile: `walk("ada", width=320)`."""
    names = pages.build(project, ada=ada, cleo=cleo)

    def go(who: str, **how: Any) -> Iterator[tuple[str, Page]]:
        people = {pages.RATER: (ada, "/p/helpfulness/"), pages.LEAD: (cleo, "/p/helpfulness/quality/")}
        page = visit_as(*people[who], **how) if who in people else visit("/accounts/login/", **how)
        site = page.url.split("/accounts/")[0].split("/p/")[0]
        for stop in pages.pages_of(who):
            address = site + stop.path.format(**names)
            answer = reach(page, address)
            assert (answer, page.url) == (stop.status, address), stop.name
            arrange(page, stop)
            yield stop.name, page

    return go


@pytest.mark.parametrize("who", pages.WHO)
@pytest.mark.parametrize("device", DEVICES)
def test_axe_finds_nothing(walk: Walk, axe: str, who: str, device: str) -> None:
    found = {}
    for name, page in walk(who, width=DEVICES[device][0], height=844):
        for scheme in ("light", "dark") if device == "desk" else ("light",):
            # a colour on its way to another is neither
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[name, scheme] = checker.violations(page, axe)
    assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_the_second_step(visit: Callable[..., Page], ada: User, axe: str, look: str) -> None:
    TOTP.activate(ada, generate_totp_secret())
    codes = RecoveryCodes.activate(ada)
    page = visit("/accounts/login/", **LOOKS[look])
    page.fill("[name=login]", ada.email)
    page.fill("[name=password]", make.PASSWORD)
    page.click("form button")
    found = {"code": checker.violations(page, axe)}
    page.fill("[name=code]", codes.get_unused_codes()[0])
    page.click("form button")
    page.wait_for_url("**/p/**")
    for path in ("", "recovery-codes/", "recovery-codes/generate/", "totp/deactivate/"):
        reach(page, page.url.split("/p/")[0].split("/accounts/")[0] + f"/accounts/2fa/{path}")
        assert page.url.endswith(f"/accounts/2fa/{path}")
        found[path] = checker.violations(page, axe)
    assert not any(found.values()), found


def test_axe_would_find_something(visit: Callable[..., Page], axe: str) -> None:
    page = visit("/accounts/login/")
    page.evaluate(SPOIL)
    found = {line.split(":")[0] for line in checker.violations(page, axe)}
    assert found == {"html-has-lang", "label", "color-contrast", "region"}


@pytest.mark.parametrize("device", DEVICES)
def test_no_page_scrolls_sideways(walk: Walk, device: str) -> None:
    wide = []
    for who in pages.WHO:
        for name, page in walk(who, width=DEVICES[device][0]):
            for width in DEVICES[device]:
                page.set_viewport_size({"width": width, "height": 800})
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wide.append((name, width))
            page.set_viewport_size({"width": DEVICES[device][0], "height": 800})
    assert wide == []

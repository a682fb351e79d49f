"""Simulated raters: they accept an invitation, sign in, read the guideline and judge what the page shows them.

They use the same doors as people and never touch the database. What they prefer is the gold function seen through
noise (`evaluation.demo.gold.Rater`), computed from the text on the page and nothing else.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.demo import world
from evaluation.demo.browser import Browser, Form, Page
from evaluation.demo.gold import Rater

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT_ONCE = 4  # raters who work at the same time; two cores serve no more
ONE_AHEAD = {"X-Tare-Holds": "", "X-Tare-Ahead": "1"}  # as the bench's script asks, with one comparison at a time
SECONDS_PER_WORD = 0.25  # a careful reader, as the page's own timer would have counted


class TurnedAway(Exception):
    """A door did not open as it does for people; the message says which, and what it answered."""


@dataclass(frozen=True, slots=True)
class Login:
    """How a simulated person signs in, and the seed of their taste."""

    name: str
    email: str
    password: str
    seed: int = 0


def accept(site: str, link: str, *, login: Login) -> None:
    """Come in by invitation."""
    browser = Browser(site)
    page = browser.get(link)
    if not page.forms:
        raise TurnedAway(f"{login.name}'s invitation answered {page.status} without a form.")
    form = _form(page, link)
    page = browser.send(form, {"name": login.name, "password": login.password})
    browser.close()
    if page.status != 200:
        raise TurnedAway(f"{login.name}'s invitation answered {page.status}.")


def sign_in(site: str, login: Login) -> Browser:
    """A browser in which the rater is signed in."""
    browser = Browser(site)
    page = browser.get("/accounts/login/")
    page = browser.send(_form(page, "/accounts/login/"), {"login": login.email, "password": login.password})
    if "/accounts/login/" in page.path or page.status >= 400:
        raise TurnedAway(f"{login.email} could not sign in: {page.status} at {page.path}.")
    return browser


def judge_everything(
    site: str, project: str, logins: Sequence[Login], *, judged: Callable[[], None], enough: threading.Event
) -> int:
    """All raters judge until nothing is left for them or `enough` is set. Calls `judged` after each; returns how many.

    Raises TurnedAway when a door closes on one of them.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda login: _work_through(site, project, login, judged, enough), logins))


def _work_through(site: str, project: str, login: Login, judged: Callable[[], None], enough: threading.Event) -> int:
    browser, taste, done = sign_in(site, login), Rater(random.Random(login.seed)), 0
    page = _open_bench(browser, project)
    while not enough.is_set():
        form = page.form_to("/judgment/")
        if form is None:
            break
        page = browser.send(form, _answer(page, taste), headers=ONE_AHEAD)
        if page.status != 201:
            raise TurnedAway(f"{login.name}'s judgment was answered with {page.status}.")
        done += 1
        judged()
    browser.close()
    return done


def _open_bench(browser: Browser, project: str) -> Page:
    """The bench, after the guideline was read if it has to be."""
    page = browser.get(f"/p/{project}/rate/", headers=ONE_AHEAD)
    reading = page.form_to("/acknowledge/")
    if reading is not None:
        browser.send(reading, {})
        page = browser.get(f"/p/{project}/rate/", headers=ONE_AHEAD)
    return page


def _answer(page: Page, taste: Rater) -> dict[str, str]:
    """What the rater makes of the two texts on the page."""
    left, right = page.texts["a"], page.texts["b"]
    preference = taste.judge(world.prompt_of(page.texts["prompt"]), left, right)
    words = len(left.split()) + len(right.split())
    return {"preference": str(preference), "seconds": f"{4 + words * SECONDS_PER_WORD:.1f}"}


def _form(page: Page, address: str) -> Form:
    """The page's main form: the one that sends to `address`, or that names no other place."""
    form = next((form for form in page.forms if form.action in ("", address)), page.forms[0])
    form.action = form.action or address
    return form

"""How a rater sits at the bench in these tests: by keyboard, waiting for what the page shows."""

from __future__ import annotations

from playwright.sync_api import Page, expect

RATE = "/p/helpfulness/rate/"
GUARD = 450  # milliseconds; keys are deaf for 400 after a new card, so that one Enter cannot send two


def place(page: Page) -> int:
    """Which comparison of the stretch is on the screen."""
    return int(page.locator(".prog b").inner_text())


def waiting(page: Page) -> int:
    """How many answers of this rater the browser has and the server has not said to have stored."""
    return int(page.evaluate("outbox.waiting().then((left) => left.length)"))


def until(page: Page, script: str, *, seconds: float = 20.0) -> None:
    """Wait until this says something true. Not wait_for_function: that evaluates strings, which the policy forbids."""
    for _ in range(int(seconds / 0.05)):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{seconds:.0f} seconds later this is still not so: {script}")


def settle(page: Page) -> None:
    """Wait until the server has everything: the page itself goes on at once."""
    until(page, "outbox.waiting().then((left) => !left.length)")


def give(page: Page, key: str) -> None:
    """Choose a step and send, by keyboard, and wait for the next card."""
    before = place(page)
    page.wait_for_timeout(GUARD)
    page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator(".prog b")).to_have_text(str(before + 1))


def judge(page: Page, key: str) -> None:
    """The same, and wait for the server to have the answer."""
    give(page, key)
    settle(page)


def ready(page: Page) -> None:
    """Wait until the page has found out what it holds."""
    page.wait_for_selector("body[data-ready]")

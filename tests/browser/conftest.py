"""One Chromium for the tests of this folder, a fresh profile for each test, and an eye on what it asks for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from raters.models import User
from tests import make
from tests.browser.flags import FLAGS

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium. Where there is none the tests say so; where CI=true they fail."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        message = "no Chromium on this machine (Debian: apt-get install chromium); the browser tests did not run"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    # Playwright runs its own event loop in this thread, which Django would take for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass(slots=True)
class Seen:
    """What the browser asked for and complained about."""

    origin: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Listen to every page of the context."""
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", lambda message: self.complaints.append(message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def strangers(self) -> list[str]:
        """Requests that left our origin."""
        here = urlsplit(self.origin).netloc
        return [url for url in self.requests if urlsplit(url).scheme != "data" and urlsplit(url).netloc != here]

    def refusals(self) -> list[str]:
        """Complaints, but for what Chromium says of an answer meant to be an error, and of a field already in focus."""
        expected = ("Failed to load resource", "Autofocus processing was blocked")
        return [text for text in self.complaints if not text.startswith(expected)]


@pytest.fixture
def seen(live_server: LiveServer) -> Iterator[Seen]:
    """Watched contexts; at the end nothing may have left the origin and nothing may have been refused."""
    seen = Seen(live_server.url)
    yield seen
    assert seen.strangers() == []
    assert seen.refusals() == []


@pytest.fixture
def visit(chromium: Browser, live_server: LiveServer, seen: Seen) -> Iterator[Callable[..., Page]]:
    """Opens a page of the live server in a fresh profile: `visit("/", script=False, width=390, scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def open_page(
        path: str,
        *,
        script: bool = True,
        width: int = 1280,
        height: int = 800,
        scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        context = chromium.new_context(
            java_script_enabled=script, viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        context.set_default_timeout(5_000)
        seen.watch(context)
        page = context.new_page()
        page.goto(live_server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def visit_as(visit: Callable[..., Page]) -> Callable[..., Page]:
    """The same, after signing in through the form: `visit_as(ada, "/p/helpfulness/rate/")`."""

    def open_page(person: User, path: str, **how: Any) -> Page:
        page = visit(path, **how)
        page.fill("[name=login]", person.email)
        page.fill("[name=password]", make.PASSWORD)
        page.click("form button")
        page.wait_for_url(f"**{path}")
        return page

    return open_page

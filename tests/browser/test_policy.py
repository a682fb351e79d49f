"""What a page may run: our own files. Not text that came as an attribute, a value, a filter or a fragment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route
from pytest_django.live_server_helper import LiveServer

from raters.models import Project, User
from tests.browser.conftest import Seen
from tests.training import build

HOSTILE = {
    "an event attribute of htmx": {"hx-on:click": "window.ran = 1"},
    "values in code": {"hx-get": "/healthz?asked", "hx-vals": "js:{a: window.ran = 1}"},
    "headers in code": {"hx-get": "/healthz?asked", "hx-headers": "js:{a: window.ran = 1}"},
    "a trigger with a filter": {"hx-get": "/healthz?asked", "hx-trigger": "click[window.ran = 1]"},
    "a question in code": {"hx-get": "/healthz?asked", "hx-confirm": "js:window.ran = 1"},
    "a request in code": {"hx-get": "js:window.ran = 1"},
}
PLANT = """(attributes) => {
  const button = Object.assign(document.createElement("button"), { id: "planted", textContent: "Planted" });
  for (const [name, value] of Object.entries(attributes)) button.setAttribute(name, value);
  document.querySelector("main").append(button);
  htmx.process(button);
}"""


def ran(page: Page) -> bool:
    """Whether any of the planted text became code."""
    page.wait_for_timeout(150)
    return bool(page.evaluate("window.ran"))


@pytest.fixture
def run_page(visit_as: Callable[..., Page], project: Project, cleo: User) -> Page:
    """A page with htmx on it, which asks for a part of itself every two seconds."""
    run = build.run(project)
    return visit_as(cleo, f"/p/helpfulness/runs/{run.pk}/")


@pytest.fixture
def unguarded(chromium: Browser, live_server: LiveServer, run_page: Page) -> Iterator[Page]:
    """The same page in a browser that knows no Content-Security-Policy: htmx is on its own."""
    context = chromium.new_context(bypass_csp=True, storage_state=run_page.context.storage_state())
    page = context.new_page()
    page.goto(run_page.url)
    yield page
    context.close()


@pytest.mark.parametrize("what", HOSTILE)
def test_htmx_evaluates_nothing(run_page: Page, seen: Seen, what: str) -> None:
    run_page.evaluate(PLANT, HOSTILE[what])
    run_page.click("#planted")

    assert not ran(run_page)
    assert not [url for url in seen.requests if "asked" in url]
    assert all("evaluates no text" in text or "htmx" in text for text in seen.refusals()), seen.complaints
    seen.complaints.clear()


@pytest.mark.parametrize("what", HOSTILE)
def test_htmx_evaluates_nothing_without_the_header_either(unguarded: Page, what: str) -> None:
    unguarded.evaluate(PLANT, HOSTILE[what])
    unguarded.click("#planted")

    assert not ran(unguarded)


def test_the_planted_attributes_would_work_in_htmx_as_it_comes(unguarded: Page) -> None:
    unguarded.route("**/htmx-strict.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    unguarded.reload()
    unguarded.evaluate(PLANT, HOSTILE["an event attribute of htmx"])
    unguarded.click("#planted")

    assert ran(unguarded)


def test_a_fragment_brings_no_script(run_page: Page, seen: Seen) -> None:
    hostile = (
        '<div id="run-live"><script>window.ran = 1</script><img src="x" onerror="window.ran = 1">'
        '<b id="came" hx-on:click="window.ran = 1" onclick="window.ran = 1">came</b></div>'
    )
    run_page.route("**/live/", lambda route: _answer(route, hostile))
    run_page.click("#came")

    assert not ran(run_page)
    assert "Content Security Policy" in " ".join(seen.refusals())
    seen.complaints.clear()


@pytest.mark.parametrize(
    "sink",
    [
        'document.body.innerHTML = "<b>b</b>"',
        'document.body.insertAdjacentHTML("beforeend", "<b>b</b>")',
        'document.createElement("script").textContent = "window.ran = 1"',
        'document.createElement("script").src = "/static/js/bench.js"',
        'trustedTypes.createPolicy("another", { createHTML: (text) => text })',
    ],
)
def test_text_becomes_markup_only_through_a_policy_that_is_named(run_page: Page, seen: Seen, sink: str) -> None:
    refusal = run_page.evaluate(f"() => {{ try {{ {sink}; return ''; }} catch (error) {{ return error.name; }} }}")

    assert refusal == "TypeError"
    seen.complaints.clear()


def test_a_late_string_is_not_run(run_page: Page, seen: Seen) -> None:
    run_page.evaluate("() => { try { setTimeout('window.ran = 1') } catch (error) { window.refused = error.name } }")

    assert not ran(run_page)
    seen.complaints.clear()


def test_a_frame_of_another_page_is_not_shown(run_page: Page, seen: Seen) -> None:
    run_page.evaluate("document.body.append(Object.assign(document.createElement('iframe'), { src: '/healthz' }))")
    run_page.wait_for_timeout(150)

    assert any("frame" in text for text in seen.refusals())
    seen.complaints.clear()


def _answer(route: Route, body: str) -> None:
    route.fulfill(body=body, content_type="text/html")

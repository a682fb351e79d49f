"""Five hundred hostile responses in a real browser: nothing runs, nothing loads, nothing is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page

from annotation import actions
from annotation.models import Rendering
from raters.models import Project
from tests import make
from tests.annotation.hostile import hostile_texts
from tests.browser.conftest import Seen

ALLOWED = {"dir", "class", "tabindex", "role", "aria-label", "start"}
# what the browser's own parser made of it, and not what another parser would
ATTRIBUTES = """() => {
    const found = {};
    for (const element of document.querySelectorAll('.prose *'))
        for (const attribute of element.attributes) (found[element.localName] ??= {})[attribute.name] = 1;
    return Object.fromEntries(Object.entries(found).map(([tag, names]) => [tag, Object.keys(names)]));
}"""
ELEMENTS = "() => [...new Set([...document.querySelectorAll('.prose *')].map((element) => element.localName))]"
POKE = """() => {
    for (const element of document.querySelectorAll('.prose *')) {
        for (const kind of ['click', 'pointerover', 'mouseover', 'focus', 'load', 'error', 'toggle', 'animationstart'])
            element.dispatchEvent(new Event(kind, {bubbles: true}));
    }
}"""
DEAD = {"a", "img", "svg", "script", "style", "iframe", "form", "input", "button", "link", "meta", "object", "base"}


@pytest.fixture
def rendered(project: Project) -> list[str]:
    """All hostile texts, stored as responses and rendered by the worker."""
    texts = hostile_texts()
    make.responses(make.prompt(project), *texts)
    while actions.render_due(now=make.now()):
        continue
    assert Rendering.objects.filter(state="done").count() > 500
    return texts


@pytest.mark.urls("tests.browser.hostile_urls")
def test_hostile_texts_are_only_looked_at(visit: Callable[..., Page], rendered: list[str], seen: Seen) -> None:
    page = visit("/accounts/login/", width=320)
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(page.url.replace("/accounts/login/", "/texts/"), timeout=30_000)  # seven hundred answers in one page
    page.wait_for_function("() => window.htmx")
    before = page.url, len(seen.requests)
    page.evaluate(POKE)
    page.wait_for_timeout(500)

    assert page.locator(".prose").count() == len(rendered) >= 500
    assert dialogs == []
    assert (page.url, len(seen.requests)) == before
    assert not set(page.evaluate(ELEMENTS)) & DEAD
    attributes = page.evaluate(ATTRIBUTES)
    maths = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mtable", "mtd", "mpadded", "menclose", "mover"}
    assert {name for tag, names in attributes.items() if tag not in maths for name in names} <= ALLOWED
    addressed = {"href", "src", "style", "id", "name", "xlink:href", "action", "srcset", "background"}
    assert not {name for names in attributes.values() for name in names} & addressed
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert seen.strangers() == []
    assert seen.refusals() == []


@pytest.mark.urls("tests.browser.hostile_urls")
def test_the_eye_would_have_seen_it(visit: Callable[..., Page], project: Project, seen: Seen) -> None:
    """The same page with one image put in by hand: were it not noticed, the test above would say nothing."""
    make.responses(make.prompt(project), "x")
    page = visit("/texts/")
    page.evaluate(
        "document.querySelector('.prose').insertAdjacentHTML('beforeend', '<img src=https://elsewhere.example>')"
    )
    page.wait_for_timeout(300)

    assert "Content Security Policy" in seen.refusals()[0]
    seen.complaints.clear()
    seen.requests.clear()

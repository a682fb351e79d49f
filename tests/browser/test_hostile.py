"""Five hundred hostile responses in a real browser: nothing runs, nothing loads, nothing is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Dialog, Page

from annotation import actions
from annotation.models import Assignment, Rendering, Response
from raters.models import Project
from tests import make
from tests.annotation.hostile import hostile_texts
from tests.browser.bench import GUARD, RATE, ready, settle, until
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
    page.evaluate("""() => {
        const image = Object.assign(document.createElement('img'), {src: 'https://elsewhere.example'});
        document.querySelector('.prose').append(image);
    }""")
    page.wait_for_timeout(300)

    assert "Content Security Policy" in seen.refusals()[0]
    seen.complaints.clear()
    seen.requests.clear()


SOURCES = """() => Object.fromEntries([...document.querySelectorAll('.resp')].map(
    (response) => [response.dataset.side, response.querySelector('[data-source]').textContent]))"""


def test_on_the_bench_they_do_nothing_and_their_source_is_exact(
    visit_as: Callable[..., Page], rendered: list[str], seen: Seen, project: Project
) -> None:
    """Two at a time, judged one after the other as a rater would, each source compared with what was stored."""
    ada = make.rater(project, "ada")
    texts = list(Response.objects.order_by("pk"))[:502]
    pairs = [(left.pk, right.pk) for left, right in zip(texts[::2], texts[1::2], strict=False)]
    actions.open_batch(
        project,
        name="hostile",
        guideline=make.guideline(project),
        pairs=pairs,
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
    )
    page = visit_as(ada, RATE)
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    ready(page)
    page.clock.install()
    wrong, looked = [], 0
    while page.locator("#bench[data-assignment]").count():
        lent = page.locator("#bench").get_attribute("data-assignment") or ""
        page.evaluate(POKE)
        page.keyboard.press("v")
        shown = page.evaluate(SOURCES)
        assignment = Assignment.objects.select_related("comparison__response_a", "comparison__response_b").get(pk=lent)
        stored = [assignment.comparison.response_a.text, assignment.comparison.response_b.text]
        wrong += [text for text in stored if text not in shown.values()]
        looked += 2
        page.clock.run_for(GUARD)
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        until(page, f"document.querySelector('#bench').dataset.assignment !== {lent!r}")
        until(page, "!document.body.matches('[data-busy]')")
        if not page.locator("#bench[data-assignment]").count():
            settle(page)
            page.wait_for_selector("#bench[data-assignment], #bench[data-none]")

    assert looked == 2 * len(pairs) >= 500
    assert wrong == []
    assert dialogs == []
    assert page.locator(", ".join(f".prose {name}" for name in DEAD)).count() == 0

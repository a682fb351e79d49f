"""Every template compiles, and holds nothing that the Content-Security-Policy would refuse to run."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Engine
from django.template.loader import get_template

FOLDER = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
# the policy has no 'unsafe-inline' and no nonce: each of these would be dead, silently
REFUSED = {
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*\stype=[\"']application/json)", re.IGNORECASE),
    "an inline style sheet": re.compile(r"<style", re.IGNORECASE),
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>{]*\son[a-z]+\s*=", re.IGNORECASE),
    "a script in an address": re.compile(r"javascript:", re.IGNORECASE),
    "htmx that needs eval": re.compile(r"hx-on[:-]|hx-vals\s*=\s*[\"']js:|hx-vars"),
    "something from another site": re.compile(
        r"<(?:script|link|img)[^>]*\s(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE
    ),
    "trust in what is not called html": re.compile(r"(?<!html)\|\s*safe\b|autoescape\s+off"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_compiles(name: str) -> None:
    assert get_template(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_has_nothing_the_policy_refuses(name: str) -> None:
    source = (FOLDER / name).read_text()
    found = {
        what: source[hit.start() : hit.end() + 60] for what, sign in REFUSED.items() if (hit := sign.search(source))
    }
    assert not found


def test_pages_come_from_our_folder_before_a_library() -> None:
    assert str(Engine.get_default().dirs[0]) == str(FOLDER)

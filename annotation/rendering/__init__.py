"""Untrusted text made safe to look at, in one place for everything that a rater is shown.

A response or a message is Markdown that a model or a stranger wrote. `annotation.rendering.markup.render` makes safe
HTML of it, once, in a process apart (`annotation.rendering.apart`), when the text is stored. What a page needs while
somebody waits is here and costs next to nothing: the digest by which a rendering is found, and the plain form, which
is shown while there is no rendering and where none can be made.

Guideline text is written by people of the house and has a renderer of its own in guidelines.text; rooms look back.
"""

from __future__ import annotations

import hashlib

from annotation.rendering.marks import draw, escape
from guidelines.text import guideline_html, visible

RENDERER_VERSION = "2"
"""Changes whenever the same text would look different to a rater than before. `manage.py rerender` follows it."""

__all__ = ["RENDERER_VERSION", "digest", "guideline_html", "plain_html", "visible"]


def digest(text: str) -> str:
    """By which a text's rendering is found: sha256 of its UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain_html(text: str) -> str:
    """The text as it is: escaped, its line ends kept, what hides itself drawn. Fit to be put into a page."""
    return f'<div class="plain" dir="auto">{draw(escape(text))}</div>'

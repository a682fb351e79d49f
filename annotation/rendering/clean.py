"""The last wall: whatever the steps before let through, only this list reaches a page.

No `a`, `img`, `svg`, `style` or form control; no address, style, id or name on anything; classes from a fixed set.
"""

from __future__ import annotations

import nh3

from annotation.rendering.maths import ATTRIBUTES as MATHS

BLOCKS = ("p", "h3", "h4", "h5", "h6", "li", "blockquote", "table", "th", "td")
WORDS = ("em", "strong", "s", "br", "hr", "ul", "ol", "thead", "tbody", "tr")

CLASSES = {
    "span": {"tk", "ts", "tc", "tm", "tn", "addr", "img", "mw"},
    "div": {"tw", "cb", "mw"},
    "th": {"num", "mid"},
    "td": {"num", "mid"},
}
_DIRECTIONS = {"auto", "ltr", "rtl"}
_BOX = {"tabindex": {"0"}, "role": {"group"}}
VALUES: dict[str, dict[str, set[str]]] = {
    **{tag: {"dir": _DIRECTIONS} for tag in BLOCKS},
    "code": {"dir": {"ltr"}},
    "pre": {"dir": {"ltr"}},
    "span": {"dir": {"ltr"}, **_BOX},
    "div": {"dir": {"ltr"}, **_BOX},
}
# the names of boxes are ours, made of words of ours: "Code, Python"
FREE = {"div": {"aria-label"}, "span": {"aria-label"}, "ol": {"start"}}
TAGS = {*BLOCKS, *WORDS, *VALUES, *MATHS}


def clean(html: str) -> str:
    """The HTML, with nothing in it that is not on the list."""
    return _CLEANER.clean(html)


_CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=set(),
    attributes={"*": set(), **FREE, **MATHS},
    tag_attribute_values=VALUES,
    allowed_classes=CLASSES,
    url_schemes=set(),
    link_rel=None,
    strip_comments=True,
)

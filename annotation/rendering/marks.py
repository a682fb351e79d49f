"""Characters that hide themselves, move others or act on a terminal are drawn as marks: [U+202E].

Some invisible characters are part of how people write, and a text full of marks would be unreadable without cause.
They stay where Unicode says they belong, one at a time between two visible neighbours, so that nothing can be hidden
in a row of them:

- a zero-width joiner between two emoji, and a variation selector after one (or in a keycap);
- a zero-width non-joiner between two Arabic letters (Persian needs it), and both joiners after a virama (Indic
  scripts need them);
- the signs above and before Arabic numbers, which Unicode files under format characters though they are drawn.

Everything else is a mark: bidi controls, the other zero-width characters, tags, variation selectors elsewhere, control
characters but for newline and tab, lone surrogates, noncharacters.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from html import escape as _escape

from guidelines.text import INVISIBLE_BESIDES

DRAWN = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))]
# format characters are nowhere else: a test looks at all of Unicode
PLACES = (range(0x20000), range(0xE0000, 0xE1000))

# Noncharacters carry a mark through Markdown and the sanitiser: nobody can type them, for they are marks themselves.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
_CARRIED = re.compile(f"{OPEN}([0-9A-F]{{4,6}}){CLOSE}")
_ROW = re.compile(f"(?:{OPEN}[0-9A-F]{{4,6}}{CLOSE})+")


def _class(codes: set[int]) -> str:
    """A regular expression's character class for these code points."""
    parts, start, last = [], -1, -2
    for code in [*sorted(codes), sys.maxunicode + 2]:
        if code != last + 1:
            if start >= 0:
                parts.append(f"\\U{start:08X}-\\U{last:08X}")
            start = code
        last = code
    return "".join(parts)


def _hidden() -> set[int]:
    found = {code for place in PLACES for code in place if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs")}
    return {*found, *INVISIBLE_BESIDES, *NONCHARACTERS, 0xFE0E, 0xFE0F} - DRAWN - {0x09, 0x0A}


_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_VIRAMA = _class({code for code in range(0x0900, 0x12000) if unicodedata.combining(chr(code)) == 9})
_ARABIC = "\u0620-\u065f\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\u08a0-\u08c7"
_HIDDEN = re.compile(f"[{_class(_hidden())}]")
_BELONGS = re.compile(
    rf"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])|(?<=[{_EMOJI}])[\ufe0e\ufe0f]"
    rf"|(?<=[0-9#*])\ufe0f(?=\u20e3)|(?<=[{_ARABIC}])\u200c(?=[{_ARABIC}])|(?<=[{_VIRAMA}])[\u200c\u200d]"
)


def carry(text: str) -> str:
    """The text with every hidden character replaced by a carried mark; line ends are \\n afterwards."""
    return _HIDDEN.sub(_carried, text.replace("\r\n", "\n"))


def is_marked(text: str) -> bool:
    """Whether a carried mark, or a part of one, is in it."""
    return OPEN in text or CLOSE in text


def source(text: str) -> str:
    """A piece of carried text with its marks as letters, for places that hold no elements."""
    return _CARRIED.sub(r"[U+\1]", text)


def draw(html: str) -> str:
    """HTML of ours with every carried mark, and every hidden character that came by another way, drawn.

    No attribute of ours holds a stranger's text, so marks are made in text alone.
    """
    return _ROW.sub(_drawn, _both(html) if is_marked(html) else carry(html))


def escape(text: str) -> str:
    """The text for a place between tags, with marks carried."""
    return _escape(carry(text), quote=False)


def _both(html: str) -> str:
    """Carry what is hidden around the marks that are carried already."""
    pieces = _CARRIED.split(html)
    for place in range(0, len(pieces), 2):
        pieces[place] = carry(pieces[place])
    for place in range(1, len(pieces), 2):
        pieces[place] = f"{OPEN}{pieces[place]}{CLOSE}"
    return "".join(pieces)


def _drawn(row: re.Match[str]) -> str:
    return f'<span class="mark" dir="ltr">{source(row[0])}</span>'


def _carried(match: re.Match[str]) -> str:
    if _BELONGS.match(match.string, match.start()):
        return match[0]
    return f"{OPEN}{ord(match[0]):04X}{CLOSE}"

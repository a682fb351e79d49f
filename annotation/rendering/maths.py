"""LaTeX to MathML, for the elements and attributes that browsers draw and that cannot reach outside their box."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from latex2mathml import exceptions
from latex2mathml.converter import Converter

from annotation.rendering.marks import is_marked

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_CHARACTERS = 2_000
MOST_DEPTH = 12  # of braces
MOST_NESTED = 40  # of elements; \sqrt\sqrt\sqrt needs no braces
# Definitions can double with each line; the others move, hide, colour or link what is drawn.
REFUSED = re.compile(
    r"\\(?:g|e|x)?def(?![a-zA-Z])|\\(?:new|renew|provide)(?:command|environment)|\\let(?![a-zA-Z])|\\DeclareMathOperator"
    r"|\\(?:href|url|style|class|cssId|color|textcolor|colorbox|fcolorbox|includegraphics|rule|raise|lower|require)(?![a-zA-Z])"
)

ATTRIBUTES: dict[str, set[str]] = {
    "math": {"display"},
    "mrow": set(),
    "mi": {"mathvariant"},
    "mn": set(),
    "mo": {"stretchy", "fence", "separator", "form", "movablelimits", "largeop", "symmetric", "accent"}
    | {"minsize", "maxsize", "lspace", "rspace"},
    "mtext": set(),
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "msqrt": set(),
    "mroot": set(),
    "msub": set(),
    "msup": set(),
    "msubsup": set(),
    "munder": {"accentunder"},
    "mover": {"accent"},
    "munderover": {"accent", "accentunder"},
    "mtable": {"columnalign", "displaystyle"},
    "mtr": set(),
    "mtd": {"columnalign"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mpadded": {"width", "lspace"},
    "menclose": {"notation"},
}
"""Element -> the attributes it may have. A formula that needs another element is shown as its source."""

_WORD = re.compile(r"[a-z]{1,20}(?: [a-z]{1,20}){0,30}|[01]")
_LENGTH = re.compile(r"(?P<number>[+-]?\d{0,3}(?:\.\d{1,4})?)(?P<unit>em|ex|pt|px|mu)?")
_EM_IN = {"em": 1.0, "ex": 2.0, "pt": 10.0, "px": 16.0, "mu": 18.0, None: 1.0}
MOST_EM = 4.0
_LENGTHS = {"width", "lspace", "rspace", "minsize", "maxsize", "linethickness"}
_REFERENCE = re.compile(r"&#x([0-9A-Fa-f]{1,6});")
# between a function and its argument, invisibly; nothing that a reader misses
_UNSEEN = dict.fromkeys(range(0x2061, 0x2065))
_ALPHABETS = {
    "bold": ("MATHEMATICAL BOLD",),
    "italic": ("MATHEMATICAL ITALIC", "PLANCK CONSTANT"),
    "bold-italic": ("MATHEMATICAL BOLD ITALIC",),
    "double-struck": ("MATHEMATICAL DOUBLE-STRUCK", "DOUBLE-STRUCK"),
    "script": ("MATHEMATICAL SCRIPT", "SCRIPT"),
    "fraktur": ("MATHEMATICAL FRAKTUR", "BLACK-LETTER"),
    "sans-serif": ("MATHEMATICAL SANS-SERIF",),
    "monospace": ("MATHEMATICAL MONOSPACE",),
}
# What the converter raises for LaTeX it cannot read: its own, and those of what it does not check.
_FAILURES: tuple[type[Exception], ...] = (
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    StopIteration,
    RuntimeError,
    AssertionError,
)


class NotConvertible(ValueError):
    """This formula is shown as its source."""


def mathml(latex: str, *, block: bool) -> str:
    """The formula as a `math` element. Raises NotConvertible: too long or deep, not understood, or not to be drawn."""
    if len(latex) > MOST_CHARACTERS or _depth(latex) > MOST_DEPTH or is_marked(latex) or REFUSED.search(latex):
        raise NotConvertible
    try:
        root = Converter(display="block" if block else "inline").convert_to_element(latex)
        inside = "".join(_write(child, depth=1) for child in root)
    except _FAILURES as failure:
        raise NotConvertible from failure
    return f'<math display="{"block" if block else "inline"}">{inside}</math>'


def _depth(latex: str) -> int:
    """How deep its braces, environments and stretched brackets nest."""
    deepest = depth = 0
    for opening in re.findall(r"\\begin|\\left(?![a-z])|\\end|\\right(?![a-z])|\\.|[{}]", latex):
        if opening in ("{", r"\begin", r"\left"):
            depth += 1
            deepest = max(deepest, depth)
        elif opening in ("}", r"\end", r"\right"):
            depth -= 1
    return deepest


def _write(element: Element, *, depth: int) -> str:
    """The element as HTML; text is escaped, whatever the converter thought of it."""
    tag = element.tag
    if tag not in ATTRIBUTES or depth > MOST_NESTED:
        raise NotConvertible
    variant = element.attrib.get("mathvariant", "")
    text = _REFERENCE.sub(_character, element.text or "").translate(_UNSEEN)
    if tag in ("mi", "mo", "mtext") and len(text) > 1 and text.startswith("\\"):
        raise NotConvertible  # a command it does not know is handed on as a name
    if variant in _ALPHABETS:
        text = "".join(_styled(letter, variant) for letter in text)
    attributes = "".join(f' {name}="{value}"' for name, value in _attributes(element))
    inside = "".join(_write(child, depth=depth + 1) for child in element)
    return f"<{tag}{attributes}>{escape(text, quote=False)}{inside}</{tag}>"


def _attributes(element: Element) -> list[tuple[str, str]]:
    allowed = ATTRIBUTES[element.tag]
    kept = []
    for name, value in element.attrib.items():
        if name not in allowed or (name == "mathvariant" and value != "normal"):
            continue
        if name in _LENGTHS:
            if _is_short(value):
                kept.append((name, value))
        elif _WORD.fullmatch(value):
            kept.append((name, value))
    return kept


def _is_short(value: str) -> bool:
    """Whether a length is one, and small: a long one, or one backwards, would draw over its neighbours."""
    match = _LENGTH.fullmatch(value)
    if match is None or not match["number"].strip("+-."):
        return False
    ems = float(match["number"]) / _EM_IN[match["unit"]]
    return -0.5 <= ems <= MOST_EM


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"


@cache
def _styled(letter: str, variant: str) -> str:
    """The letter in another alphabet, as its own character: browsers no longer do it for an attribute."""
    if not letter.isascii() or not letter.isalnum():
        return letter
    for family in _ALPHABETS[variant]:
        try:
            return unicodedata.lookup(
                f"{family} {unicodedata.name(letter).removeprefix('LATIN ').replace(' LETTER', '')}"
            )
        except KeyError:
            continue
    return letter

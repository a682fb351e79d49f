"""Guideline text, purely: which rules it has, and the safe HTML that a page may show.

`visible` lives here and not beside the bench because rooms look back only: guidelines and annotation both need it.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

MAX_CHARACTERS = 64_000
"""A guideline of 200 rules has about 40,000. Some Markdown takes time that grows faster than its length."""

MAX_TITLE = 160

NUMBERED = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,3})?)[.)]?\s+(?P<title>\S.*)", re.DOTALL)

ALLOWED_TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "a"),
}

# Drawn as nothing though Unicode does not count them as format characters: fillers, joiners, and the variation
# selectors in which whole messages can be hidden. U+FE0E and U+FE0F stay: they choose between text and emoji.
INVISIBLE_BESIDES = [
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2028, 0x2029, 0x2065, 0x3164, 0xFFA0),
    *range(0xFE00, 0xFE0E),
    *range(0xFFF0, 0xFFF9),
    *range(0xE0000, 0xE1000),
]


class BadGuideline(ValueError):
    """The text cannot be a guideline; the message names the line, counted from 1, which is also in `line`."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line}: {reason}")
        self.line = line


class ParsedRule(NamedTuple):
    """A numbered rule: `number` such as "2.1", the title of its heading, and the Markdown below it."""

    number: str
    title: str
    text: str


class _Heading(NamedTuple):
    line: int
    number: str
    title: str


class _GuidelineMarkdown(MarkdownIt):
    """CommonMark without raw HTML and images; a link that is not https stays plain text."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "linkify": False, "typographer": False})
        self.disable(["image", "html_block", "html_inline"])

    def validateLink(self, url: str) -> bool:  # markdown-it's name for it
        return url.lower().startswith("https://")


def parse_rules(markdown: str) -> list[ParsedRule]:
    """The rules in the order of the text, from headings `## 1 Title` and `### 1.1 Title`.

    A chapter (`## 1`) that has numbered rules of its own is only their heading; one without is itself a rule.
    Raises BadGuideline, naming the line, when a number comes twice, stands under another chapter, or none is there.
    """
    text = _bounded(markdown)
    lines = text.split("\n")
    headings = _headings(text)
    _refuse_confusion(headings)
    chapters = {heading.number.partition(".")[0] for heading in headings if "." in heading.number}
    rules = []
    for position, heading in enumerate(headings):
        if not heading.number or heading.number in chapters:
            continue
        end = headings[position + 1].line - 1 if position + 1 < len(headings) else len(lines)
        body = "\n".join(lines[heading.line : end]).strip()
        rules.append(ParsedRule(heading.number, heading.title, body))
    if not rules:
        raise BadGuideline(1, "there is no numbered rule; write a heading such as “## 1 Does what was asked”.")
    return rules


def parse_chapters(markdown: str) -> dict[str, str]:
    """Number to title of the chapters (`## 1 Title`) that only head rules of their own. Raises BadGuideline."""
    headings = _headings(_bounded(markdown))
    parents = {heading.number.partition(".")[0] for heading in headings if "." in heading.number}
    return {heading.number: heading.title for heading in headings if heading.number in parents}


def guideline_html(markdown: str) -> str:
    """The text as HTML that is safe to put into a page: no raw HTML, images, scripts, styles or live schemes.

    Raises BadGuideline when the text is too long to render.
    """
    rendered: str = _GuidelineMarkdown().render(visible(_bounded(markdown)))
    cleaned = nh3.clean(
        rendered,
        tags=ALLOWED_TAGS,
        attributes={"*": set(), "a": {"href"}},
        url_schemes={"https"},
        link_rel="noopener noreferrer nofollow",
    )
    # Once more: a character reference such as &#x202E; has only now become its character.
    return visible(cleaned)


def visible(text: str) -> str:
    """The text with every character that hides itself or moves others shown as a mark such as [U+202E].

    Line ends are \\n afterwards; \\n and \\t are the only control characters left. No format character is left.
    """
    return text.replace("\r\n", "\n").translate(_marks())


@cache
def _marks() -> dict[int, str]:
    """code point -> mark, for all that Unicode calls control, format or surrogate, and the invisible rest."""
    hidden = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs")}
    hidden.update(INVISIBLE_BESIDES)
    return {code: f"[U+{code:04X}]" for code in hidden - {0x09, 0x0A}}


def _bounded(markdown: str) -> str:
    text = markdown.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARACTERS:
        line = text.count("\n", 0, MAX_CHARACTERS) + 1
        raise BadGuideline(line, f"the text is longer than {MAX_CHARACTERS:,} characters here.")
    return text


def _headings(text: str) -> list[_Heading]:
    """Every heading down to level 3 outside code and lists: each ends the rule above it, numbered or not."""
    tokens: list[Token] = _GuidelineMarkdown().parse(text)
    found = []
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.level == 0 and opening.map and opening.tag in ("h1", "h2", "h3"):
            found.append(_heading(opening.map[0] + 1, opening.tag, inline.content))
    return found


def _heading(line: int, tag: str, content: str) -> _Heading:
    match = NUMBERED.fullmatch(content.strip())
    # Only `## 1` and `### 1.1` are rules; `## 1.1` or `# 1` are ordinary headings that happen to have a number.
    if match is None or tag != ("h3" if "." in match["number"] else "h2"):
        return _Heading(line, "", content)
    return _Heading(line, match["number"], match["title"].strip())


def _refuse_confusion(headings: list[_Heading]) -> None:
    first_line: dict[str, int] = {}
    chapter = ""
    for heading in headings:
        if not heading.number:
            continue
        if heading.number in first_line:
            before = first_line[heading.number]
            raise BadGuideline(heading.line, f"rule {heading.number} is already on line {before}.")
        if len(heading.title) > MAX_TITLE:
            raise BadGuideline(heading.line, f"the title of rule {heading.number} is longer than {MAX_TITLE}.")
        first_line[heading.number] = heading.line
        parent, dot, _ = heading.number.partition(".")
        if not dot:
            chapter = parent
        elif chapter and parent != chapter:
            raise BadGuideline(heading.line, f"rule {heading.number} stands under chapter {chapter}.")

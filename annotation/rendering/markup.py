"""Markdown to HTML that is safe to put into a page, purely. Slow on purpose: never on a path where somebody waits.

Hidden characters are carried as marks from the start, Markdown is read without raw HTML, code and formulas become
elements of a fixed kind, the sanitiser has the last word, and the marks are drawn.

What differs from common Markdown, and why:

- nothing loads and nothing leads anywhere: a link is its text and its address, an image a box with both
- a line end stays one: raters judge poems and addresses too
- headings start at level 3, below the page's own, and never skip a level
- whatever can be wider than the page is in a box that scrolls, with a name, within reach of the keyboard
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from mdit_py_plugins.dollarmath import dollarmath_plugin

from annotation.rendering import brackets
from annotation.rendering.clean import clean
from annotation.rendering.code import coloured, language
from annotation.rendering.marks import carry, draw, escape, source
from annotation.rendering.maths import NotConvertible, mathml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

MOST_CHARACTERS = 64_000
MOST_HTML = 600_000
MOST_DEPTH = 24
MOST_TOKENS = 20_000
MOST_FORMULAS = 300
LONGEST_ADDRESS = 300
LONG_FORMULA = 40
TOP_HEADING = 3

SOMETHING = re.compile(r">\s*[^<\s]")
TASK = re.compile(r"\[([ xX])\](?=\s)")
WORDLESS = {"fence", "code_block", "math_block", "hr", "list_item_close", "blockquote_close", "table_close"}
ALIGNED = {"text-align:right": "num", "text-align:center": "mid"}


class NotRendered(ValueError):
    """This text is shown as it is; the message says why, for whoever looks after the texts."""


def render(text: str) -> str:
    """The text as safe HTML. Raises NotRendered.

    The limits bound the size of what comes out, not the time in every case: call it where it can be ended.
    """
    if len(text) > MOST_CHARACTERS:
        raise NotRendered(f"longer than {MOST_CHARACTERS:,} characters")
    md = _markdown()
    try:
        tokens = md.parse(carry(text))
        _dress(tokens)
        html = md.renderer.render(tokens, md.options, {})
    except RecursionError as failure:
        raise NotRendered("nested too deep") from failure
    if len(html) > MOST_HTML:
        raise NotRendered(f"more than {MOST_HTML:,} characters when rendered")
    drawn = draw(clean(html))
    if len(drawn) > MOST_HTML:
        raise NotRendered(f"more than {MOST_HTML:,} characters when rendered")
    if not SOMETHING.search(drawn):
        raise NotRendered("nothing would be shown")
    return drawn


class _Renderer(RendererHTML):
    """Elements of ours for what would load, lead away or need a script."""

    def fence(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        code = tokens[at]
        known = language(code.info)
        name = f"Code, {known}" if known else "Code"
        inside = coloured(code.content, code.info)
        return f'{_box("cb", name)}<pre dir="ltr"><code dir="ltr">{inside}</code></pre></div>\n'

    def code_block(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return self.fence(tokens, at, options, env)

    def table_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return _box("tw", "Table") + self.renderToken(tokens, at, options, env)

    def table_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def link_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return ""

    def link_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return _address(tokens[at].meta.get("address", ""))

    def image(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        image = tokens[at]
        alt = self.renderInlineAsText(image.children, options, env) if image.children else ""
        told = f"Image: {escape(alt)}" if alt.strip() else "Image"
        return f'<span class="img">{told}{_address(str(image.attrGet("src") or ""))}</span>'

    def math_inline(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        formula = tokens[at]
        drawn = _formula(formula, block=False)
        if len(formula.content) <= LONG_FORMULA:
            return drawn
        return f"{_box('mw', 'Formula', tag='span')}{drawn}</span>"

    def math_inline_double(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return f"{_box('mw', 'Formula', tag='span')}{_formula(tokens[at], block=True)}</span>"

    def math_block(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return f"{_box('mw', 'Formula')}{_formula(tokens[at], block=True)}</div>\n"


@cache
def _markdown() -> MarkdownIt:
    # deeper than what is accepted, because beyond its own limit the parser leaves text out without a word
    md = MarkdownIt(
        "commonmark",
        {"html": False, "linkify": False, "typographer": False, "breaks": True, "maxNesting": 2 * MOST_DEPTH},
        renderer_cls=_Renderer,
    )
    md.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    dollarmath_plugin(
        md, allow_labels=False, allow_space=False, allow_digits=False, allow_blank_lines=False, double_inline=True
    )
    brackets.use(md)
    # the plugin brings renderers of its own, which would win over ours
    renderer = md.renderer
    for name in ("math_inline", "math_inline_double", "math_block"):
        renderer.rules[name] = getattr(renderer, name)  # type: ignore[attr-defined]  # RendererHTML keeps them so
    return md


def _dress(tokens: list[Token]) -> None:
    """Give every block its direction and its level. Raises NotRendered."""
    _count(tokens)
    levels = _Levels()
    containers: list[Token] = []
    for at, token in enumerate(tokens):
        if token.type in ("list_item_open", "blockquote_open", "table_open"):
            containers.append(token)
        elif token.type == "inline":
            _dress_words(token.children or [])
            # the bullet and the bar stand where the first words start
            side = _direction(token.content)
            for container in containers:
                container.attrSet("dir", side)
            containers.clear()
            if at > 1 and tokens[at - 2].type == "list_item_open":
                _tick(token.children or [])
        elif token.type in WORDLESS:
            containers.clear()
        else:
            _dress_block(token, levels)


def _count(tokens: list[Token]) -> None:
    """Raises NotRendered when there is too much of something."""
    total = formulas = deepest = 0
    for token in tokens:
        children = token.children or []
        total += 1 + len(children)
        formulas += sum(each.type.startswith("math") for each in (token, *children))
        deepest = max(deepest, token.level, *(child.level for child in children))
    if deepest > MOST_DEPTH:
        raise NotRendered("nested too deep")
    if total > MOST_TOKENS or formulas > MOST_FORMULAS:
        raise NotRendered("too many pieces")


def _dress_block(token: Token, levels: _Levels) -> None:
    if token.type == "paragraph_open":
        token.hidden = False
        token.attrSet("dir", "auto")
    elif token.type == "paragraph_close":
        token.hidden = False
    elif token.type in ("heading_open", "heading_close"):
        token.tag = levels.of(token)
        if token.nesting == 1:
            token.attrSet("dir", "auto")
    elif token.type in ("th_open", "td_open"):
        align = ALIGNED.get(str(token.attrs.pop("style", "")))
        token.attrSet("dir", "auto")
        if align:
            token.attrSet("class", align)
    elif token.type == "ordered_list_open" and len(str(token.attrGet("start") or "")) > 9:
        token.attrs.pop("start")


class _Levels:
    """Which level a heading has here: one below the nearest heading above it that stood higher in the text."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def of(self, heading: Token) -> str:
        """The tag for an opening or closing heading token."""
        if heading.nesting == 1:
            while self._open and self._open[-1] >= heading.tag:
                self._open.pop()
            self._open.append(heading.tag)
        return f"h{min(6, TOP_HEADING - 1 + len(self._open))}"


def _dress_words(children: list[Token]) -> None:
    """Code reads from left to right; a link knows the address to show after it, unless its text says it already."""
    opened: list[int] = []
    for at, token in enumerate(children):
        if token.type == "code_inline":
            token.attrSet("dir", "ltr")
        elif token.type == "link_open":
            opened.append(at)
        elif token.type == "link_close" and opened:
            start = opened.pop()
            href = str(children[start].attrGet("href") or "")
            text = "".join(child.content for child in children[start + 1 : at])
            token.meta["address"] = "" if token.info == "auto" or text == href else href


def _tick(children: list[Token]) -> None:
    """`[x]` at the start of a list's item is a box with a tick in it, and nothing to press."""
    if children and children[0].type == "text" and (match := TASK.match(children[0].content)):
        children[0].content = ("☐" if match[1] == " " else "☑") + children[0].content[3:]


def _direction(text: str) -> str:
    """Of the first letter that has one."""
    for letter in text[:1000]:
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def _box(css: str, name: str, *, tag: str = "div") -> str:
    # a group and not a region: a page with ten blocks of code does not have ten landmarks of the same name
    return f'<{tag} class="{css}" tabindex="0" role="group" aria-label="{name}">'


def _address(url: str) -> str:
    if not url:
        return ""
    shown = url if len(url) <= LONGEST_ADDRESS else f"{url[:LONGEST_ADDRESS]}… ({len(url):,} characters)"
    return f' <span class="addr" dir="ltr">{escape(source(shown))}</span>'


def _formula(token: Token, *, block: bool) -> str:
    latex = token.content.strip()
    try:
        return mathml(latex, block=block)
    except NotConvertible:
        opening, closing = brackets.PAIRS.get(token.markup, (token.markup, token.markup))
        return f'<code dir="ltr">{escape(f"{opening}{token.content}{closing}")}</code>'

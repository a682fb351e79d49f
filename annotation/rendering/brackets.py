r"""Two rules for markdown-it: formulas between \( and \), and between \[ and \].

Each looks for the end of what it opens with one search, and not again after a search that found none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdit_py_plugins.utils import is_code_block

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

PAIRS = {"\\(": ("\\(", "\\)"), "\\[": ("\\[", "\\]")}


def use(md: MarkdownIt) -> None:
    """Teach the parser both forms, before a backslash means that what follows is text."""
    md.inline.ruler.before("escape", "math_brackets", _inline)
    md.block.ruler.before("fence", "math_brackets_block", _block, {"alt": ["paragraph", "blockquote", "list"]})


def _inline(state: StateInline, silent: bool) -> bool:
    opening = state.src[state.pos : state.pos + 2]
    if opening not in PAIRS:
        return False
    closing = PAIRS[opening][1]
    # what is missing after one place is missing after every later place of the same text
    missing = state.env.setdefault("no_closing", {})
    if missing.get(closing) == state.src:
        return False
    end = state.src.find(closing, state.pos + 2, state.posMax)
    if end < 0:
        missing[closing] = state.src
        return False
    content = state.src[state.pos + 2 : end]
    if not content.strip():
        return False
    if not silent:
        token = state.push("math_inline" if opening == "\\(" else "math_inline_double", "math", 0)
        token.content, token.markup = content, opening
    state.pos = end + 2
    return True


def _block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  markdown-it's names
    if is_code_block(state, startLine):
        return False
    start = state.bMarks[startLine] + state.tShift[startLine]
    if not state.src.startswith("\\[", start):
        return False
    # a search that ended in vain at some line is in vain from every line before that one
    if startLine < state.env.get("no_block_closing", -1):
        return False
    lines = _lines(state, startLine, endLine)
    if lines is None:
        return False
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.block, token.content, token.markup = True, "\n".join(lines), "\\["
    state.line = startLine + len(lines)
    token.map = [startLine, state.line]
    return True


def _lines(state: StateBlock, start: int, end: int) -> list[str] | None:
    """What stands between the brackets, line by line; None when they do not close in this block."""
    lines: list[str] = []
    for at in range(start, end):
        begins = state.bMarks[at] + state.tShift[at] + (2 if at == start else 0)
        line = state.src[begins : state.eMarks[at]]
        if at > start and (not line.strip() or state.sCount[at] < state.blkIndent):
            break
        if "\\]" in line:
            inside, _, after = line.partition("\\]")
            return None if after.strip() else [*lines, inside]
        lines.append(line)
    state.env["no_block_closing"] = start + len(lines)
    return None

"""What changed between two texts, word by word. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

MOST_WORDS = 4_000  # of both texts together; beyond it lines are compared, since time grows with the square
WORDS = re.compile(r"\s+|\w+|[^\w\s]")
LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: "same" in both, "ins" only in the later, "del" only in the earlier."""

    kind: str
    text: str


def word_changes(before: str, after: str) -> list[Piece]:
    """Pieces that read as `before` without "ins" and as `after` without "del" (Ratcliff and Obershelp, difflib)."""
    one, two = WORDS.findall(before), WORDS.findall(after)
    if len(one) + len(two) > MOST_WORDS:
        one, two = LINES.findall(before), LINES.findall(after)
    pieces: list[Piece] = []
    for tag, start, end, begin, stop in difflib.SequenceMatcher(None, one, two).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(one[start:end])))
            continue
        if start < end:
            pieces.append(Piece("del", "".join(one[start:end])))
        if begin < stop:
            pieces.append(Piece("ins", "".join(two[begin:stop])))
    return pieces

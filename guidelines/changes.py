"""What changed between two versions of a guideline, rule by rule and word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple
from uuid import UUID

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
MOST_WORDS = 1000
"""A rule longer than this is shown whole, old and new: a word diff of it would take seconds."""


class RuleText(NamedTuple):
    """One rule of a version. `identity` survives renumbering."""

    identity: UUID
    number: str
    title: str
    text: str


class Piece(NamedTuple):
    """A stretch of words: kind is "same", "ins" (only in the new text) or "del" (only in the old one)."""

    kind: str
    text: str


class Change(NamedTuple):
    """One rule that is not what it was. kind is "added", "removed", "reworded" or "renumbered"."""

    kind: str
    number: str
    title: str
    pieces: tuple[Piece, ...]


def changes(before: Sequence[RuleText], after: Sequence[RuleText]) -> tuple[Change, ...]:
    """Every rule that was added, reworded, renumbered or removed: in the order of the new version, removed ones last.

    Rules are matched by identity. A rule that only moved to another number is "renumbered", its text is not shown.
    """
    old = {rule.identity: rule for rule in before}
    kept = {rule.identity for rule in after}
    found = [_change(old.get(rule.identity), rule) for rule in after]
    gone = [
        Change("removed", rule.number, rule.title, (Piece("del", rule.text),) if rule.text else ())
        for rule in before
        if rule.identity not in kept
    ]
    return (*filter(None, found), *gone)


def _change(before: RuleText | None, after: RuleText) -> Change | None:
    if before is None:
        return Change("added", after.number, after.title, (Piece("ins", after.text),) if after.text else ())
    if (before.title, before.text) != (after.title, after.text):
        return Change("reworded", after.number, after.title, word_diff(before.text, after.text))
    if before.number != after.number:
        return Change("renumbered", after.number, after.title, (Piece("same", f"It was {before.number}."),))
    return None


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """The new text with what was taken out and put in, whole words and marks at a time.

    Joined without the "del" it is `after`.
    Matching is Ratcliff and Obershelp's, as difflib has it.
    """
    old, new = WORDS.findall(before), WORDS.findall(after)
    if len(old) > MOST_WORDS or len(new) > MOST_WORDS:
        return tuple(piece for piece in (Piece("del", before), Piece("ins", after)) if piece.text)
    pieces: list[Piece] = []
    for what, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(Piece("same", "".join(new[from_new:to_new])))
            continue
        if from_old != to_old:
            pieces.append(Piece("del", "".join(old[from_old:to_old])))
        if from_new != to_new:
            pieces.append(Piece("ins", "".join(new[from_new:to_new])))
    return tuple(pieces)


def in_words(found: Sequence[Change], *, most: int = 4) -> str:
    """The changes as one sentence without its end, such as "rule 4.2 was reworded, rule 4.3 is new"."""
    said = {"added": "is new", "removed": "is gone", "reworded": "was reworded", "renumbered": "has a new number"}
    parts = [f"rule {change.number} {said[change.kind]}" for change in found[:most]]
    if len(found) > most:
        parts.append(f"{len(found) - most} more changed")
    return ", ".join(parts) or "no rule changed"

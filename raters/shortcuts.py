"""The keys of the bench, purely: one table that the pages, their script and the settings read.

A rater may give every action another key or switch single keys off altogether (WCAG 2.1.4). The digits 1 to 7 choose
a step of the scale and Enter sends, always: those are no actions of this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

RESERVED = frozenset("1234567")
"""Digits that choose a step of the scale. Enter is reserved too, and is no single character."""


class BadKeys(ValueError):
    """Some keys cannot be used. `by_action` maps each action's name to what to change."""

    def __init__(self, by_action: dict[str, str]) -> None:
        super().__init__(" ".join(by_action.values()))
        self.by_action = by_action


class Shortcut(NamedTuple):
    """One action: its name in code, in words, and its key. Letters are kept small, as `event.key` gives them."""

    name: str
    words: str
    key: str


SHORTCUTS = (
    Shortcut("undo", "Undo the last send", "u"),
    Shortcut("skip", "Skip", "s"),
    Shortcut("cannot", "Cannot judge", "x"),
    Shortcut("quality_1", "First quality: A, Same, B", "q"),
    Shortcut("quality_2", "Second quality", "w"),
    Shortcut("quality_3", "Third quality", "e"),
    Shortcut("quality_4", "Fourth quality", "r"),
    Shortcut("quality_5", "Fifth quality", "t"),
    Shortcut("quality_6", "Sixth quality", "y"),
    Shortcut("rule", "Deciding rule", "d"),
    Shortcut("reason", "Reason", "n"),
    Shortcut("flag_a", "Flag A", "["),
    Shortcut("flag_b", "Flag B", "]"),
    Shortcut("down", "Scroll A and B down, with Shift only B", "j"),
    Shortcut("up", "Scroll A and B up, with Shift only B", "k"),
    Shortcut("guidelines", "Guidelines", "g"),
    Shortcut("source", "View source", "v"),
    Shortcut("pause", "Pause", "p"),
    Shortcut("sheet", "All shortcuts", "?"),
)
NAMES = frozenset(shortcut.name for shortcut in SHORTCUTS)


def keys_of(chosen: Mapping[str, str]) -> dict[str, str]:
    """Action to key: what the rater chose, else the usual key. Unknown actions in `chosen` are left out."""
    return {shortcut.name: chosen.get(shortcut.name) or shortcut.key for shortcut in SHORTCUTS}


def unusual(keys: Mapping[str, str]) -> dict[str, str]:
    """Action to key for the keys that are not the usual ones: what is worth keeping. Raises BadKeys."""
    small = {name: key.strip().lower() for name, key in keys.items() if name in NAMES}
    wanted = keys_of(small)
    wrong: dict[str, str] = {}
    owner: dict[str, str] = {}
    words = {shortcut.name: shortcut.words for shortcut in SHORTCUTS}
    for name, key in wanted.items():
        if len(key) != 1 or not key.isprintable() or key.isspace():
            wrong[name] = "Use one character, such as a letter."
        elif key in RESERVED:
            wrong[name] = f"{key} chooses a step of the scale."
        elif key in owner:
            wrong[name] = f"{key.upper()} is the key of “{words[owner[key]]}” already."
        owner.setdefault(key, name)
    if wrong:
        raise BadKeys(wrong)
    return {shortcut.name: wanted[shortcut.name] for shortcut in SHORTCUTS if wanted[shortcut.name] != shortcut.key}

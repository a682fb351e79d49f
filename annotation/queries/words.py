"""A question in its first words, for lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotation.rendering import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 90


def first_words(messages: Sequence[dict[str, Any]]) -> str:
    """The turn to answer, cut at a word: one line, with what hides itself made visible."""
    text = " ".join(str(messages[-1]["content"])[: LONGEST * 4].split())
    if len(text) > LONGEST:
        text = text[:LONGEST].rsplit(" ", 1)[0].rstrip(".,;:") + "…"
    return visible(text)

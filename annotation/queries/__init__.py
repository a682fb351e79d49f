"""The questions of annotation."""

from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.work import counted_judgments

__all__ = [
    "Card",
    "assignments_of",
    "card_of",
    "counted_judgments",
    "draft_of",
    "judgments_of",
    "undo_of",
]

"""The questions of annotation."""

from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.work import HomePage, counted_judgments, home_page

__all__ = [
    "Card",
    "HomePage",
    "QualityPage",
    "assignments_of",
    "card_of",
    "counted_judgments",
    "draft_of",
    "home_page",
    "judgments_of",
    "quality_page",
    "undo_of",
]

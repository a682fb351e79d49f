"""The questions of annotation."""

from annotation.queries.asking import Preview, Questions, asks_of, open_batches, preview_of, questions_of
from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.listing import listed_judgments
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.work import HomePage, counted_judgments, home_page

__all__ = [
    "Card",
    "HomePage",
    "Preview",
    "QualityPage",
    "Questions",
    "asks_of",
    "assignments_of",
    "card_of",
    "counted_judgments",
    "draft_of",
    "home_page",
    "judgments_of",
    "listed_judgments",
    "open_batches",
    "preview_of",
    "quality_page",
    "questions_of",
    "undo_of",
]

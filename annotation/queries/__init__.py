"""The questions of annotation."""

from annotation.queries.asking import asks_of
from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.rendering import html_of, is_version_known
from annotation.queries.work import HomePage, counted_judgments, home_page

__all__ = [
    "Card",
    "HomePage",
    "QualityPage",
    "asks_of",
    "assignments_of",
    "card_of",
    "counted_judgments",
    "draft_of",
    "home_page",
    "html_of",
    "is_version_known",
    "judgments_of",
    "quality_page",
    "undo_of",
]

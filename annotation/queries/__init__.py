"""The questions of annotation."""

from annotation.queries.asking import asks_of
from annotation.queries.bench import (
    Card,
    asks_for,
    assignments_of,
    cards_of,
    draft_from,
    judgments_of,
    progress_of,
    undo_of,
)
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.work import HomePage, counted_judgments, home_page

__all__ = [
    "Card",
    "HomePage",
    "QualityPage",
    "asks_for",
    "asks_of",
    "assignments_of",
    "cards_of",
    "counted_judgments",
    "draft_from",
    "home_page",
    "judgments_of",
    "progress_of",
    "quality_page",
    "undo_of",
]

"""The questions of annotation."""

from annotation.queries.asking import asks_of
from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.live import projects_in_conversation, prompts_of_rounds
from annotation.queries.quality import QualityPage, quality_page
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
    "judgments_of",
    "projects_in_conversation",
    "prompts_of_rounds",
    "quality_page",
    "undo_of",
]

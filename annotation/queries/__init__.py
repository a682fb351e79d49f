"""The questions of annotation."""

from annotation.queries.asking import asks_of
from annotation.queries.bench import Card, assignments_of, card_of, draft_of, judgments_of, undo_of
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.tasks import (
    LastAnswer,
    TaskCard,
    changes_of,
    fields_of,
    last_answer,
    order_of,
    original_of,
    reason_required,
    task_answers_of,
    task_assignments_of,
    task_batches,
    task_card,
    tasks_by_tag,
)
from annotation.queries.work import HomePage, counted_judgments, given_judgments, home_page

__all__ = [
    "Card",
    "HomePage",
    "LastAnswer",
    "QualityPage",
    "TaskCard",
    "asks_of",
    "assignments_of",
    "card_of",
    "changes_of",
    "counted_judgments",
    "draft_of",
    "fields_of",
    "given_judgments",
    "home_page",
    "judgments_of",
    "last_answer",
    "order_of",
    "original_of",
    "quality_page",
    "reason_required",
    "task_answers_of",
    "task_assignments_of",
    "task_batches",
    "task_card",
    "tasks_by_tag",
    "undo_of",
]

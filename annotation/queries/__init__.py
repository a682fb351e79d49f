"""The questions of annotation."""

from annotation.queries.answers import (
    AnswerPage,
    AnswersPage,
    answer_page,
    answers_page,
    newest_revision,
    task_answers_page,
)
from annotation.queries.asking import Preview, Questions, asks_of, open_batches, preview_of, questions_of
from annotation.queries.bench import (
    Card,
    assignment_at,
    assignments_of,
    cards_of,
    draft_from,
    judgments_of,
    progress_of,
    undo_of,
)
from annotation.queries.earnings import EarningsPage, earnings_page, earnings_rows
from annotation.queries.feedback import FeedbackPage, feedback_page, new_feedback
from annotation.queries.home import HomePage, home_page
from annotation.queries.listing import listed_judgments
from annotation.queries.live import projects_in_conversation, prompts_of_rounds
from annotation.queries.quality import QualityPage, quality_page
from annotation.queries.rendering import html_of, is_version_known
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
from annotation.queries.work import counted_judgments, given_judgments

__all__ = [
    "AnswerPage",
    "AnswersPage",
    "Card",
    "EarningsPage",
    "FeedbackPage",
    "HomePage",
    "LastAnswer",
    "Preview",
    "QualityPage",
    "Questions",
    "TaskCard",
    "answer_page",
    "answers_page",
    "assignment_at",
    "asks_of",
    "assignments_of",
    "cards_of",
    "changes_of",
    "counted_judgments",
    "draft_from",
    "earnings_page",
    "earnings_rows",
    "feedback_page",
    "fields_of",
    "given_judgments",
    "home_page",
    "html_of",
    "is_version_known",
    "judgments_of",
    "last_answer",
    "listed_judgments",
    "new_feedback",
    "newest_revision",
    "open_batches",
    "order_of",
    "original_of",
    "preview_of",
    "progress_of",
    "projects_in_conversation",
    "prompts_of_rounds",
    "quality_page",
    "questions_of",
    "reason_required",
    "task_answers_of",
    "task_answers_page",
    "task_assignments_of",
    "task_batches",
    "task_card",
    "tasks_by_tag",
    "undo_of",
]

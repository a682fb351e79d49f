"""The shape of what people send."""

from annotation.forms.judging import JudgmentForm, SkipForm
from annotation.forms.tasks import BadDraft, RankingForm, TaskForm, WritingForm, read_draft, task_form

__all__ = [
    "BadDraft",
    "JudgmentForm",
    "RankingForm",
    "SkipForm",
    "TaskForm",
    "WritingForm",
    "read_draft",
    "task_form",
]

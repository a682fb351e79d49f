"""The shape of what people send."""

from annotation.forms.asking import AskingForm
from annotation.forms.judging import JudgmentForm, SkipForm, UndoForm, draft_of, initial_of
from annotation.forms.places import Place
from annotation.forms.tasks import BadDraft, RankingForm, TaskForm, WritingForm, read_draft, task_form

__all__ = [
    "AskingForm",
    "BadDraft",
    "JudgmentForm",
    "Place",
    "RankingForm",
    "SkipForm",
    "TaskForm",
    "UndoForm",
    "WritingForm",
    "draft_of",
    "initial_of",
    "read_draft",
    "task_form",
]

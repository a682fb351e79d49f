"""The shape of what people send."""

from annotation.forms.asking import AskingForm
from annotation.forms.judging import JudgmentForm, SkipForm, UndoForm, draft_of, initial_of
from annotation.forms.places import Place

__all__ = [
    "AskingForm",
    "JudgmentForm",
    "Place",
    "SkipForm",
    "UndoForm",
    "draft_of",
    "initial_of",
]

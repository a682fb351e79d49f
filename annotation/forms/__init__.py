"""The shape of what people send."""

from annotation.forms.judging import JudgmentForm, SkipForm, UndoForm, draft_of, initial_of
from annotation.forms.places import Place

__all__ = ["JudgmentForm", "Place", "SkipForm", "UndoForm", "draft_of", "initial_of"]

"""The shape of what people send."""

from annotation.forms.judging import JudgmentForm, SkipForm, UndoForm, draft_of, initial_of

__all__ = ["JudgmentForm", "SkipForm", "UndoForm", "draft_of", "initial_of"]

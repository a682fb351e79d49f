"""The shape of what people send."""

from annotation.forms.judging import JudgmentForm, SkipForm

__all__ = ["JudgmentForm", "SkipForm"]

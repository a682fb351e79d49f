"""The shape of what people send."""

from annotation.forms.asking import AskingForm
from annotation.forms.judging import JudgmentForm, SkipForm

__all__ = ["AskingForm", "JudgmentForm", "SkipForm"]

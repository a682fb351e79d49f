"""The shape of what people send."""

from annotation.forms.judging import JudgmentForm, SkipForm
from annotation.forms.places import Place

__all__ = ["JudgmentForm", "Place", "SkipForm"]

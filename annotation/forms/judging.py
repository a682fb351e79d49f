"""The shape of what raters send."""

from __future__ import annotations

from django import forms

from annotation.actions import Answer
from annotation.kinds import PAIRWISE_STEPS, SKIP_REASONS

LONGEST_STRETCH = 86400.0


class Ids(forms.TypedMultipleChoiceField):
    """Whole numbers that name rows. Whether the rows may be named is the action's to say."""

    def __init__(self, *, required: bool) -> None:
        super().__init__(coerce=int, required=required, error_messages={"invalid_list": "Send a list of rules."})

    def valid_value(self, value: object) -> bool:
        """Any id that fits the database."""
        return str(value).isascii() and str(value).isdigit() and len(str(value)) < 19


class JudgmentForm(forms.Form):
    """One answer to "which response is better overall?", as displayed: -3 leans left, 3 leans right."""

    preference = forms.TypedChoiceField(
        choices=[(str(step.value), step.label) for step in PAIRWISE_STEPS],
        coerce=int,
        error_messages={
            "required": "Choose how much better one response is, from 1 to 7.",
            "invalid_choice": "Choose one of the seven steps.",
        },
    )
    rules = Ids(required=False)
    rationale = forms.CharField(required=False, max_length=4000, strip=True)
    seconds = forms.FloatField(required=False, min_value=0, max_value=LONGEST_STRETCH)
    key = forms.UUIDField(error_messages={"required": "Reload the page: this form has no key.", "invalid": "Bad key."})

    def answer(self) -> Answer:
        """What was said. Only for a valid form."""
        said = self.cleaned_data
        return Answer(
            shown=said["preference"],
            rules=tuple(said["rules"]),
            rationale=said["rationale"],
            seconds=said["seconds"] or 0.0,
        )


class SkipForm(forms.Form):
    """Why a comparison is handed back unjudged."""

    reason = forms.ChoiceField(
        choices=list(SKIP_REASONS.items()), error_messages={"required": "Say why you cannot judge it."}
    )

"""The shape of what raters send in a live conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from annotation.actions import Answer
from annotation.kinds import LONGEST_TURN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotation.kinds import Step

LONGEST_STRETCH = 86400.0
KEY_ERRORS = {"required": "Reload the page: this form has no key.", "invalid": "Reload the page: its key is broken."}


class BeginForm(forms.Form):
    """Whether the rater agrees to what the page says."""

    consents = forms.BooleanField(required=False)


class Words(forms.CharField):
    """Text of several lines. A browser counts a line's end as one character and sends two."""

    def to_python(self, value: Any) -> Any:
        """The text with line ends as they were typed."""
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)


class TurnForm(forms.Form):
    """What the rater says next."""

    text = Words(
        max_length=LONGEST_TURN,
        strip=True,
        error_messages={
            "required": "Write something first.",
            "max_length": f"Use at most {LONGEST_TURN:,} characters; these are %(show_value)d.",
        },
    )
    key = forms.UUIDField(error_messages=KEY_ERRORS)


class CandidatesForm(forms.Form):
    """Which of two candidates is better, as displayed: a negative number leans left."""

    rationale = Words(required=False, max_length=4000, strip=True)
    seconds = forms.FloatField(required=False, min_value=0, max_value=LONGEST_STRETCH)
    key = forms.UUIDField(error_messages=KEY_ERRORS)

    def __init__(self, *args: Any, scale: Sequence[Step], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["preference"] = forms.TypedChoiceField(
            choices=[(str(step.value), step.label) for step in scale],
            coerce=int,
            error_messages={
                "required": "Choose first which answer is better.",
                "invalid_choice": "Choose one of the steps.",
            },
        )

    def answer(self) -> Answer:
        """What was said. Only for a valid form."""
        said = self.cleaned_data
        return Answer(shown=said["preference"], rationale=said["rationale"], seconds=said["seconds"] or 0.0)

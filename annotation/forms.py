"""The shape of what raters send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from annotation.actions import Answer
from annotation.kinds import PAIRWISE_STEPS
from annotation.queries.bench import REASONS

if TYPE_CHECKING:
    from django.http import QueryDict

LONGEST_STRETCH = 86400.0


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
    rules = forms.TypedMultipleChoiceField(coerce=int, required=False)
    rationale = forms.CharField(required=False, max_length=4000, strip=True)
    seconds = forms.FloatField(required=False, min_value=0, max_value=LONGEST_STRETCH)
    key = forms.UUIDField(error_messages={"required": "Reload the page: this form has no key.", "invalid": "Bad key."})

    def __init__(
        self, data: QueryDict | None = None, *, rules: tuple[int, ...] = (), initial: dict[str, object] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.fields["rules"].choices = [(str(rule), str(rule)) for rule in rules]  # type: ignore[attr-defined]

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

    reason = forms.ChoiceField(choices=REASONS, error_messages={"required": "Say why you cannot judge it."})

"""The shape of a quiz's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guidelines.models import GuidelineVersion


def _no(question_id: int) -> str:
    return f"question-{question_id}"


class UnclearForm(forms.Form):
    """Which rule is unclear, and why. No rule means the guideline as a whole."""

    rule = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": "Choose a rule of this version."},
    )
    text = forms.CharField(
        max_length=1000,
        strip=True,
        error_messages={
            "required": "Say what is unclear. A few words are enough.",
            "max_length": "At most 1,000 characters.",
        },
    )

    def __init__(self, version: GuidelineVersion, data: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(data, **more)
        whole = ("", "The guideline as a whole")
        rules = version.rules.values_list("pk", "number", "title")
        self.fields["rule"].choices = [whole, *((str(pk), f"{number} {title}") for pk, number, title in rules)]  # type: ignore[attr-defined]  # the stubs know no field by its name


class Quiz(forms.Form):
    """One choice per question of a version; none are required here, the action says what is missing."""

    def __init__(self, version: GuidelineVersion, data: dict[str, str] | None = None) -> None:
        super().__init__(data)
        self.questions = list(version.questions.all())
        for question in self.questions:
            self.fields[_no(question.pk)] = forms.TypedChoiceField(
                label=question.question,
                choices=list(enumerate(question.choices)),
                coerce=int,
                required=False,
                empty_value=None,
                widget=forms.RadioSelect,
            )

    def answers(self) -> dict[int, int]:
        """Question id to chosen index, for the questions that were answered."""
        chosen = {question.pk: self.cleaned_data.get(_no(question.pk)) for question in self.questions}
        return {pk: index for pk, index in chosen.items() if index is not None}

    def point_out(self, by_question: dict[int, str]) -> None:
        """Put what to read again beside each question."""
        for pk, reason in by_question.items():
            self.add_error(_no(pk), reason)

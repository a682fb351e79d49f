"""The shape of a quiz's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

if TYPE_CHECKING:
    from guidelines.models import GuidelineVersion


def _no(question_id: int) -> str:
    return f"question-{question_id}"


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

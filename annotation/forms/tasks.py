"""The shape of what raters send about a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from annotation.forms.judging import LONGEST_STRETCH
from annotation.kinds import LONGEST_TEXT, RANKING, BadContent, Content, Ranking, Writing
from annotation.models import TaskAssignment
from annotation.queries import order_of, original_of, reason_required
from raters import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_REASON = 4000
LONGEST_DRAFT = 4 * (LONGEST_TEXT + LONGEST_REASON) + 4096  # bytes
IN_ORDER = "You ranked them just as they were shown. If that is what you mean, send it again."


class TaskForm(forms.Form):
    """One answer. `rationale` is why, `seconds` active time; what else is asked depends on the kind."""

    rationale = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        error_messages={
            "required": "Say why in a few words. It is asked on this one.",
            "max_length": f"{LONGEST_REASON:,} characters are the most.",
        },
    )
    seconds = forms.FloatField(required=False, min_value=0, max_value=LONGEST_STRETCH)
    key = forms.UUIDField(error_messages={"required": "Reload the page: this form has no key.", "invalid": "Bad key."})

    def __init__(self, *args: Any, assignment: TaskAssignment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assignment = assignment
        self.fields["rationale"].required = reason_required(assignment)

    def content(self) -> Content:
        """What was answered. Only for a valid form."""
        content: Content = self.cleaned_data["content"]
        return content

    def said(self) -> dict[str, Any]:
        """All of the answer, as the actions take it. Only for a valid form."""
        return {
            "content": self.content(),
            "rationale": self.cleaned_data["rationale"],
            "seconds": self.cleaned_data["seconds"] or 0.0,
            "key": self.cleaned_data["key"],
        }


class RankingForm(TaskForm):
    """A rank for each response by the place in which it is shown: rank_1 is the first one's.

    Ranks that repeat the order of the page are asked about once: that is what a form sent unread would hold.
    """

    as_shown = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order_of(self.assignment)
        for number in range(1, len(self.order) + 1):
            self.fields[f"rank_{number}"] = forms.IntegerField(
                required=False, min_value=1, max_value=len(self.order), error_messages={"invalid": "Choose a rank."}
            )

    def rank_fields(self) -> list[forms.BoundField]:
        """The fields of the ranks, in the order of the page."""
        return [self[f"rank_{number}"] for number in range(1, len(self.order) + 1)]

    def clean(self) -> dict[str, Any]:
        """Ranks by response, whatever gaps there are between them."""
        said = super().clean() or self.cleaned_data
        given = {number: said.get(f"rank_{number}") for number in range(1, len(self.order) + 1)}
        missing = [number for number, rank in given.items() if not rank]
        for number in missing:
            if f"rank_{number}" not in self.errors:
                self.add_error(f"rank_{number}", "Give this one a rank.")
        if missing:
            return said
        try:
            ranks = {self.order[number - 1]: int(rank or 0) for number, rank in given.items()}
            said["content"] = Ranking.of(ranks, responses=self.order)
        except BadContent as refusal:
            self.add_error(None, str(refusal))
            return said
        if list(given.values()) == sorted(given) and not said.get("as_shown"):
            self.add_error("as_shown", IN_ORDER)
        return said


class WritingForm(TaskForm):
    """A text. What makes it acceptable is said in annotation.kinds.Writing."""

    text = forms.CharField(required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        """The text, compared with the original when there is one."""
        said = super().clean() or self.cleaned_data
        if "text" in self.errors:
            return said
        try:
            said["content"] = Writing.of(said.get("text", ""), original=original_of(self.assignment))
        except BadContent as refusal:
            self.add_error("text", str(refusal))
        return said


def task_form(assignment: TaskAssignment, data: Mapping[str, Any] | None = None, **how: Any) -> TaskForm:
    """The form of this kind of task."""
    form = RankingForm if assignment.task.batch.kind == RANKING else WritingForm
    return form(data, assignment=assignment, **how)


class BadDraft(ValueError):
    """The draft cannot be kept; the message says why."""


def read_draft(body: bytes, form: TaskForm) -> tuple[dict[str, str], int]:
    """The fields of a draft and when they were typed, out of {"fields": {name: text}, "at": milliseconds}.

    Raises BadDraft.
    """
    if len(body) > LONGEST_DRAFT:
        raise BadDraft("The draft is too long to be kept.")
    try:
        data = strict_json.loads(body)
    except strict_json.BadJson as refusal:
        raise BadDraft(str(refusal)) from refusal
    fields, at = (data.get("fields"), data.get("at")) if isinstance(data, dict) else (None, None)
    if not isinstance(fields, dict) or not isinstance(at, int) or at < 0:
        raise BadDraft("A draft has fields, and a time in milliseconds.")
    known = set(form.fields) - {"key", "as_shown"}
    if any(name not in known or not isinstance(text, str) for name, text in fields.items()):
        raise BadDraft("The draft has a field that is not asked for.")
    return fields, at

"""The shape of an answer to a comparison, made from what the project asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.utils import ErrorList

from annotation.actions import Answer
from annotation.kinds import FLAGS, QUALITY_WORDS, SKIP_REASONS, Asks, Quality

if TYPE_CHECKING:
    from django.http import QueryDict

LONGEST_STRETCH = 86400.0
LONGEST_RATIONALE = 4000
LONGEST_DRAFT = 16_000  # characters in all


class Ids(forms.TypedMultipleChoiceField):
    """Whole numbers that name rows. Whether the rows may be named is the action's to say."""

    def __init__(self, *, required: bool) -> None:
        super().__init__(coerce=int, required=required, error_messages={"invalid_list": "Send a list of rules."})

    def valid_value(self, value: object) -> bool:
        """Any id that fits the database."""
        return str(value).isascii() and str(value).isdigit() and len(str(value)) < 19


@dataclass(frozen=True, slots=True)
class AskedQuality:
    """A quality with what the form says about it."""

    quality: Quality
    key: str
    field: forms.BoundField


@lru_cache(maxsize=64)
def _fields(asks: Asks, *, reason_required: bool) -> Mapping[str, forms.Field]:
    """The fields of an answer. Made once for the same questions, and never changed: making them takes long."""
    fields: dict[str, forms.Field] = {
        "rules": Ids(required=False),
        "no_rule": forms.BooleanField(required=False),
        "rationale": forms.CharField(
            required=reason_required,
            max_length=LONGEST_RATIONALE,
            strip=True,
            error_messages={"required": "Say what made the difference. A sentence is enough."},
        ),
        "seconds": forms.FloatField(required=False, min_value=0, max_value=LONGEST_STRETCH),
        "key": forms.UUIDField(
            error_messages={"required": "Reload the page: this form has no key.", "invalid": "Bad key."}
        ),
        "preference": forms.TypedChoiceField(
            choices=[(str(step.value), step.label) for step in asks.scale],
            coerce=int,
            error_messages={
                "required": f"Choose how much better one response is, from 1 to {len(asks.scale)}.",
                "invalid_choice": f"Choose one of the {len(asks.scale)} steps.",
            },
        ),
    }
    for quality in asks.qualities:
        fields[f"quality_{quality.name}"] = forms.TypedChoiceField(
            choices=[(str(value), word) for value, word in QUALITY_WORDS.items()],
            coerce=int,
            required=asks.qualities_required,
            empty_value=None,
            error_messages={
                "required": f"{quality.label}: say A, the same, or B.",
                "invalid_choice": f"{quality.label}: say A, the same, or B.",
            },
        )
    for side in ("flags_left", "flags_right"):
        fields[side] = forms.MultipleChoiceField(choices=[(flag, FLAGS[flag]) for flag in asks.flags], required=False)
    return MappingProxyType(fields)


class JudgmentForm(forms.Form):
    """One answer, as displayed: -3 leans left, 3 right. `number` is the assignment's, for the sample of reasons."""

    def __init__(self, data: Any = None, *, asks: Asks, number: int, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.asks = asks
        self.skip_errors: ErrorList | None = None
        reason_required = asks.rationale_required and asks.asks_rationale(number)
        self.fields = dict(_fields(asks, reason_required=reason_required))

    def clean(self) -> dict[str, Any] | None:
        """A rule decided or none fits, not both; and one of the two where the project wants it said."""
        said = self.cleaned_data
        if said.get("rules") and said.get("no_rule"):
            self.add_error("rules", "Either a rule decided it, or none fits. Choose one of the two.")
        elif self.asks.rule_required and not said.get("rules") and not said.get("no_rule"):
            self.add_error("rules", "Name the rule that decided it, or say that no rule fits.")
        return said

    @property
    def is_blank(self) -> bool:
        """Whether nothing was said yet and nothing is wrong: it then looks the same for everybody."""
        return not self.is_bound and not self.initial and self.skip_errors is None

    @property
    def qualities(self) -> Iterator[AskedQuality]:
        """The qualities in the order of the page, each with its key."""
        for quality, key in zip(self.asks.qualities, "QWERTY", strict=False):
            yield AskedQuality(quality, key, self[f"quality_{quality.name}"])

    @property
    def qualities_missing(self) -> list[str]:
        """What is wrong with the qualities, in words."""
        return [str(error) for asked in self.qualities for error in asked.field.errors]

    def answer(self) -> Answer:
        """What was said. Only for a valid form."""
        said = self.cleaned_data
        qualities = {quality.name: said[f"quality_{quality.name}"] for quality in self.asks.qualities}
        return Answer(
            shown=said["preference"],
            qualities={name: value for name, value in qualities.items() if value is not None},
            flags_left=tuple(said["flags_left"]),
            flags_right=tuple(said["flags_right"]),
            rules=tuple(said["rules"]),
            no_rule=said["no_rule"],
            rationale=said["rationale"],
            seconds=said["seconds"] or 0.0,
        )


MANY = ("rules", "flags_left", "flags_right")


def draft_of(data: QueryDict, *, asks: Asks) -> dict[str, list[str]] | None:
    """What of a half-filled form may be kept, by field; None when it is too long to be one."""
    names = [name for name in JudgmentForm(asks=asks, number=1).fields if name != "key"]
    draft = {name: [text.replace("\x00", "") for text in data.getlist(name)] for name in names if name in data}
    too_long = sum(len(text) for texts in draft.values() for text in texts) > LONGEST_DRAFT
    return None if too_long else draft


def initial_of(draft: dict[str, list[str]]) -> dict[str, Any]:
    """A kept draft as the form's beginning."""
    return {name: texts if name in MANY else texts[-1] for name, texts in draft.items() if texts}


class SkipForm(forms.Form):
    """Why a comparison is handed back unjudged."""

    reason = forms.ChoiceField(
        choices=list(SKIP_REASONS.items()), error_messages={"required": "Say why you cannot judge it."}
    )


class UndoForm(forms.Form):
    """Which answer is taken back: the one sent with this key, or a skip when there is none."""

    key = forms.UUIDField(required=False)

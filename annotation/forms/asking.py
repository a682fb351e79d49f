"""The shape of what a lead chooses to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from annotation.kinds import FLAGS, LONGEST_HINT, LONGEST_LABEL, MOST_QUALITIES, SCALES, SLUG, Asks, BadAsks, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotation.queries import Questions

NEVER, SOME, ALWAYS = "never", "some", "always"
REASONS = {NEVER: "Never", SOME: "On some items", ALWAYS: "On every item"}
USUAL_ONE_IN, RAREST = 4, 1000
SCALE_WORDS = {
    3: "3 steps: A better, about the same, B better",
    5: "5 steps: much and slightly better on each side",
    7: "7 steps: much, clearly and slightly better on each side",
}
SWITCHES = ("qualities_required", "rule_required", "rationale_required", "show_words", "read_to_end")


class Line(forms.CharField):
    """Text on one line."""

    def __init__(self, *, longest: int, hint: str = "") -> None:
        said = {"max_length": f"Use at most {longest} characters."}
        widget = forms.TextInput(attrs={"autocomplete": "off"})
        super().__init__(
            required=False, max_length=longest, strip=True, help_text=hint, error_messages=said, widget=widget
        )


def _switch(label: str, hint: str = "") -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=hint)


class AskingForm(forms.Form):
    """What is asked of raters. A quality whose label is left empty is not asked; a new one is named by its label."""

    use_required_attribute = False
    asks: Asks

    steps = forms.TypedChoiceField(
        label="Scale",
        coerce=int,
        choices=[(str(steps), SCALE_WORDS[steps]) for steps in SCALES],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a scale.", "invalid_choice": "Choose 3, 5 or 7 steps."},
    )
    qualities_required = _switch("All of them must be answered before sending")
    rule_required = _switch(
        "The rule that decided must be named", "Or the rater says that no rule fits. Without this, naming one is free."
    )
    reason = forms.ChoiceField(
        label="A reason in words is asked",
        choices=list(REASONS.items()),
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose how often a reason is asked.",
            "invalid_choice": "Choose never, on some items, or on every item.",
        },
    )
    one_in = forms.IntegerField(
        label="On 1 item in",
        required=False,
        min_value=2,
        max_value=RAREST,
        help_text="Read when it is asked on some items. 4 means on every fourth.",
        error_messages={
            "invalid": f"Use a whole number from 2 to {RAREST}.",
            "min_value": f"Use a whole number from 2 to {RAREST}.",
            "max_value": f"Use a whole number from 2 to {RAREST}.",
        },
    )
    rationale_required = _switch("Where it is asked, it must be given before sending")
    flags = forms.MultipleChoiceField(
        label="Flags for each response",
        required=False,
        choices=list(FLAGS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose among the flags shown.", "invalid_list": "Send a list of flags."},
    )
    show_words = _switch("Show how many words each response has", "Hide it where length bias is studied.")
    read_to_end = _switch("Both responses must be read to the end before sending")
    version = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        for place in range(MOST_QUALITIES):
            number = place + 1
            self.fields[f"name-{place}"] = forms.CharField(required=False, max_length=30, widget=forms.HiddenInput)
            self.fields[f"label-{place}"] = label = Line(longest=LONGEST_LABEL)
            self.fields[f"hint-{place}"] = hint = Line(longest=LONGEST_HINT)
            label.label, hint.label = f"Quality {number}", f"Hint for quality {number}"

    @classmethod
    def of(cls, there: Questions) -> AskingForm:
        """The form, filled in with what is asked now."""
        asks = there.asks
        one_in = asks.rationale_one_in
        said: dict[str, Any] = {name: getattr(asks, name) for name in (*SWITCHES, "steps", "flags")}
        said["reason"] = {0: NEVER, 1: ALWAYS}.get(one_in, SOME)
        said["one_in"] = one_in if one_in > 1 else USUAL_ONE_IN
        said["version"] = there.version
        for place, quality in enumerate(asks.qualities):
            said |= {f"name-{place}": quality.name, f"label-{place}": quality.label, f"hint-{place}": quality.hint}
        return cls(initial=said)

    @property
    def quality_rows(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField]]:
        """Name (hidden), label and hint of each quality, for the page."""
        return [(self[f"name-{n}"], self[f"label-{n}"], self[f"hint-{n}"]) for n in range(MOST_QUALITIES)]

    @property
    def wrong(self) -> list[tuple[str, str, str]]:
        """Everything that is wrong, from top to bottom: the field's id, its label, and what is wrong with it."""
        fields = [field for field in self if field.errors]
        found = [(field.id_for_label or field.auto_id, str(field.label), str(field.errors[0])) for field in fields]
        return found + [("asking-form", "All in all", str(error)) for error in self.non_field_errors()]

    def clean(self) -> dict[str, Any]:
        """Whole only when it can be asked: then `asks` is there."""
        said = self.cleaned_data
        if said.get("reason") == SOME and not said.get("one_in") and "one_in" not in self.errors:
            self.add_error("one_in", f"Say on 1 item in how many, from 2 to {RAREST}.")
        if not self.errors:
            places, qualities = self._qualities()
            try:
                self.asks = Asks.read(
                    {
                        **{name: said[name] for name in (*SWITCHES, "steps")},
                        "qualities": qualities,
                        "flags": [flag for flag in FLAGS if flag in said["flags"]],
                        "rationale_one_in": {NEVER: 0, ALWAYS: 1}.get(said["reason"], said["one_in"]),
                    }
                )
            except BadAsks as refusal:
                self.add_error(_field_of(refusal, places), str(refusal))
        return said

    def _qualities(self) -> tuple[list[int], list[dict[str, str]]]:
        """The qualities with a label, and in which row each stands. New ones are named, old names stay."""
        said = self.cleaned_data
        places = [place for place in range(MOST_QUALITIES) if said[f"label-{place}"]]
        names = {place: said[f"name-{place}"] for place in places if SLUG.fullmatch(said[f"name-{place}"])}
        for place in places:
            names.setdefault(place, name_of(said[f"label-{place}"], taken=names.values()))
        rows = [
            {"name": names[place], "label": said[f"label-{place}"], "hint": said[f"hint-{place}"]} for place in places
        ]
        return places, rows


def _field_of(refusal: BadAsks, places: list[int]) -> str | None:
    """The field that a refusal is about, or None when it is about the whole."""
    match refusal.at:
        case ("qualities", int(number), "hint"):
            return f"hint-{places[number]}"
        case ("qualities", int(number), _):
            return f"label-{places[number]}"
        case ("rationale_required", *_):
            return "rationale_required"
    return None

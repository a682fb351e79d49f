"""The shape of what people type about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from raters import shortcuts
from raters.models import Preferences

if TYPE_CHECKING:
    from collections.abc import Mapping

FEWEST_AHEAD, MOST_AHEAD = 3, 10
PIXELS = {"small": "14", "medium": "15.5", "large": "17.5"}  # as the style sheet has them


class AcceptInvitation(forms.Form):
    """A name and a password, to come in by invitation."""

    name = forms.CharField(max_length=120, strip=True, label="Your name")
    password = forms.CharField(min_length=12, max_length=256, strip=False, widget=forms.PasswordInput, label="Password")


class PreferencesForm(forms.Form):
    """How a person wants their pages. Each action of the bench has a field for its key, `key-undo` and so on."""

    text_size = forms.ChoiceField(
        choices=[(size, f"{label} {PIXELS[size]}") for size, label in Preferences.Size.choices],
        widget=forms.RadioSelect,
    )
    typeface = forms.ChoiceField(choices=Preferences.Face.choices, widget=forms.RadioSelect)
    theme = forms.ChoiceField(choices=Preferences.Theme.choices, widget=forms.RadioSelect)
    single_keys = forms.BooleanField(required=False)
    ahead = forms.IntegerField(
        min_value=FEWEST_AHEAD,
        max_value=MOST_AHEAD,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Use a number from {FEWEST_AHEAD} to {MOST_AHEAD}."
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, now: Preferences) -> None:
        keys = {f"key-{name}": key for name, key in shortcuts.keys_of(now.keys).items()}
        fields = ("text_size", "typeface", "theme", "single_keys", "ahead")
        super().__init__(data, initial={**keys, **{name: getattr(now, name) for name in fields}})
        for shortcut in shortcuts.SHORTCUTS:
            self.fields[f"key-{shortcut.name}"] = forms.CharField(
                label=shortcut.words, required=False, help_text=shortcut.key
            )

    def clean(self) -> dict[str, Any]:
        """Says of each key that cannot be used why, beside its field."""
        said = super().clean() or {}
        try:
            shortcuts.unusual(self.keys())
        except shortcuts.BadKeys as refusal:
            for name, reason in refusal.by_action.items():
                self.add_error(f"key-{name}", reason)
        return said

    def keys(self) -> dict[str, str]:
        """Action to key as typed. An empty field means the usual key."""
        return {shortcut.name: self.cleaned_data.get(f"key-{shortcut.name}", "") for shortcut in shortcuts.SHORTCUTS}

    def key_fields(self) -> list[forms.BoundField]:
        """The fields of the keys, in the order of the table."""
        return [self[f"key-{shortcut.name}"] for shortcut in shortcuts.SHORTCUTS]

    def chosen(self) -> dict[str, Any]:
        """What to keep. Only for a valid form."""
        names = ("text_size", "typeface", "theme", "single_keys", "ahead")
        return {**{name: self.cleaned_data[name] for name in names}, "keys": self.keys()}


class ConsentForm(forms.Form):
    """A word on distressing content: "yes", with the box that says it was understood, or "no"."""

    answer = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")], error_messages={"required": "Say yes or no."})
    understood = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """A yes needs the box; a no needs nothing."""
        said = super().clean() or {}
        said["agree"] = said.get("answer") == "yes"
        if said["agree"] and not said.get("understood"):
            self.add_error("understood", "Tick the box to say that you have read this.")
        return said

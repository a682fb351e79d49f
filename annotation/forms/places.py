"""Where in a list somebody is."""

from __future__ import annotations

from django import forms

MOST_PAGES = 1000


class Place(forms.Form):
    """What follows the ? of a list. An address that was mistyped leads to the beginning, not to an error."""

    before_id = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    page = forms.IntegerField(required=False, min_value=1, max_value=MOST_PAGES)

    def before(self) -> int | None:
        """Only what is older than the row with this id."""
        self.is_valid()
        return self.cleaned_data.get("before_id")

    def number(self) -> int:
        """The page, counted from 1."""
        self.is_valid()
        return self.cleaned_data.get("page") or 1

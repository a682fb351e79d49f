"""The shape of what people send about rounds."""

from __future__ import annotations

from django import forms


class Resolution(forms.Form):
    """What was decided about an alert, and why."""

    resolution = forms.CharField(
        max_length=300,
        label="Decision",
        help_text="What you decided and why.",
        error_messages={"required": "Say in a few words what you decided and why."},
    )

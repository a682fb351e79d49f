"""The shape of what people type about themselves."""

from __future__ import annotations

from django import forms


class AcceptInvitation(forms.Form):
    """A name and a password, to come in by invitation."""

    name = forms.CharField(max_length=120, strip=True, label="Your name")
    password = forms.CharField(min_length=12, max_length=256, strip=False, widget=forms.PasswordInput, label="Password")

"""Texts as safe html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.html import format_html

from annotation.rendering import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.utils.safestring import SafeString


def html_of(texts: Iterable[str]) -> dict[str, SafeString]:
    """Each text as html that is safe to show."""
    return {text: format_html('<div class="text" dir="auto">{}</div>', visible(text)) for text in texts}

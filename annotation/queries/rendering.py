"""How texts look on a page: their stored HTML, or the text as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.safestring import SafeString, mark_safe

from annotation.models import Rendering
from annotation.rendering import RENDERER_VERSION, digest, plain_html
from raters.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

SafeHtml = SafeString
RENDERINGS = Prepared(
    "renderings",
    """
SELECT sha256, html FROM annotation_rendering
WHERE sha256 = ANY (%(digests)s) AND version = %(version)s AND state = 'done'
""",
    digests="varchar[]",
    version="varchar",
)


def html_of(texts: Iterable[str]) -> dict[str, SafeHtml]:
    """Each text as HTML that is safe to put into a page, for all texts in one statement. Renders nothing.

    A text that waits for its rendering, or had none, comes as it is, its hidden characters drawn. What an earlier
    version of the renderer made is not used: it may be the reason why there is a later one.
    """
    digests = {text: digest(text) for text in texts}
    if not digests:
        return {}
    stored = dict(RENDERINGS.rows({"version": RENDERER_VERSION, "digests": list(set(digests.values()))}))
    # the two makers of this HTML escape and sanitise; nothing else may write it
    return {
        text: mark_safe(stored.get(sha256) or plain_html(text))  # noqa: S308
        for text, sha256 in digests.items()
    }


def is_version_known() -> bool:
    """Whether the renderer of today has been given any text yet."""
    return Rendering.objects.filter(version=RENDERER_VERSION).exists()

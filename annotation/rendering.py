"""Untrusted text made safe to look at, in one place for the bench.

Responses are shown as text: the template escapes it, and `visible` makes what hides itself visible. Guideline text
is Markdown and becomes safe HTML. Both are written in guidelines.text, which that room needs too; rooms look back.
"""

from guidelines.text import guideline_html, visible

RENDERER_VERSION = "1"
"""Changes whenever the same text would look different to a rater than before."""

__all__ = ["RENDERER_VERSION", "guideline_html", "visible"]

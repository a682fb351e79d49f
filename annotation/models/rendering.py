"""What texts look like: safe HTML, made once for each different text."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Rendering(models.Model):
    """One text as one version of the renderer draws it. The row is the queue: it holds the text until it is rendered.

    Keyed by content and not by a response, since many responses and turns say the same; it can be made again from them
    at any time.
    """

    class State(models.TextChoices):
        DUE = "due", "Waits for a worker"
        DONE = "done", "Rendered"
        PLAIN = "plain", "Shown as it is"

    sha256 = models.CharField(max_length=64, help_text="Of the text, as annotation.rendering.digest makes it.")
    version = models.CharField(max_length=20, help_text="Of the renderer.")
    state = models.CharField(max_length=10, choices=State, default=State.DUE, db_default=State.DUE)
    text = models.TextField(blank=True, db_default="", help_text="Only while it is due.")
    html = models.TextField(blank=True, db_default="", help_text="Safe for a page.")
    reason = models.CharField(max_length=240, blank=True, db_default="", help_text="Why it is shown as it is.")
    created_at = models.DateTimeField(db_default=Now())
    rendered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "sha256"], name="a_text_is_rendered_once"),
            models.CheckConstraint(
                condition=Q(state="due", rendered_at__isnull=True) | ~Q(state="due") & Q(rendered_at__isnull=False),
                name="a_rendering_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="done") | ~Q(html=""), name="a_rendering_has_its_html"),
            models.CheckConstraint(condition=Q(state="due") | Q(text=""), name="a_rendering_keeps_no_text"),
        ]
        indexes = [models.Index(fields=["-id"], condition=Q(state="due"), name="renderings_due")]

    def __str__(self) -> str:
        return f"rendering of {self.sha256[:12]}, {self.state}"

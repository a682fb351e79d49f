"""Live conversations: a rater writes, the policy answers twice, the better answer goes on."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.comparing import Comparison
from annotation.models.work import Batch, Prompt, Response
from guidelines.models import GuidelineVersion
from raters.models import Project, User


class Conversation(models.Model):
    """One conversation of one rater with the policy of the day."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="conversations")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="conversations")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="conversations")
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="+")
    is_red_team = models.BooleanField(default=False)
    consented_at = models.DateTimeField(null=True, blank=True, help_text="When the rater agreed to red teaming.")
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_red_team=False) | Q(consented_at__isnull=False), name="nobody_red_teams_unasked"
            ),
            models.UniqueConstraint(
                fields=["batch", "rater"], condition=Q(ended_at__isnull=True), name="one_open_conversation"
            ),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Exchange(models.Model):
    """One turn of a conversation: what the rater wrote, two candidates, and which went on.

    The row is the queue for the candidates: claimed under a lease, answered with a fencing token.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for candidates"
        OFFERED = "offered", "Candidates are there"
        JUDGED = "judged", "Judged"
        FAILED = "failed", "No candidates could be made"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="exchanges")
    number = models.PositiveSmallIntegerField()
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+", help_text="All turns up to here.")
    comparison = models.ForeignKey(
        Comparison,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="exchanges",
        help_text="Two raters who begin alike may be offered the same pair.",
    )
    went_on = models.ForeignKey(
        Response,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The better candidate, or the one that chance took of two alike.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=240, blank=True)
    key = models.UUIDField(help_text="Made by the client: the same turn is taken once.")
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveIntegerField(default=0, help_text="Grows with each claim.")
    lease_until = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    offered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="exchanges_are_numbered"),
            models.UniqueConstraint(fields=["conversation", "key"], name="a_turn_is_taken_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "failed"]) | Q(comparison__isnull=False),
                name="an_offered_exchange_has_a_comparison",
            ),
            models.CheckConstraint(
                condition=~Q(state="judged") | Q(went_on__isnull=False), name="a_judged_exchange_goes_on"
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="waiting"), name="exchanges_that_wait")]

    def __str__(self) -> str:
        return f"exchange {self.number} of {self.conversation_id}"

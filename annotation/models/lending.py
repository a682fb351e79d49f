"""How far each rater has come in a batch, and how often they are shown what is known already."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from annotation.models.comparing import Seat
from annotation.models.work import Batch
from raters.models import Project

START = -32768  # before the lowest priority


class Bookmark(models.Model):
    """A rater's place in the queue of one batch. Everything before it was theirs, or was not free when they passed.

    The queue is ordered by (priority, id of the comparison). A place that becomes free behind the bookmark is found
    in the batch's freed places instead, which are ordered by (since when, id of the slot).
    """

    seat = models.ForeignKey(Seat, on_delete=models.CASCADE, related_name="bookmarks", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+")
    priority = models.SmallIntegerField(default=START)
    after = models.BigIntegerField(default=0, help_text="The comparison passed last.")
    freed_at = models.DateTimeField(null=True, blank=True, help_text="The freed place passed last, since when free.")
    freed_slot = models.BigIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0, help_text="The batch's, when this was begun; older begins again.")
    exhausted_at = models.DateTimeField(null=True, blank=True, help_text="Came to the end of the queue then.")
    lent = models.PositiveIntegerField(default=0, help_text="Comparisons lent here and not skipped, without checks.")
    checks = models.PositiveIntegerField(default=0)
    prompt_id = models.BigIntegerField(default=0, help_text="Of the comparison lent last: another one comes next.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seat", "batch"], name="one_bookmark_per_batch")]

    def __str__(self) -> str:
        return f"bookmark of {self.seat_id} in {self.batch_id}"


class RoutingRules(models.Model):
    """How often raters of a project are shown what is known already. A project without a row has these defaults.

    Rates are chances for each item that is lent. Gold and silver items are of the batch that is being worked on,
    because a card names its batch.
    """

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="routing_rules")
    gold_rate = models.FloatField(default=0.05, help_text="Of gold that is kept out of the queue.")
    silver_rate = models.FloatField(default=0.0, help_text="Of items whose label is certain.")
    repeat_rate = models.FloatField(default=0.0, help_text="Of the rater's own earlier items, sides swapped.")
    most_per_item = models.PositiveIntegerField(default=500, help_text="Times that one item is shown as a check.")
    most_per_rater = models.PositiveIntegerField(default=200, help_text="Checks that one rater is shown in a batch.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(gold_rate__gte=0, silver_rate__gte=0, repeat_rate__gte=0), name="rates_are_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(gold_rate__lte=0.5 - F("silver_rate") - F("repeat_rate")), name="half_are_no_checks"
            ),
        ]

    def __str__(self) -> str:
        return f"routing rules of {self.project}"

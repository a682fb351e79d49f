"""What judgments add up to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.comparing import Comparison
from guidelines.models import Rule
from raters.models import User


class Adjudication(models.Model):
    """A reviewer's decision on a contested comparison; it outweighs the judgments."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="adjudications")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="adjudications")
    preference = models.SmallIntegerField()
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(preference__gte=-3, preference__lte=3), name="verdict_is_on_the_scale"),
            models.UniqueConstraint(fields=["comparison", "reviewer"], name="one_verdict_per_reviewer"),
        ]
        indexes = [models.Index(fields=["-created_at"], name="verdicts_by_time")]

    def __str__(self) -> str:
        return f"verdict {self.preference:+d} on {self.comparison_id}"


class Label(models.Model):
    """The aggregate of a comparison's judgments. Derived: it can be made again from them at any time."""

    comparison = models.OneToOneField(Comparison, on_delete=models.CASCADE, related_name="label")
    soft = models.FloatField(help_text="Probability that B is preferred; ties count half.")
    tie = models.FloatField(help_text="Share of ties.")
    score = models.FloatField(help_text="Mean preference, -3 to 3.")
    certainty = models.FloatField()
    judgments = models.PositiveSmallIntegerField()
    method = models.CharField(max_length=40)
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(soft__gte=0, soft__lte=1), name="soft_label_is_a_probability"),
            models.CheckConstraint(condition=Q(tie__gte=0, tie__lte=1), name="tie_is_a_share"),
            models.CheckConstraint(condition=Q(certainty__gte=0, certainty__lte=1), name="certainty_is_a_probability"),
        ]

    def __str__(self) -> str:
        return f"label {self.soft:.2f} of {self.comparison_id}"

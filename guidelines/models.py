"""By which rules: guideline texts, their immutable versions, and who has read them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from raters.models import Project, User


class Guideline(models.Model):
    """A line of guideline versions, such as "Helpfulness"."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guidelines")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="guideline_names_are_unique")]

    def __str__(self) -> str:
        return self.name


class GuidelineVersion(models.Model):
    """One text of a guideline. Once published, the database refuses to change it."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

    guideline = models.ForeignKey(Guideline, on_delete=models.CASCADE, related_name="versions")
    major = models.PositiveIntegerField()
    minor = models.PositiveIntegerField()
    text = models.TextField()
    html = models.TextField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-major", "-minor"]
        constraints = [
            models.UniqueConstraint(fields=["guideline", "major", "minor"], name="version_numbers_are_unique"),
            models.UniqueConstraint(
                fields=["guideline"], condition=Q(state="published"), name="one_published_version_per_guideline"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(published_at__isnull=False), name="published_versions_have_a_date"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guideline} {self.label}"

    @property
    def label(self) -> str:
        """The number as people say it, such as "3.4"."""
        return f"{self.major}.{self.minor}"


class Rule(models.Model):
    """One numbered rule of a version. Its identity survives renumbering in later versions."""

    version = models.ForeignKey(GuidelineVersion, on_delete=models.CASCADE, related_name="rules")
    identity = models.UUIDField(default=uuid.uuid4)
    number = models.CharField(max_length=12)
    title = models.CharField(max_length=160)
    text = models.TextField(blank=True)
    position = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="rule_numbers_are_unique"),
            models.UniqueConstraint(fields=["version", "identity"], name="rule_identities_are_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class QuizQuestion(models.Model):
    """An open-book question on a version; all must be right before the version counts as acknowledged."""

    version = models.ForeignKey(GuidelineVersion, on_delete=models.CASCADE, related_name="questions")
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.CASCADE, related_name="questions")
    question = models.CharField(max_length=500)
    choices = ArrayField(models.CharField(max_length=240))
    answer = models.PositiveSmallIntegerField()
    explanation = models.CharField(max_length=500, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]

    def __str__(self) -> str:
        return self.question


class Acknowledgement(models.Model):
    """A rater said they have read a version."""

    version = models.ForeignKey(GuidelineVersion, on_delete=models.CASCADE, related_name="acknowledgements")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="acknowledgements")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "user"], name="acknowledged_once")]

    def __str__(self) -> str:
        return f"{self.user} read {self.version}"


class RuleReport(models.Model):
    """A rater said that a rule is unclear, in their words."""

    version = models.ForeignKey(GuidelineVersion, on_delete=models.CASCADE, related_name="reports")
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.CASCADE, related_name="reports")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=1000)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"report on {self.rule or self.version}"

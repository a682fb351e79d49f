"""What was frozen: immutable, hashed cuts of the judgments, and the files made of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from raters.models import Project, User

if TYPE_CHECKING:
    from datetime import datetime

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Snapshot(models.Model):
    """An immutable dataset cut. The row is also the job that makes it: queued, building, then ready or failed."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="snapshots")
    name = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    filters = models.JSONField(default=dict, blank=True, help_text="What was asked for; empty means everything.")
    manifest = models.JSONField(default=dict, blank=True, help_text="Counts, files, hashes, what was left out and why.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the manifest's data: same judgments, same hash.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it failed.")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    ready_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveBigIntegerField(default=0, help_text="Grows with each claim: an old worker cannot file.")
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="snapshot_names_are_unique"),
            models.CheckConstraint(condition=~Q(state="ready") | ~Q(sha256=""), name="a_ready_snapshot_has_a_hash"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["queued", "building"]), name="snapshots_to_build"),
        ]

    def __str__(self) -> str:
        return self.name

    def may_be_claimed(self, now: datetime) -> bool:
        """Whether a worker may take it: new, or left behind by a worker that died."""
        if self.state == self.State.QUEUED:
            return True
        return self.state == self.State.BUILDING and self.lease_until is not None and self.lease_until < now


class Export(models.Model):
    """One file of a snapshot: its kind of record, split and format."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="exports")
    name = models.CharField(max_length=80, help_text="File name, such as pairs-train.parquet.")
    config = models.CharField(max_length=20, help_text="pairs, ties or judgments.")
    split = models.CharField(max_length=10)
    format = models.CharField(max_length=10)
    rows = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints = [models.UniqueConstraint(fields=["snapshot", "name"], name="export_names_are_unique")]

    def __str__(self) -> str:
        return f"{self.snapshot}/{self.name}"

"""What was learnt: runs, the models they made, what they generated, and how they went."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models import Prompt
from raters.models import Project, User
from snapshots.models import Snapshot


class ModelVersion(models.Model):
    """Weights with their lineage: the run that made them, the model they started from, the data."""

    class Kind(models.TextChoices):
        BASE = "base", "Base model"
        POLICY = "policy", "Policy"
        REWARD = "reward", "Reward model"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64, help_text="Of the weights' files.")
    path = models.CharField(max_length=500, help_text="Folder in Hugging Face format, on the worker's disk.")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    run = models.OneToOneField("Run", null=True, blank=True, on_delete=models.PROTECT, related_name="model")
    results = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="model_names_are_unique")]
        indexes = [models.Index(fields=["project", "digest"], name="models_by_digest")]

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One job for a learner. The row is the queue: claimed under a lease, filed with a fencing token."""

    class Kind(models.TextChoices):
        BASE = "base", "Base model"
        SFT = "sft", "SFT"
        REWARD = "reward", "Reward model"
        DPO = "dpo", "DPO"
        PPO = "ppo", "PPO"
        GENERATE = "generate", "Generation"
        SCORE = "score", "Scoring"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    recipe = models.JSONField(default=dict, help_text="As training.records reads it, without paths.")
    inputs = models.JSONField(default=dict, blank=True, help_text="Further inputs: model ids by role, panel.")
    snapshot = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    start_from = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="runs_from"
    )
    results = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed or was cancelled, in words.")
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    time_limit = models.PositiveIntegerField(default=3600, help_text="Seconds.")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveBigIntegerField(default=0, help_text="Grows with each claim: an old worker cannot file.")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="run_names_are_unique"),
            models.CheckConstraint(
                condition=~Q(state__in=["done", "failed", "cancelled"]) | Q(finished_at__isnull=False),
                name="an_ended_run_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(reason=""), name="a_failed_run_says_why"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["queued", "running"]), name="runs_to_work_on"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)


class GenerationRequest(models.Model):
    """What a generating run is asked for: which prompts, by which model, how."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="generation")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="generations")
    prompts = models.ManyToManyField(Prompt, related_name="generations")
    purpose = models.CharField(max_length=20, help_text="candidates, evaluation or probes.")
    samples = models.PositiveSmallIntegerField()
    temperature = models.FloatField(default=1.0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(samples__gte=1, samples__lte=512), name="samples_are_sane"),
            models.CheckConstraint(condition=Q(temperature__gte=0, temperature__lte=5), name="temperature_is_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.samples} x {self.model} for {self.purpose}"


class Metric(models.Model):
    """What a run reported at one step."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="metrics")
    step = models.PositiveIntegerField()
    values = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar[list[str]] = ["step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="one_report_per_step")]

    def __str__(self) -> str:
        return f"step {self.step} of {self.run_id}"

"""Did it help, and what to ask next: rounds of the loop, probes, findings, alerts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models import Batch, Prompt
from raters.models import Project, User
from snapshots.models import Snapshot
from training.models import ModelVersion, Run


class Round(models.Model):
    """One turn of the loop: from the policy it started with to the policy it made."""

    class State(models.TextChoices):
        CANDIDATES = "candidates", "Generating candidates"
        COLLECTING = "collecting", "Collecting judgments"
        SNAPSHOT = "snapshot", "Freezing the snapshot"
        REWARD = "reward", "Training reward models"
        POLICY = "policy", "Training the policy"
        EVALUATION = "evaluation", "Evaluating"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.CANDIDATES)
    config = models.JSONField(default=dict, help_text="See evaluation.actions.RoundConfig.")
    reference = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+", help_text="The SFT model.")
    start = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rounds_started")
    batch = models.OneToOneField(Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="round")
    snapshot = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="rounds")
    policy = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="rounds_made"
    )
    results = models.JSONField(default=dict, blank=True)
    stage_seconds = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(db_default=Now())
    state_since = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_numbers_are_unique"),
            models.UniqueConstraint(
                fields=["project"], condition=~Q(state__in=["done", "failed"]), name="one_round_at_a_time"
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(reason=""), name="a_failed_round_says_why"),
        ]

    def __str__(self) -> str:
        return f"round {self.number}"


class RoundRun(models.Model):
    """A run that a round asked for, by the part it plays. Unique, so a step taken twice asks once."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="runs")
    part = models.CharField(max_length=24)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="part_of")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "part"], name="one_run_per_part")]

    def __str__(self) -> str:
        return f"{self.part} of {self.round}"


class Gate(models.Model):
    """A declared limit and what a round measured against it."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="gates")
    name = models.CharField(max_length=60)
    limit = models.FloatField()
    value = models.FloatField(null=True, blank=True)
    passed = models.BooleanField()
    finding = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "name"], name="one_gate_per_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.round}"


class ProbeSuite(models.Model):
    """A versioned set of probes. The same name and version is always the same content."""

    name = models.CharField(max_length=60)
    version = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="suite_versions_are_unique")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Probe(models.Model):
    """One red-team test case: a conversation and how its response is graded."""

    suite = models.ForeignKey(ProbeSuite, on_delete=models.CASCADE, related_name="probes")
    key = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)
    messages = models.JSONField()
    grader = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["suite", "key"], name="probe_keys_are_unique")]

    def __str__(self) -> str:
        return self.key


class Finding(models.Model):
    """A probe that failed on a model, with the response that failed it."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="findings")
    probe = models.ForeignKey(Probe, on_delete=models.PROTECT, related_name="findings")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="findings")
    response = models.TextField()
    reason = models.CharField(max_length=300)
    prompt = models.ForeignKey(
        Prompt,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="findings",
        help_text="The prompt it became for the next round.",
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "probe"], name="one_finding_per_probe")]

    def __str__(self) -> str:
        return f"{self.probe} failed by {self.model}"


class Alert(models.Model):
    """What the monitor raised, with evidence, until someone resolves it."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="alerts")
    signal = models.CharField(max_length=40)
    title = models.CharField(max_length=120)
    finding = models.CharField(max_length=400)
    value = models.FloatField()
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    limit = models.FloatField()
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "signal"], name="one_alert_per_signal")]

    def __str__(self) -> str:
        return self.title


class ModelComparison(models.Model):
    """Two models on the same held-out prompts, and how often the judge preferred the first."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="model_comparisons")
    name = models.CharField(max_length=40)
    judge = models.CharField(max_length=30, help_text="proxy, audit, human or gold.")
    first = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    win_rate = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    prompts = models.PositiveIntegerField()
    samples = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "name", "judge"], name="one_verdict_per_judge"),
            models.CheckConstraint(condition=Q(win_rate__gte=0, win_rate__lte=1), name="win_rate_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.first} against {self.second}: {self.win_rate:.3f}"


class BehaviourReport(models.Model):
    """How a model answers: length, refusals, flattery, hedging, on held-out prompts."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="behaviour")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="behaviour")
    name = models.CharField(max_length=40, help_text="sft, policy, or sft at another temperature.")
    values = models.JSONField()
    samples = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "name"], name="one_report_per_name")]

    def __str__(self) -> str:
        return f"{self.name} in {self.round}"

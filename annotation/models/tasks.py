"""Work that is not a comparison of two: responses to rank, a response to write, a response to improve."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.work import Batch, Prompt, Response
from guidelines.models import GuidelineVersion
from raters.models import Project, User


class Task(models.Model):
    """One prompt to work on, `overlap` times. Its batch says of which kind."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="tasks")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="tasks")
    overlap = models.PositiveSmallIntegerField(default=1)
    filled = models.PositiveSmallIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(overlap__gte=1, overlap__lte=9), name="task_overlap_is_sane"),
            models.CheckConstraint(condition=Q(filled__lte=F("overlap")), name="a_task_is_never_over_filled"),
        ]
        indexes = [models.Index(fields=["batch", "id"], condition=Q(is_open=True), name="open_tasks")]

    def __str__(self) -> str:
        return f"task {self.pk}"


class TaskResponse(models.Model):
    """A response that a task is about: three to nine to rank, one to improve, none to write from nothing."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="responses")
    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "response"], name="a_response_is_in_a_task_once")]

    def __str__(self) -> str:
        return f"response {self.response_id} in task {self.task_id}"


class TaskAssignment(models.Model):
    """One rater's lease on one task. It expires by itself; nothing has to sweep it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ANSWERED = "answered", "Answered"
        SKIPPED = "skipped", "Skipped"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="assignments")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="task_assignments")
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    shuffle = models.PositiveIntegerField(help_text="Seed of the order in which responses are shown to this rater.")
    skip_reason = models.CharField(max_length=240, blank=True)
    draft = models.JSONField(null=True, blank=True, help_text="What is on the rater's screen.")
    leased_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "rater"], name="one_task_assignment_per_rater"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | ~Q(state="open") & Q(ended_at__isnull=False),
                name="an_ended_task_assignment_says_when",
            ),
        ]
        indexes = [models.Index(fields=["rater"], condition=Q(state="open"), name="open_task_assignments")]

    def __str__(self) -> str:
        return f"task assignment {self.pk}"


class TaskAnswer(models.Model):
    """What a rater answered to a task. Appended only: a better answer is the next `revision`.

    `content` is as annotation.kinds reads it: ranks by response id, or the text that was written.
    """

    assignment = models.ForeignKey(TaskAssignment, on_delete=models.PROTECT, related_name="answers")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="task_answers")
    revision = models.PositiveSmallIntegerField(default=0)
    content = models.JSONField()
    rationale = models.TextField(blank=True)
    seconds = models.FloatField(help_text="Active time, as the page counted it.")
    surplus = models.BooleanField(default=False, help_text="Came after the task had all its answers.")
    key = models.UUIDField(help_text="Made by the client: the same key counts once.")
    fingerprint = models.CharField(max_length=64, help_text="Of the answer that came with the key.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rater", "key"], name="a_task_key_counts_once"),
            models.UniqueConstraint(fields=["assignment", "revision"], name="task_revisions_are_in_order"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="task_time_is_not_negative"),
        ]
        indexes = [models.Index(fields=["rater", "-id"], name="task_answers_by_rater")]

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.assignment_id}"


class TaskWithdrawal(models.Model):
    """An answer that no longer counts: taken back, or replaced by its next revision. The answer itself stays."""

    answer = models.OneToOneField(TaskAnswer, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=240)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"withdrawal of answer {self.answer_id}"

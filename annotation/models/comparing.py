"""Comparisons, who was lent them, and what raters said of them.

Facts are written once. A judgment is never changed: undoing it is a `Withdrawal`, and a better answer is a
judgment with the next `revision`.

A foreign key has no index of its own where a constraint's index begins with it: each costs a write per judgment.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.work import Batch, Prompt, Response
from guidelines.models import GuidelineVersion, Rule
from raters.models import Project, User


class Purpose(models.TextChoices):
    """Why a rater was shown a comparison. Never sent to a rater."""

    LABEL = "label", "For its label"
    GOLD = "gold", "The answer is known"
    SILVER = "silver", "The label is certain already"
    REPEAT = "repeat", "The rater's own earlier item, sides swapped"


# What may be said of a comparison: repeats and silver items tell about the rater, not about the responses.
COUNTED = (Purpose.LABEL, Purpose.GOLD)


class Comparison(models.Model):
    """Two responses of one prompt, to be judged `overlap` times. A is the response with the smaller id."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="comparisons")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="comparisons", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="comparisons")
    response_a = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    response_b = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    overlap = models.PositiveSmallIntegerField(default=1)
    filled = models.PositiveSmallIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    priority = models.SmallIntegerField(
        default=0, db_default=0, help_text="The lower, the sooner; those alike come in the order they were made."
    )
    label_due = models.BooleanField(default=False, help_text="A judgment came or went since the label was made.")
    gold_preference = models.SmallIntegerField(null=True, blank=True)
    gold_reason = models.CharField(max_length=500, blank=True)
    check_as = models.CharField(
        max_length=10,
        choices=[(Purpose.GOLD.value, Purpose.GOLD.label), (Purpose.SILVER.value, Purpose.SILVER.label)],
        blank=True,
        default="",
        db_default="",
        help_text="Shown at random moments, besides the queue of its batch, as this.",
    )
    check_key = models.FloatField(default=0.0, db_default=0.0, help_text="Its random place among those checks.")
    shown_as_check = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(response_a__lt=F("response_b")), name="a_before_b"),
            models.UniqueConstraint(fields=["batch", "response_a", "response_b"], name="pairs_are_unique_in_a_batch"),
            models.CheckConstraint(condition=Q(overlap__gte=1, overlap__lte=9), name="overlap_is_sane"),
            models.CheckConstraint(condition=Q(filled__lte=F("overlap")), name="never_over_filled"),
            models.CheckConstraint(
                condition=Q(gold_preference__isnull=True) | Q(gold_preference__gte=-3, gold_preference__lte=3),
                name="gold_is_on_the_scale",
            ),
            models.CheckConstraint(condition=Q(check_as__in=["", "gold", "silver"]), name="check_is_known"),
            models.CheckConstraint(
                condition=~Q(check_as="gold") | Q(gold_preference__isnull=False), name="reserved_gold_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(is_open=True), name="open_comparisons"),
            # what lending walks along: is_open flips once, so that a lease never touches it
            models.Index(fields=["batch", "priority", "id"], condition=Q(is_open=True), name="queue_of_batch"),
            models.Index(fields=["batch", "check_as", "check_key"], condition=~Q(check_as=""), name="checks_of_batch"),
            models.Index(fields=["id"], condition=Q(label_due=True), name="labels_due"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"

    @property
    def is_gold(self) -> bool:
        """Whether the answer is known. Never sent to a rater."""
        return self.gold_preference is not None


class Slot(models.Model):
    """One of a comparison's places for a judgment, with the side on which each response is shown.

    `leased_until` is empty until it is first lent. In the past it says since when the place is free again: those come
    before anything new, in that order.
    """

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="slots", db_index=False)
    batch = models.ForeignKey(
        Batch,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        editable=False,
        help_text="The comparison's; the database fills it in.",
    )
    number = models.PositiveSmallIntegerField()
    swapped = models.BooleanField(help_text="Response B is shown on the left.")
    panel = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Only for raters of this half.")
    rater = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    leased_until = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "number"], name="slot_numbers_are_unique"),
            models.CheckConstraint(
                condition=Q(filled_at__isnull=True) | Q(rater__isnull=False), name="a_filled_slot_has_a_rater"
            ),
        ]
        indexes = [
            models.Index(
                fields=["batch", "leased_until", "id"],
                condition=Q(filled_at__isnull=True, leased_until__isnull=False),
                name="lent_and_freed_slots",
            ),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of {self.comparison_id}"


class Assignment(models.Model):
    """One rater's lease on one comparison. It expires by itself; nothing has to sweep it.

    What is shown to learn about the rater takes no slot: it counts for no label, and nobody else waits for it.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        JUDGED = "judged", "Judged"
        SKIPPED = "skipped", "Skipped"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="assignments", db_index=False)
    slot = models.ForeignKey(Slot, null=True, blank=True, on_delete=models.CASCADE, related_name="assignments")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="+")
    swapped = models.BooleanField(help_text="As shown to this rater: response B on the left.")
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.LABEL, db_default=Purpose.LABEL.value)
    occasion = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="0 the first time, 1 when it is repeated for the same rater."
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    skip_reason = models.CharField(max_length=240, blank=True)
    draft = models.JSONField(null=True, blank=True, help_text="What is on the rater's screen, as displayed.")
    leased_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "rater", "occasion"], name="one_assignment_per_occasion"),
            models.CheckConstraint(
                condition=Q(purpose="label", slot__isnull=False)
                | Q(purpose__in=["gold", "silver", "repeat"], slot__isnull=True),
                name="only_labels_take_a_slot",
            ),
            models.CheckConstraint(
                condition=Q(purpose="repeat", occasion=1) | ~Q(purpose="repeat") & Q(occasion=0),
                name="only_repeats_come_again",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | ~Q(state="open") & Q(ended_at__isnull=False),
                name="an_ended_assignment_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["rater", "-ended_at"], name="assignments_by_rater"),
            models.Index(fields=["rater"], condition=Q(state="open"), name="open_assignments"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class Judgment(models.Model):
    """What a rater decided. Appended only: the database refuses to change or remove a row.

    `preference` is in canonical order whatever side the responses were shown on: -3 is A much better, 0 about
    the same, +3 B much better.
    """

    assignment = models.ForeignKey(
        Assignment, null=True, blank=True, on_delete=models.PROTECT, related_name="judgments", db_index=False
    )
    answer = models.ForeignKey(
        "annotation.TaskAnswer",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="judgments",
        db_index=False,
        help_text="What implies it: a ranking or an edit. Nobody was shown the two side by side.",
    )
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="judgments", db_index=False)
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="judgments", db_index=False)
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="judgments")
    revision = models.PositiveSmallIntegerField(default=0)
    preference = models.SmallIntegerField()
    swapped = models.BooleanField()
    qualities = models.JSONField(
        default=dict, blank=True, help_text="Quality to -1 (A better), 0 (same), 1 (B better)."
    )
    flags_a = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    flags_b = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    no_rule = models.BooleanField(default=False, help_text="The rater said that no rule of the guideline fits.")
    rules = models.ManyToManyField(Rule, related_name="judgments", blank=True)
    rationale = models.TextField(blank=True)
    seconds = models.FloatField(help_text="Active time, as the page counted it.")
    purpose = models.CharField(
        max_length=10,
        choices=Purpose,
        default=Purpose.LABEL,
        db_default=Purpose.LABEL.value,
        help_text="Why it was asked for. Silver and repeats count for no label.",
    )
    surplus = models.BooleanField(default=False, help_text="Came after its slot was filled by someone else.")
    key = models.UUIDField(help_text="Made by the client: the same key counts once.")
    fingerprint = models.CharField(max_length=64, help_text="Of the answer that came with the key.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(preference__gte=-3, preference__lte=3), name="preference_is_on_the_scale"
            ),
            models.UniqueConstraint(fields=["rater", "key"], name="a_key_counts_once"),
            models.UniqueConstraint(fields=["assignment", "revision"], name="revisions_are_in_order"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="time_is_not_negative"),
            models.CheckConstraint(
                condition=Q(assignment__isnull=False, answer__isnull=True)
                | Q(assignment__isnull=True, answer__isnull=False),
                name="a_judgment_is_given_or_implied",
            ),
            models.UniqueConstraint(
                fields=["answer", "comparison"], condition=Q(answer__isnull=False), name="implied_once"
            ),
        ]
        indexes = [
            models.Index(fields=["comparison"], name="judgments_by_comparison"),
            models.Index(fields=["rater", "-id"], name="judgments_by_rater"),
        ]

    def __str__(self) -> str:
        return f"{self.preference:+d} on {self.comparison_id}"

    @property
    def is_implied(self) -> bool:
        """Whether it follows from a ranking or an edit instead of being given."""
        return self.answer_id is not None


class Withdrawal(models.Model):
    """A judgment that no longer counts. The judgment itself stays as it was given."""

    judgment = models.OneToOneField(Judgment, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=240)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"withdrawal of {self.judgment_id}"


class Seat(models.Model):
    """One rater's place in a project: the lock that makes two tabs take the same item, and their counters."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="seats", db_index=False)
    rater = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats")
    judged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0, help_text="Active time on answers that count.")
    earned_minor = models.BigIntegerField(default=0, help_text="For answers that count, in cents and the like.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "rater"], name="one_seat_per_rater")]

    def __str__(self) -> str:
        return f"seat of {self.rater_id}"

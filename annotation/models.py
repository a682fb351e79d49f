"""What was judged: prompts, responses, comparisons, and what raters said of them.

Facts are written once. A judgment is never changed: undoing it is a `Withdrawal`, and a better answer is a
judgment with the next `revision`.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from guidelines.models import Guideline, GuidelineVersion, Rule
from raters.models import Project, User


class Prompt(models.Model):
    """A conversation that ends with a user turn, waiting for a response."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prompts")
    messages = models.JSONField(help_text='List of {"role", "content"}; the last role is "user".')
    sha256 = models.CharField(max_length=64, help_text="Of the messages as canonical JSON.")
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=20, blank=True, default="en")
    held_out = models.BooleanField(default=False, help_text="Never trained on: the test split, for ever.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="prompts_are_unique")]
        indexes = [GinIndex(fields=["tags"], name="prompt_tags")]

    def __str__(self) -> str:
        return self.question[:80]

    @property
    def question(self) -> str:
        """The turn to answer."""
        return str(self.messages[-1]["content"])


class Response(models.Model):
    """One completion of a prompt, by a model or a person. Hostile text: never rendered unsanitised."""

    class Source(models.TextChoices):
        MODEL = "model", "Model"
        HUMAN = "human", "Person"
        IMPORT = "import", "Import"

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="responses")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    source = models.CharField(max_length=10, choices=Source, default=Source.MODEL)
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    model_digest = models.CharField(max_length=64, blank=True, help_text="Of the weights that wrote it.")
    sampling = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "model_digest", "sha256"], name="responses_are_unique"),
            models.CheckConstraint(
                condition=~Q(source="model") | ~Q(model_digest=""), name="a_models_response_names_its_weights"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Batch(models.Model):
    """Comparisons that are worked on together, under one guideline."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    guideline = models.ForeignKey(Guideline, on_delete=models.PROTECT, related_name="batches")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, default="pairwise")
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="batch_names_are_unique")]

    def __str__(self) -> str:
        return self.name


class Comparison(models.Model):
    """Two responses of one prompt, to be judged `overlap` times. A is the response with the smaller id."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="comparisons")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="comparisons")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="comparisons")
    response_a = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    response_b = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    overlap = models.PositiveSmallIntegerField(default=1)
    filled = models.PositiveSmallIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    label_due = models.BooleanField(default=False, help_text="A judgment came or went since the label was made.")
    gold_preference = models.SmallIntegerField(null=True, blank=True)
    gold_reason = models.CharField(max_length=500, blank=True)
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
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(is_open=True), name="open_comparisons"),
            models.Index(fields=["id"], condition=Q(label_due=True), name="labels_due"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"

    @property
    def is_gold(self) -> bool:
        """Whether the answer is known. Never sent to a rater."""
        return self.gold_preference is not None


class Slot(models.Model):
    """One of a comparison's places for a judgment, with the side on which each response is shown."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="slots")
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
        indexes = [models.Index(fields=["comparison"], condition=Q(filled_at__isnull=True), name="free_slots")]

    def __str__(self) -> str:
        return f"slot {self.number} of {self.comparison_id}"


class Assignment(models.Model):
    """One rater's lease on one comparison. It expires by itself; nothing has to sweep it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        JUDGED = "judged", "Judged"
        SKIPPED = "skipped", "Skipped"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="assignments")
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="assignments")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments")
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="+")
    swapped = models.BooleanField(help_text="As shown to this rater: response B on the left.")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    skip_reason = models.CharField(max_length=240, blank=True)
    leased_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "rater"], name="one_assignment_per_rater"),
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

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="judgments")
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="judgments")
    rater = models.ForeignKey(User, on_delete=models.PROTECT, related_name="judgments")
    guideline_version = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, related_name="judgments")
    revision = models.PositiveSmallIntegerField(default=0)
    preference = models.SmallIntegerField()
    swapped = models.BooleanField()
    rules = models.ManyToManyField(Rule, related_name="judgments", blank=True)
    rationale = models.TextField(blank=True)
    seconds = models.FloatField(help_text="Active time, as the page counted it.")
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
        ]
        indexes = [
            models.Index(fields=["comparison"], name="judgments_by_comparison"),
            models.Index(fields=["rater", "-id"], name="judgments_by_rater"),
        ]

    def __str__(self) -> str:
        return f"{self.preference:+d} on {self.comparison_id}"


class Withdrawal(models.Model):
    """A judgment that no longer counts. The judgment itself stays as it was given."""

    judgment = models.OneToOneField(Judgment, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=240)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"withdrawal of {self.judgment_id}"


class Demonstration(models.Model):
    """A response written by a person, the data of SFT."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="demonstrations")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="demonstrations")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="demonstrations")
    source = models.CharField(max_length=120, blank=True)
    guideline_version = models.ForeignKey(
        GuidelineVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "sha256"], name="demonstrations_are_unique")]

    def __str__(self) -> str:
        return self.text[:80]


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


class Seat(models.Model):
    """One rater's place in a project: the lock that makes two tabs take the same item, and their counters."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="seats")
    rater = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats")
    judged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "rater"], name="one_seat_per_rater")]

    def __str__(self) -> str:
        return f"seat of {self.rater_id}"

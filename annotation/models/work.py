"""What there is to judge: prompts, responses, and the batches of work they are in."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from guidelines.models import Guideline, GuidelineVersion
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


class Asking(models.Model):
    """What a project asks of its raters from now on; each batch keeps what was asked when it was opened."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="asking")
    asks = models.JSONField(default=dict, help_text="As annotation.kinds.Asks reads it.")
    changed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"questions of {self.project}"


class Batch(models.Model):
    """Work of one kind that is done together, under one guideline and one set of questions."""

    class Kind(models.TextChoices):
        PAIRWISE = "pairwise", "Comparing two responses"
        RANKING = "ranking", "Ranking several responses"
        DEMONSTRATION = "demonstration", "Writing the ideal response"
        EDIT = "edit", "Improving a response"
        LIVE = "live", "Live conversation"
        RED_TEAM = "red_team", "Live red teaming"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    guideline = models.ForeignKey(Guideline, on_delete=models.PROTECT, related_name="batches")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.PAIRWISE)
    asks = models.JSONField(default=dict, blank=True, help_text="What is asked, as annotation.kinds.Asks reads it.")
    instructions = models.TextField(blank=True, help_text="Shown before the work starts, on top of the guideline.")
    is_sensitive = models.BooleanField(default=False, help_text="Only for raters who opted in; blurred until shown.")
    pay_minor = models.PositiveIntegerField(null=True, blank=True, help_text="For each answer, in cents and the like.")
    overlap_least = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Adaptive overlap: judgments of a comparison before it may end. Null: fixed."
    )
    overlap_most = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Adaptive overlap: no comparison is judged more often."
    )
    overlap_certain = models.FloatField(
        null=True, blank=True, help_text="Adaptive overlap: the chance of lead at which a comparison ends."
    )
    weight = models.FloatField(
        null=True,
        blank=True,
        help_text="Share of the work against the oldest batch without a weight, which has 1. Empty: in turn.",
    )
    rater_share = models.FloatField(
        default=1.0, db_default=1.0, help_text="Of the batch's places, the most that one rater is lent."
    )
    most_per_prompt = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Comparisons of one prompt that one rater is lent at most. Empty: all."
    )
    places = models.PositiveIntegerField(default=0, db_default=0, help_text="Judgments that were wanted when opened.")
    needs_qualification = models.BooleanField(default=False, db_default=False)
    language = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="Only for raters who have it. Empty: for all."
    )
    skill = models.CharField(
        max_length=60, blank=True, default="", db_default="", help_text="Only for raters who have it. Empty: for all."
    )
    epoch = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Counts changes of order: each bookmark of an older one begins again."
    )
    lease_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="By how long its answers take. Empty: the project's."
    )
    frozen_judgment = models.BigIntegerField(
        default=0, help_text="The newest judgment that a snapshot may hold: it and those before are not edited."
    )
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="batch_names_are_unique"),
            models.CheckConstraint(
                condition=Q(kind__in=["pairwise", "ranking", "demonstration", "edit", "live", "red_team"]),
                name="batch_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(overlap_least__isnull=True, overlap_most__isnull=True, overlap_certain__isnull=True)
                | Q(
                    kind="pairwise",
                    overlap_least__isnull=False,
                    overlap_most__isnull=False,
                    overlap_certain__isnull=False,
                    overlap_least__gte=1,
                    overlap_most__gte=F("overlap_least"),
                    overlap_most__lte=9,
                    overlap_certain__gt=0.5,
                    overlap_certain__lt=1,
                ),
                name="adaptive_overlap_is_whole",
            ),
            models.CheckConstraint(condition=Q(weight__isnull=True) | Q(weight__gt=0), name="weight_is_positive"),
            models.CheckConstraint(condition=Q(rater_share__gt=0, rater_share__lte=1), name="rater_share_is_a_share"),
            models.CheckConstraint(
                condition=Q(most_per_prompt__isnull=True) | Q(most_per_prompt__gte=1), name="of_a_prompt_one_at_least"
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
    answer = models.ForeignKey(
        "annotation.TaskAnswer", null=True, blank=True, on_delete=models.PROTECT, related_name="demonstrations"
    )
    superseded_at = models.DateTimeField(
        null=True, blank=True, help_text="Its writer sent a better one, or took it back."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "sha256"], name="demonstrations_are_unique")]

    def __str__(self) -> str:
        return self.text[:80]

"""Who judges: people, the projects they belong to, and what they may do there."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

if TYPE_CHECKING:
    from datetime import datetime


class Role(models.TextChoices):
    """What a member may do in a project. A person may hold several."""

    RATER = "rater", "Rater"
    REVIEWER = "reviewer", "Reviewer"
    LEAD = "lead", "Lead"
    ENGINEER = "engineer", "ML engineer"
    OWNER = "owner", "Owner"


class UserManager(BaseUserManager["User"]):
    """Makes people; the address is the login."""

    def create_user(self, email: str, *, name: str, password: str | None = None) -> User:
        """A new person with a hashed password, or an unusable one when none is given."""
        user = self.model(email=self.normalize_email(email).lower(), name=name)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """People sign in with their address, however they capitalise it."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person. What they may do is said by their memberships, not here."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="email_is_lower_case")]

    def __str__(self) -> str:
        return self.name or self.email


class Project(models.Model):
    """One alignment effort: its prompts, guidelines, rater pool, models and rounds."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    lease_seconds = models.PositiveIntegerField(default=600)
    currency = models.CharField(max_length=3, default="EUR", help_text="Of what raters are paid, as ISO 4217 says it.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(lease_seconds__gte=30, lease_seconds__lte=86400), name="lease_is_sane"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role of one person in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "project", "role"], name="one_membership_per_role"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.project}"


def new_pseudonym() -> str:
    """A name for a rater in exports: random, so that it links to nothing outside its project."""
    return f"rater-{secrets.token_hex(4)}"


class Standing(models.Model):
    """How one rater stands in one project: pseudonym, panel, qualification, and what gold says of them."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="standings")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="standings")
    pseudonym = models.CharField(max_length=24, default=new_pseudonym)
    panel = models.PositiveSmallIntegerField(default=0)
    qualified_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=240, blank=True)
    sensitive_since = models.DateTimeField(null=True, blank=True, help_text="Opted in to distressing content then.")
    languages = ArrayField(models.CharField(max_length=20), default=list, blank=True, db_default=[])
    skills = ArrayField(models.CharField(max_length=60), default=list, blank=True, db_default=[])
    gold_right = models.PositiveIntegerField(default=0)
    gold_seen = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "project"], name="one_standing_per_project"),
            models.UniqueConstraint(fields=["project", "pseudonym"], name="pseudonyms_are_unique"),
            models.CheckConstraint(condition=Q(panel__in=[0, 1]), name="two_panels"),
            models.CheckConstraint(condition=Q(gold_right__lte=F("gold_seen")), name="no_more_right_than_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.pseudonym} in {self.project}"


class Preferences(models.Model):
    """How one person wants their pages: kept here, not in the browser, so that they follow to the next machine."""

    class Size(models.TextChoices):
        SMALL = "small", "Small"
        MEDIUM = "medium", "Medium"
        LARGE = "large", "Large"

    class Face(models.TextChoices):
        SANS = "sans", "Sans"
        SERIF = "serif", "Serif"

    class Theme(models.TextChoices):
        SYSTEM = "system", "As the system"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="preferences")
    text_size = models.CharField(max_length=10, choices=Size, default=Size.MEDIUM)
    typeface = models.CharField(max_length=10, choices=Face, default=Face.SANS)
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    single_keys = models.BooleanField(default=True, help_text="Keys without Ctrl do something (WCAG 2.1.4).")
    keys = models.JSONField(default=dict, blank=True, help_text="Action to key, where it is not the usual one.")
    ahead = models.PositiveSmallIntegerField(default=3, help_text="Comparisons held: the one on screen and the next.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(text_size__in=["small", "medium", "large"]), name="text_size_is_known"),
            models.CheckConstraint(condition=Q(typeface__in=["sans", "serif"]), name="typeface_is_known"),
            models.CheckConstraint(condition=Q(theme__in=["system", "light", "dark"]), name="theme_is_known"),
            models.CheckConstraint(condition=Q(ahead__gte=1, ahead__lte=10), name="ahead_is_sane"),
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class Invitation(models.Model):
    """A single-use way in. Only the hash of its secret is kept."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role)
    secret_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations_sent")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations_accepted"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} in {self.project}"

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at


class ApiToken(models.Model):
    """A program's key to one project. Shown once; only its hash is kept."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class AuditEntry(models.Model):
    """Who did what, when. Appended only: the database refuses to change or remove a row."""

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="audit")
    actor = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="audit")
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    details = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["project", "-at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

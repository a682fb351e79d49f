"""Questions about guidelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from guidelines.models import Acknowledgement, Guideline, GuidelineVersion

if TYPE_CHECKING:
    from raters.models import Project, User


def live_version(guideline: Guideline) -> GuidelineVersion | None:
    """The version raters work under now."""
    return GuidelineVersion.objects.filter(guideline=guideline, state=GuidelineVersion.State.PUBLISHED).first()


def versions_of(project: Project) -> QuerySet[GuidelineVersion]:
    """Every version that was ever published in a project. Drafts are their authors' business."""
    return (
        GuidelineVersion.objects.filter(guideline__project=project)
        .exclude(state=GuidelineVersion.State.DRAFT)
        .select_related("guideline")
    )


def live_version_for(user: User, guideline_id: int) -> tuple[GuidelineVersion | None, bool]:
    """The version in force and whether this rater has read it, in one question."""
    read = Acknowledgement.objects.filter(version=OuterRef("pk"), user=user)
    version = (
        GuidelineVersion.objects.filter(guideline=guideline_id, state=GuidelineVersion.State.PUBLISHED)
        .select_related("guideline")
        .annotate(has_read=Exists(read))
        .first()
    )
    return version, version is not None and version.has_read


def has_acknowledged(user: User, version: GuidelineVersion) -> bool:
    """Whether the rater said they have read this version."""
    return Acknowledgement.objects.filter(user=user, version=version).exists()


def unread_by(user: User, project: Project) -> QuerySet[GuidelineVersion]:
    """Live versions the rater has still to acknowledge before they can judge under them."""
    return (
        versions_of(project)
        .filter(state=GuidelineVersion.State.PUBLISHED)
        .exclude(pk__in=Acknowledgement.objects.filter(user=user).values("version"))
        .order_by("pk")
    )

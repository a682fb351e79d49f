"""Questions about guidelines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, When

from guidelines.changes import Change, RuleText, changes, in_words
from guidelines.models import Acknowledgement, Guideline, GuidelineVersion, Rule
from guidelines.text import guideline_html, parse_chapters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from raters.models import Project, User

PUBLISHED = GuidelineVersion.State.PUBLISHED
DRAWER = 1  # changes when the drawer is drawn differently, so that no browser keeps the old drawing


@dataclass(frozen=True, slots=True)
class Revised:
    """What a version changes against the one the rater confirmed before it."""

    before: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class DrawerRule:
    """One rule, its text as safe HTML."""

    id: int
    number: str
    title: str
    html: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Rules under one heading; number and title are empty for rules that have no chapter."""

    number: str
    title: str
    rules: tuple[DrawerRule, ...]


@dataclass(frozen=True, slots=True)
class Drawer:
    """A guideline version as it opens beside the work."""

    id: int
    name: str
    label: str
    changed: str
    confirmed_at: datetime | None
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One version in the list of guidelines."""

    id: int
    name: str
    label: str
    published_at: datetime | None
    is_live: bool
    confirmed_at: datetime | None


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


def versions_listed(user: User, project: Project) -> QuerySet[GuidelineVersion]:
    """Every published version with `confirmed_at`, the rater's date: those in force first, then by age."""
    read = Acknowledgement.objects.filter(version=OuterRef("pk"), user=user).values("at")[:1]
    return (
        versions_of(project)
        .defer("text", "html")
        .annotate(confirmed_at=Subquery(read), retired=Case(When(state=PUBLISHED, then=0), default=1))
        .order_by("retired", "guideline__name", "-published_at")
    )


def listed(version: GuidelineVersion) -> Listed:
    """A row of `versions_listed`, shaped for the page."""
    return Listed(
        version.pk,
        version.guideline.name,
        version.label,
        version.published_at,
        version.state == PUBLISHED,
        getattr(version, "confirmed_at", None),
    )


def revised_for(user: User, versions: Iterable[GuidelineVersion]) -> dict[int, Revised]:
    """Version id to what it changes against the newest older version the rater confirmed.

    A version whose guideline is new to the rater is not in it: there is nothing to compare with. One question for
    all versions, and two more for each pair that was not compared before in this process.
    """
    versions = list(versions)
    confirmed = Acknowledgement.objects.filter(
        user=user, version__guideline__in={version.guideline_id for version in versions}
    ).values_list("version__guideline", "version__major", "version__minor", "version")
    found = {}
    for version in versions:
        older = [
            (major, minor, pk)
            for guideline, major, minor, pk in confirmed
            if guideline == version.guideline_id and (major, minor) < (version.major, version.minor)
        ]
        if older:
            major, minor, before = max(older)
            found[version.pk] = Revised(f"{major}.{minor}", _between(before, version.pk))
    return found


@lru_cache(maxsize=64)
def _between(before: int, after: int) -> tuple[Change, ...]:
    """Published versions never change, so what lies between two of them does not either."""
    return changes(_rules(before), _rules(after))


def _rules(version: int) -> Sequence[RuleText]:
    rows = Rule.objects.filter(version=version).values_list("identity", "number", "title", "text")
    return [RuleText(*row) for row in rows]


def confirmed_at(user: User, version: GuidelineVersion) -> datetime | None:
    """When the rater said they have read this version."""
    return Acknowledgement.objects.filter(user=user, version=version).values_list("at", flat=True).first()


def drawer_tag(version: GuidelineVersion, *, confirmed: datetime | None) -> str:
    """Changes when what `drawer_of` shows this rater changes. The text itself never does."""
    shown = f"{DRAWER} {version.pk} {version.sha256} {version.state} {confirmed.isoformat() if confirmed else ''}"
    return f'"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


def drawer_of(version: GuidelineVersion, *, confirmed: datetime | None) -> Drawer:
    """The version as it opens beside the work, with what changed in it and when the rater confirmed that."""
    return Drawer(
        id=version.pk,
        name=version.guideline.name,
        label=version.label,
        changed=_changed(version),
        confirmed_at=confirmed,
        chapters=_chapters(version.pk, version.sha256),
    )


def _changed(version: GuidelineVersion) -> str:
    """What the version changed against the published one before it, as a sentence. Empty for a first version."""
    before = (
        GuidelineVersion.objects.filter(guideline=version.guideline_id, published_at__lt=version.published_at)
        .order_by("-published_at")
        .values_list("pk", flat=True)
        .first()
    )
    return f"{in_words(_between(before, version.pk))}." if before else ""


@lru_cache(maxsize=32)
def _chapters(version: int, sha256: str) -> tuple[Chapter, ...]:
    """The rules under their chapters, rendered once in each process: a published text never changes.

    The digest is part of the key, so that a number used again by a restored database brings no old text.
    """
    text = GuidelineVersion.objects.values_list("text", flat=True).get(pk=version, sha256=sha256)
    titles = parse_chapters(text)
    chapters: list[tuple[str, list[DrawerRule]]] = []
    for pk, number, title, body in Rule.objects.filter(version=version).values_list("pk", "number", "title", "text"):
        parent = number.partition(".")[0] if number.partition(".")[0] in titles else ""
        if not chapters or chapters[-1][0] != parent:
            chapters.append((parent, []))
        chapters[-1][1].append(DrawerRule(pk, number, title, guideline_html(body)))
    return tuple(Chapter(parent, titles.get(parent, ""), tuple(rules)) for parent, rules in chapters)

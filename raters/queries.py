"""Questions about people. Permission is where every other query starts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from raters.models import ApiToken, Invitation, Membership, Preferences, Project, Role, Standing, User
from raters.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.contrib.auth.models import AnonymousUser


PROJECT_FIELDS = [field.attname for field in Project._meta.concrete_fields]
PROJECT = Prepared(
    "project",
    f"""
SELECT {", ".join(f"project.{name}" for name in PROJECT_FIELDS)} FROM raters_project project
WHERE project.slug = %(slug)s AND EXISTS (
    SELECT 1 FROM raters_membership held WHERE held.project_id = project.id AND held.user_id = %(user)s
      AND (%(roles)s = '{{}}' OR held.role = ANY (%(roles)s)))
""",  # noqa: S608  the names are the model's
    slug="varchar",
    user="bigint",
    roles="varchar[]",
)


def project_of(user: User | AnonymousUser, slug: str, roles: Collection[str] = ()) -> Project | None:
    """One of `projects_of`, by its name in addresses. It is behind every page, so it is planned once."""
    if not user.is_authenticated or "\x00" in slug:
        return None
    rows = PROJECT.rows({"slug": slug, "user": user.pk, "roles": list(roles)})
    return Project.from_db("default", PROJECT_FIELDS, rows[0]) if rows else None


def projects_of(user: User | AnonymousUser, roles: Collection[str] = ()) -> QuerySet[Project]:
    """The projects a person belongs to, in any role or in one of `roles`. What is not here does not exist for them."""
    if not user.is_authenticated:
        return Project.objects.none()
    held = Membership.objects.filter(user=user)
    if roles:
        held = held.filter(role__in=roles)
    return Project.objects.filter(pk__in=held.values("project"))


def roles_in(project: Project, user: User) -> frozenset[str]:
    """Every role the person holds in the project."""
    return frozenset(Membership.objects.filter(project=project, user=user).values_list("role", flat=True))


def standing_of(user: User, project: Project) -> Standing:
    """How the rater stands. Made with their first rater membership, so it is always there for a rater."""
    return Standing.objects.get(user=user, project=project)


def hash_of(secret: str) -> str:
    """What is kept of a secret. Ours are 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def invitation_by(secret: str) -> Invitation | None:
    """The invitation behind a link, used or not."""
    return Invitation.objects.select_related("project").filter(secret_hash=hash_of(secret)).first()


def token_by(secret: str) -> ApiToken | None:
    """The API token with this secret, whatever its state."""
    return ApiToken.objects.select_related("project", "user").filter(secret_hash=hash_of(secret)).first()


def front_of(user: User) -> tuple[Project, Role] | None:
    """Where a person starts: the role that says most about their day, in the project they joined last."""
    held = Membership.objects.filter(user=user).select_related("project").order_by("-project_id")
    order = (Role.ENGINEER, Role.LEAD, Role.OWNER, Role.REVIEWER, Role.RATER)
    by_role = {membership.role: membership.project for membership in reversed(held)}
    return next(((by_role[role], role) for role in order if role in by_role), None)


def preferences_of(user: User) -> Preferences:
    """How the person wants their pages: what they chose, else the usual, unsaved. One row, once for each request."""
    try:
        return user.preferences
    except Preferences.DoesNotExist:
        return Preferences(user_id=user.pk)


def rater_projects_of(user: User) -> QuerySet[Project]:
    """The projects in which a person rates, the newest first."""
    return projects_of(user, (Role.RATER,)).order_by("-pk")

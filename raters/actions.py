"""Verbs about people: projects, memberships, invitations, tokens, and the audit log."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from raters import queries, shortcuts
from raters.models import ApiToken, AuditEntry, Invitation, Membership, Preferences, Project, Role, Standing, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

INVITATION_LASTS = timedelta(hours=72)
TOKENS_START_WITH = "tare_"  # so that scanners for leaked secrets can know one
SCOPES = (
    "prompts:write",
    "questions:read",
    "questions:write",
    "judgments:read",
    "snapshots:read",
    "snapshots:write",
    "runs:read",
    "models:read",
)


class NotInvited(Exception):
    """The link is unknown, used, revoked or out of date; nobody was let in."""


class WeakPassword(Exception):
    """The password was refused; `args` are the reasons, each a sentence."""


class AlreadyThere(Exception):
    """A person with this address exists already."""


class UnknownScope(Exception):
    """A token was asked for with a scope that does not exist."""


class LastOwner(Exception):
    """A project always keeps an owner."""


def note(
    project: Project | None, *, actor: User | None, action: str, subject: object, details: dict[str, Any] | None = None
) -> AuditEntry:
    """Write down who did what. Part of the caller's transaction, so it is there if and only if the deed is."""
    return AuditEntry.objects.create(
        project=project, actor=actor, action=action, subject=str(subject)[:200], details=details or {}
    )


def _checked(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        raise WeakPassword(*refusal.messages) from refusal
    return password


@transaction.atomic
def create_owner(*, email: str, name: str, password: str, project_name: str, slug: str) -> Membership:
    """The first owner and their project. Raises AlreadyThere, WeakPassword."""
    if User.objects.filter(email=email.lower()).exists():
        raise AlreadyThere(f"{email} has an account already.")
    user = User.objects.create_user(email, name=name, password=_checked(password, User(email=email, name=name)))
    project, _ = Project.objects.get_or_create(slug=slug, defaults={"name": project_name})
    note(project, actor=user, action="project.created", subject=project)
    return join(project, user, role=Role.OWNER)


@transaction.atomic
def join(project: Project, user: User, *, role: str) -> Membership:
    """Give a person a role. A rater also gets a standing, in the smaller of the two panels."""
    membership, new = Membership.objects.get_or_create(project=project, user=user, role=role)
    if role == Role.RATER and not Standing.objects.filter(project=project, user=user).exists():
        Project.objects.select_for_update().get(pk=project.pk)  # two raters joining at once must not pick one panel
        sizes = [Standing.objects.filter(project=project, panel=panel).count() for panel in (0, 1)]
        Standing.objects.create(project=project, user=user, panel=sizes.index(min(sizes)))
    if new:
        note(project, actor=user, action="member.joined", subject=user.pk, details={"role": role})
    return membership


@transaction.atomic
def leave(membership: Membership, *, by: User) -> None:
    """Take a role away. What the person judged stays. Raises LastOwner."""
    project = Project.objects.select_for_update().get(pk=membership.project_id)
    owners = Membership.objects.filter(project=project, role=Role.OWNER)
    if membership.role == Role.OWNER and owners.count() == 1:
        raise LastOwner("Make someone else an owner first.")
    membership.delete()
    note(project, actor=by, action="member.left", subject=membership.user_id, details={"role": membership.role})


@transaction.atomic
def invite(project: Project, *, email: str, role: str, by: User, now: datetime) -> tuple[Invitation, str]:
    """A single-use way in, good for 72 hours. The second value is the secret: shown once, never stored."""
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        project=project,
        email=email.lower(),
        role=role,
        secret_hash=queries.hash_of(secret),
        invited_by=by,
        expires_at=now + INVITATION_LASTS,
    )
    note(project, actor=by, action="invitation.sent", subject=invitation.pk, details={"role": role})
    return invitation, secret


@transaction.atomic
def accept_invitation(secret: str, *, name: str, password: str, now: datetime) -> User:
    """Let an invited person in, once. Someone with an account proves it with their password and gains the role.

    Raises NotInvited, WeakPassword, and AlreadyThere when the account's password does not match.
    """
    invitation = Invitation.objects.select_for_update().filter(secret_hash=queries.hash_of(secret)).first()
    if invitation is None or not invitation.is_open(now):
        raise NotInvited("This invitation is not open. Ask for a new one.")
    user = User.objects.filter(email=invitation.email).first()
    if user is None:
        fresh = User(email=invitation.email, name=name)
        user = User.objects.create_user(invitation.email, name=name, password=_checked(password, fresh))
    elif not user.check_password(password):
        raise AlreadyThere("You have an account already: enter its password to join.")
    invitation.accepted_at, invitation.accepted_by = now, user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    join(invitation.project, user, role=invitation.role)
    return user


@transaction.atomic
def make_token(
    project: Project, *, user: User, name: str, scopes: Sequence[str], now: datetime, days: int = 90
) -> tuple[ApiToken, str]:
    """A program's key to the project. The second value is the secret: shown once. Raises UnknownScope."""
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise UnknownScope(f"There is no scope {sorted(unknown)[0]!r}. Choose from {', '.join(SCOPES)}.")
    secret = TOKENS_START_WITH + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        project=project,
        user=user,
        name=name,
        prefix=secret[:12],
        secret_hash=queries.hash_of(secret),
        scopes=sorted(scopes),
        expires_at=now + timedelta(days=days),
    )
    note(project, actor=user, action="token.made", subject=token.prefix, details={"scopes": token.scopes})
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken, *, by: User, now: datetime) -> None:
    """End a token. The next request with it is refused."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    note(token.project, actor=by, action="token.revoked", subject=token.prefix)


@transaction.atomic
def set_preferences(
    user: User, *, text_size: str, typeface: str, theme: str, single_keys: bool, keys: Mapping[str, str], ahead: int
) -> Preferences:
    """Keep how a person wants their pages. `keys` is action to key. Raises shortcuts.BadKeys."""
    chosen = {
        "text_size": text_size,
        "typeface": typeface,
        "theme": theme,
        "single_keys": single_keys,
        "keys": shortcuts.unusual(keys),
        "ahead": ahead,
    }
    preferences, _ = Preferences.objects.update_or_create(user=user, defaults=chosen)
    return preferences


@transaction.atomic
def agree_to_sensitive(project: Project, *, user: User, now: datetime) -> None:
    """The rater agrees to be offered distressing content. Agreeing again changes nothing, not even the date."""
    if Standing.objects.filter(project=project, user=user, sensitive_since=None).update(sensitive_since=now):
        note(project, actor=user, action="sensitive.agreed", subject=user.pk)


@transaction.atomic
def decline_sensitive(project: Project, *, user: User) -> None:
    """The rater is not offered distressing content any more. Nothing else about their work changes."""
    if Standing.objects.filter(project=project, user=user, sensitive_since__isnull=False).update(sensitive_since=None):
        note(project, actor=user, action="sensitive.declined", subject=user.pk)

"""Answer an alert: a person decides, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from evaluation.models import Alert
from raters.actions import note

if TYPE_CHECKING:
    from datetime import datetime

    from raters.models import User


class AlreadyResolved(Exception):
    """Someone decided this alert before. Their decision stays."""


class NoReason(Exception):
    """A decision about an alert says why, so that the next person can follow it."""


@transaction.atomic
def resolve_alert(alert: Alert, *, by: User, resolution: str, now: datetime) -> Alert:
    """Record what was decided about an alert. Raises NoReason, AlreadyResolved."""
    resolution = resolution.strip()
    if not resolution:
        raise NoReason("Say in a few words what you decided and why.")
    alert = Alert.objects.select_for_update(of=("self",)).select_related("round__project").get(pk=alert.pk)
    if alert.resolved_at is not None:
        raise AlreadyResolved(f"This was decided before: {alert.resolution}")
    alert.resolved_at, alert.resolved_by, alert.resolution = now, by, resolution[:300]
    alert.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    details = {"round": alert.round.number, "signal": alert.signal, "resolution": alert.resolution}
    note(alert.round.project, actor=by, action="alert.resolved", subject=alert.pk, details=details)
    return alert

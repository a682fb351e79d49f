"""Asking for a snapshot: a row in state queued. A worker freezes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from annotation.models import Batch
from guidelines.models import GuidelineVersion
from raters.actions import note
from snapshots import filters as filtering
from snapshots.models import NAME, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raters.models import Project, User


class BadName(ValueError):
    """A snapshot's name is 1 to 64 of the characters a-z 0-9 . _ @ - and begins with a letter or digit."""


class NameTaken(Exception):
    """The name belongs to a snapshot with other filters. A snapshot never changes: choose another name."""


@transaction.atomic
def request_snapshot(project: Project, *, name: str, filters: Mapping[str, Any], by: User | None = None) -> Snapshot:
    """Ask for a cut of the judgments. Asking again for the same returns the one that is there.

    One that failed is tried anew. Raises BadName, BadFilters, NameTaken.
    """
    if not NAME.fullmatch(name):
        raise BadName(BadName.__doc__)
    wanted = _known(project, filtering.read(dict(filters))).as_json()
    snapshot, new = Snapshot.objects.get_or_create(
        project=project, name=name, defaults={"filters": wanted, "created_by": by}
    )
    if snapshot.filters != wanted:
        raise NameTaken(f"There is a snapshot {name} with other filters. Snapshots never change: choose another name.")
    if new:
        note(project, actor=by, action="snapshot.requested", subject=name, details={"filters": wanted})
    elif snapshot.state == Snapshot.State.FAILED:
        _try_anew(snapshot)
    return snapshot


def _known(project: Project, wanted: filtering.Filters) -> filtering.Filters:
    """The filters, if what they name is of this project. Raises BadFilters."""
    batches = set(Batch.objects.filter(project=project, pk__in=wanted.batches).values_list("pk", flat=True))
    if missing := set(wanted.batches) - batches:
        raise filtering.BadFilters(f"There is no batch {min(missing)}.")
    versions = GuidelineVersion.objects.filter(guideline__project=project, pk__in=wanted.guideline_versions)
    if missing := set(wanted.guideline_versions) - set(versions.values_list("pk", flat=True)):
        raise filtering.BadFilters(f"There is no guideline version {min(missing)}.")
    return wanted


def _try_anew(snapshot: Snapshot) -> None:
    """Queue a failed snapshot again, as a new cut: nothing of the old one was ever seen."""
    again = {"state": Snapshot.State.QUEUED, "attempts": 0, "manifest": {}, "reason": "", "lease_until": None}
    if Snapshot.objects.filter(pk=snapshot.pk, state=Snapshot.State.FAILED).update(**again):
        snapshot.refresh_from_db()

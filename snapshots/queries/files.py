"""Which snapshots there are, and where their files lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import QuerySet

from snapshots.models import Export, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raters.models import Project


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a ready snapshot."""

    export: Export
    path: Path


class NotReady(Exception):
    """The snapshot has no files yet, or never will."""


def snapshots_of(project: Project) -> QuerySet[Snapshot]:
    """The project's snapshots, newest first."""
    return Snapshot.objects.filter(project=project).prefetch_related("exports")


def folder_of(snapshot: Snapshot) -> Path:
    """Where its files lie once it is ready."""
    return Path(settings.TARE_EXPORTS) / str(snapshot.pk)


def part_of(snapshot: Snapshot, name: str) -> Part | None:
    """The file of this name. The name is looked for among the exports and never made into a path unseen."""
    if snapshot.state != Snapshot.State.READY:
        return None
    export = next((export for export in snapshot.exports.all() if export.name == name), None)
    return None if export is None else Part(export=export, path=folder_of(snapshot) / export.name)


def read_rows(snapshot: Snapshot, *, config: str = "judgments", split: str = "train") -> Iterator[dict[str, Any]]:
    """The rows of one file, as they were frozen, a line in memory at a time. Raises NotReady."""
    part = part_of(snapshot, f"{config}-{split}.jsonl")
    if part is None:
        raise NotReady(f"The snapshot {snapshot} has no {config} of {split}: it is {snapshot.state}.")
    with part.path.open("rb") as lines:
        for line in lines:
            yield json.loads(line)

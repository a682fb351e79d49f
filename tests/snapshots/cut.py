"""Judging and freezing in one line each."""

from __future__ import annotations

from typing import Any

from raters.models import Project, User
from snapshots.actions import build_next_snapshot, request_snapshot
from snapshots.models import Snapshot
from snapshots.queries import read_rows
from tests import make


def frozen(project: Project, name: str = "prefs", **filters: Any) -> Snapshot:
    request_snapshot(project, name=name, filters=filters)
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    return snapshot


def rows(snapshot: Snapshot, config: str = "judgments", split: str = "train") -> list[dict[str, Any]]:
    return list(read_rows(snapshot, config=config, split=split))


def judged(project: Project, *preferences: int, rater: User | None = None, **more: Any) -> None:
    """As many comparisons, each judged once."""
    rater = rater or make.rater(project)
    for preference in preferences:
        make.comparison(project, **more)
        make.judgment(rater, project, preference=preference)

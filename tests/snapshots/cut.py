"""Judging and freezing in one line each."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from annotation.models import Assignment, Comparison, Judgment, Task, TaskAnswer, TaskAssignment
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


def given(rater: User, project: Project, *, preference: int = 1, **more: Any) -> Judgment:
    """The rater judges what they are lent, and says more than how much better: qualities, flags, that no rule fits."""
    lent = make.assignment(rater, project)
    now = make.now()
    Assignment.objects.filter(pk=lent.pk).update(state=Assignment.State.JUDGED, ended_at=now)
    return Judgment.objects.create(
        assignment=lent,
        comparison=lent.comparison,
        rater=rater,
        guideline_version=lent.guideline_version,
        preference=preference,
        swapped=lent.swapped,
        seconds=30.0,
        key=uuid.uuid4(),
        fingerprint="given",
        created_at=now,
        **more,
    )


def implied(rater: User, comparison: Comparison, *, preference: int = 1, **more: Any) -> Judgment:
    """A ranking of the rater's implies a judgment on the comparison."""
    version = make.guideline(comparison.project).versions.get()
    task = Task.objects.create(project=comparison.project, batch=comparison.batch, prompt=comparison.prompt)
    lent = TaskAssignment.objects.create(
        task=task, rater=rater, guideline_version=version, shuffle=1, expires_at=make.now() + timedelta(minutes=10)
    )
    answer = TaskAnswer.objects.create(
        assignment=lent, rater=rater, content={}, seconds=60.0, key=uuid.uuid4(), fingerprint="ranked"
    )
    return Judgment.objects.create(
        answer=answer,
        comparison=comparison,
        rater=rater,
        guideline_version=version,
        preference=preference,
        swapped=False,
        seconds=20.0,
        key=uuid.uuid4(),
        fingerprint="implied",
        created_at=make.now(),
        **more,
    )

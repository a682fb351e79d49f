"""A snapshot's row is its job: asked for by name, built once, failed in words, never half there."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from annotation.actions.lending import SUBMITS
from raters.models import Project
from snapshots.actions import BadFilters, BadName, NameTaken, build_next_snapshot, freezing, request_snapshot
from snapshots.models import Export, Snapshot
from snapshots.queries import folder_of
from snapshots.sealing import Parquet
from tests import make
from tests.snapshots.cut import frozen, judged


def test_nothing_waits_when_all_is_ready(project: Project) -> None:
    judged(project, 1)
    frozen(project)
    assert build_next_snapshot(now=make.now()) is None


def test_a_snapshot_of_nothing_fails_and_says_so(project: Project) -> None:
    snapshot = frozen(project)
    assert (snapshot.state, snapshot.reason) == ("failed", "There is no judgment to freeze.")


def test_a_failed_snapshot_leaves_no_files(project: Project, exports: Path) -> None:
    frozen(project)
    assert list(exports.iterdir()) == []


def test_a_failed_snapshot_can_be_asked_for_again(project: Project) -> None:
    frozen(project)
    judged(project, 1)
    assert frozen(project).state == "ready"


def test_a_dead_workers_snapshot_is_built_by_the_next(project: Project) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    freezing._claim(now=make.now())
    assert build_next_snapshot(now=make.now()) is None
    snapshot = build_next_snapshot(now=make.now() + timedelta(hours=1))
    assert snapshot is not None
    assert (snapshot.state, snapshot.attempts) == ("ready", 2)


def test_after_three_dead_workers_it_has_failed(project: Project) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    for hour in range(3):
        freezing._claim(now=make.now() + timedelta(hours=hour))
    snapshot = build_next_snapshot(now=make.now() + timedelta(hours=9))
    assert snapshot is not None
    assert (snapshot.state, snapshot.reason) == ("failed", "3 workers stopped before it was done.")


def test_a_worker_that_lost_its_claim_files_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    write = freezing._write

    def slow(snapshot: Snapshot, *args: Any, **more: Any) -> Any:
        tally = write(snapshot, *args, **more)
        Snapshot.objects.filter(pk=snapshot.pk).update(token=snapshot.token + 1)
        return tally

    monkeypatch.setattr(freezing, "_write", slow)
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    assert (snapshot.state, Export.objects.count(), folder_of(snapshot).exists()) == ("building", 0, False)


def test_a_full_disk_is_said_and_tried_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    with monkeypatch.context() as patch:
        patch.setattr(Parquet, "add", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    assert (snapshot.state, "No space left" in snapshot.reason) == ("building", True)
    again = build_next_snapshot(now=make.now() + timedelta(minutes=10))
    assert again is not None
    assert (again.state, again.reason) == ("ready", "")


def test_a_folder_named_by_a_worker_that_died_before_filing_makes_room(project: Project) -> None:
    judged(project, 1)
    snapshot = request_snapshot(project, name="prefs", filters={})
    folder_of(snapshot).mkdir(parents=True)
    (folder_of(snapshot) / "half.parquet").write_bytes(b"x")
    build_next_snapshot(now=make.now())
    assert not (folder_of(snapshot) / "half.parquet").exists()


def test_building_leaves_one_folder_and_nothing_beside_it(project: Project, exports: Path) -> None:
    judged(project, 1)
    snapshot = request_snapshot(project, name="prefs", filters={})
    left = exports / f"{snapshot.pk}.building-0"
    left.mkdir(parents=True)
    build_next_snapshot(now=make.now())
    assert [path.name for path in exports.iterdir()] == [str(snapshot.pk)]
    shutil.rmtree(exports)


def test_the_folder_describes_itself(project: Project) -> None:
    judged(project, 1)
    snapshot = frozen(project)
    manifest = json.loads((folder_of(snapshot) / "manifest.json").read_bytes())
    assert manifest == {**snapshot.manifest, "sha256": snapshot.sha256}


def test_asking_again_for_the_same_gives_the_same(project: Project) -> None:
    first = request_snapshot(project, name="prefs", filters={"batches": []})
    assert request_snapshot(project, name="prefs", filters={}) == first


def test_a_name_with_other_filters_is_taken(project: Project) -> None:
    request_snapshot(project, name="prefs", filters={})
    with pytest.raises(NameTaken):
        request_snapshot(project, name="prefs", filters={"min_certainty": 0.9})


@pytest.mark.parametrize("name", ["", "Prefs", "../etc", "a/b", "x" * 65, "a\n", "-a", "é"])
def test_a_name_that_is_no_name_is_refused(project: Project, name: str) -> None:
    with pytest.raises(BadName):
        request_snapshot(project, name=name, filters={})


@pytest.mark.parametrize(
    "filters",
    [
        {"colour": 1},
        {"batches": 3},
        {"batches": [True]},
        {"batches": [10**20]},
        {"batches": [123456]},
        {"guideline_versions": [123456]},
        {"min_certainty": 2},
        {"min_certainty": "much"},
    ],
)
def test_filters_that_cannot_be_used_are_refused(project: Project, filters: dict[str, Any]) -> None:
    with pytest.raises(BadFilters):
        request_snapshot(project, name="prefs", filters=filters)


def test_another_projects_batch_does_not_exist(project: Project) -> None:
    other = make.batch(make.project())
    with pytest.raises(BadFilters):
        request_snapshot(project, name="prefs", filters={"batches": [other.pk]})


def test_the_lock_is_the_one_that_submits_take() -> None:
    assert SUBMITS == 7201

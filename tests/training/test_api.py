"""Programs follow runs, and ask a model where it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from raters.models import Project, User
from snapshots.models import Snapshot
from tests.api import Program, program
from training.models import ModelVersion, Run


@pytest.fixture
def caller(project: Project, emil: User) -> Program:
    return program(emil, project)


@pytest.fixture
def stranger(mallory: User) -> Program:
    return program(mallory, Project.objects.get(name="Elsewhere"))


@pytest.fixture
def policy(project: Project) -> ModelVersion:
    """A policy trained on a snapshot, from a base model."""
    manifest = {
        "counts": {"judgments": 7, "raters": 2},
        "guidelines": [{"guideline": "Helpfulness", "version": "1.0", "sha256": "0" * 64}],
    }
    snapshot = Snapshot.objects.create(project=project, name="prefs", state="ready", sha256="ab", manifest=manifest)
    base = ModelVersion.objects.create(project=project, name="base", kind="base", digest="b", path="/b")
    run = Run.objects.create(project=project, name="r1-dpo", kind="dpo", snapshot=snapshot, start_from=base)
    return ModelVersion.objects.create(
        project=project, name="r1-dpo", kind="policy", digest="p", path="/p", parent=base, run=run
    )


def test_runs_are_listed(caller: Program, policy: ModelVersion) -> None:
    (row,) = caller.get("/api/v1/runs/").json()["results"]
    assert (row["name"], row["kind"], row["state"]) == ("r1-dpo", "dpo", "queued")


def test_a_run_names_its_snapshot_and_its_model(caller: Program, policy: ModelVersion) -> None:
    shown = caller.get(f"/api/v1/runs/{policy.run_id}/").json()
    assert (shown["model"], shown["start_from"]) == (policy.pk, policy.parent_id)
    assert shown["snapshot"] == Snapshot.objects.get().pk


def test_models_are_listed_newest_first(caller: Program, policy: ModelVersion) -> None:
    rows = caller.get("/api/v1/models/").json()["results"]
    assert [row["name"] for row in rows] == ["r1-dpo", "base"]


def test_a_model_tells_its_lineage(caller: Program, policy: ModelVersion) -> None:
    lineage = caller.get(f"/api/v1/models/{policy.pk}/").json()["lineage"]
    assert [model["name"] for model in lineage["parents"]] == ["base"]
    assert [snapshot["sha256"] for snapshot in lineage["snapshots"]] == ["ab"]
    assert (lineage["guideline_versions"], lineage["judgments"], lineage["raters"]) == (["Helpfulness 1.0"], 7, 2)


def test_a_model_does_not_tell_where_its_files_lie(caller: Program, policy: ModelVersion) -> None:
    assert "path" not in caller.get(f"/api/v1/models/{policy.pk}/").json()


def test_strangers_see_nothing(stranger: Program, policy: ModelVersion) -> None:
    for room in ("runs", "models"):
        assert stranger.get(f"/api/v1/{room}/").json()["results"] == []
    assert stranger.get(f"/api/v1/runs/{policy.run_id}/").status_code == 404
    assert stranger.get(f"/api/v1/models/{policy.pk}/").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_doors_are_for_reading(caller: Program, policy: ModelVersion, method: str) -> None:
    for path in ("runs/", f"runs/{policy.run_id}/", "models/", f"models/{policy.pk}/"):
        assert caller.ask(method, f"/api/v1/{path}", data=b"{}", kind="application/json").status_code == 405


@pytest.mark.parametrize("what", ["x", "0", "-1", "9" * 30, "9" * 5000, "1.5", "%00"])
def test_an_id_that_is_none_is_404(caller: Program, policy: ModelVersion, what: str) -> None:
    for room in ("runs", "models"):
        answer = caller.get(f"/api/v1/{room}/{what}/")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_lists_cost_the_same_for_many(caller: Program, project: Project, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        Run.objects.create(project=project, name=f"r{number}", kind="sft")
        ModelVersion.objects.create(project=project, name=f"m{number}", kind="base", digest="b", path="/b")
    with django_assert_max_num_queries(10):
        caller.get("/api/v1/runs/")
        caller.get("/api/v1/models/")

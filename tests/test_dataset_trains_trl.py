"""What raters judged loads over HTTP with `datasets.load_dataset`, and trains TRL's RewardTrainer and DPOTrainer."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from snapshots.actions import build_next_snapshot, request_snapshot
from snapshots.queries import read_rows
from tests import make
from tests.api import token_for

ROOT = Path(__file__).parent.parent


def train(files: str, room: Path, *, token: str) -> subprocess.CompletedProcess[str]:
    """Run the engineer's program, in a process that knows only the address and the token."""
    # HF_ and TRANSFORMERS_: a learner imported by another test in this process has switched the network off
    ours = ("TARE", "DJANGO", "HF_", "TRANSFORMERS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-m", "tests.snapshots.loads_and_trains", files, str(room)],
        cwd=ROOT,
        env=environment | {"TARE_TOKEN": token, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_trains_trl(live_server: LiveServer, settings: Settings, tmp_path: Path) -> None:
    settings.TARE_EXPORTS = tmp_path / "snapshots"
    project = make.project()
    rater = make.rater(project)
    make.batch(project, comparisons=8)
    make.batch(project, comparisons=2, held_out=True)
    make.judgment(rater, project, preference=-2)
    for place in range(1, 10):
        said: dict[str, Any] = {"qualities": {"safe": -1, "clear": 0}, "flags_b": ["unsafe"]} if place % 2 else {}
        make.given(rater, project, preference=(-2, 3)[place % 2], **said)
    snapshot = request_snapshot(project, name="prefs", filters={})
    build_next_snapshot(now=make.now())
    engineer = make.user("emil", "engineer", project=project)
    _, token = token_for(engineer, project, "snapshots:read")

    done = train(f"{live_server.url}/api/v1/snapshots/{snapshot.pk}/files", tmp_path / "hf", token=token)

    assert done.returncode == 0, done.stderr[-4000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    snapshot.refresh_from_db()
    assert report["rows"] == {"train": 8, "test": 2}
    assert report["first"] == next(read_rows(snapshot, config="pairs", split="train"))
    for form in ("parquet", "jsonl"):
        assert report["judgments"][form] == list(read_rows(snapshot, config="judgments", split="train"))
    assert report["judgments"]["parquet"][1]["qualities"] == [
        {"name": "clear", "value": 0},
        {"name": "safe", "value": -1},
    ]
    assert "int8" in report["qualities"]
    for trainer in ("reward", "dpo"):
        assert len(report[trainer]) == 3
        assert all(math.isfinite(loss) for loss in report[trainer])


@pytest.mark.django_db(transaction=True)
def test_without_a_token_nothing_loads(live_server: LiveServer, tmp_path: Path) -> None:
    done = train(f"{live_server.url}/api/v1/snapshots/1/files", tmp_path / "hf", token="tare_unknown")
    assert done.returncode != 0
    assert "FileNotFoundError" in done.stderr  # how the library says 401

"""A learner is a process: whatever it does, its run ends with what came of it, and the process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from raters.models import Project, User
from tests import make
from tests.training import build
from training import actions, supervise
from training.child import ROOT, FolderIsTaken, Learner, folder_lock
from training.models import ModelVersion, Run
from training.queries import run_folder

QUICK = supervise.Post(beat_every=0.05, grace=0.5, learners="tests.training.learners")
State = Run.State


def attended(project: Project, does: str, *, post: supervise.Post = QUICK, **more: Any) -> Run:
    run = build.run(project, does=does, **more)
    supervise.work(post)
    run.refresh_from_db()
    return run


def hook(run: Run, act: Callable[[], object]) -> supervise.Post:
    """A post whose worker does `act` once, after the learner said its first words."""
    done = False

    def told_to_stop() -> bool:
        nonlocal done
        if not done and (run_folder(run) / "pid.txt").exists():
            done = True
            act()
        return False

    return replace(QUICK, told_to_stop=told_to_stop)


def is_gone(path: Path) -> bool:
    """Whether the process whose id is in the file has ended, within two seconds."""
    pid = int(path.read_text())
    for _ in range(40):
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if status == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_learners_run_is_done_with_its_model_and_its_curve(project: Project) -> None:
    run = attended(project, "learn")
    assert (run.state, run.step, run.total_steps) == (State.DONE, 3, 3), run.reason
    assert run.model.name == run.name
    assert [metric.step for metric in run.metrics.all()] == [1, 2, 3]


def test_what_postgresql_cannot_keep_does_not_lose_the_results(project: Project) -> None:
    assert attended(project, "learn").results == {
        "loss": 0.5,
        "worst": None,
        "word": "nul  byte \N{REPLACEMENT CHARACTER}",
    }


def test_one_bell_is_enough_for_all_that_waits(project: Project) -> None:
    for _ in range(2):
        build.run(project)
    assert supervise.work(QUICK) == 2


def test_with_nothing_to_do_it_does_nothing(project: Project) -> None:
    assert supervise.work(QUICK) == 0


def test_a_torn_metrics_line_is_left_out_and_the_rest_is_kept(project: Project) -> None:
    run = attended(project, "tear")
    assert run.state == State.DONE
    assert [metric.step for metric in run.metrics.all()] == [1, 3]


def test_a_recipe_that_the_learner_refuses_fails_with_its_words(project: Project) -> None:
    run = attended(project, "refuse")
    assert (run.state, run.reason) == (State.FAILED, "lr=1e9 is too much.")


def test_a_learner_that_crashes_leaves_its_last_words(project: Project) -> None:
    run = attended(project, "crash")
    assert run.state == State.FAILED
    assert "status 1" in run.reason and "RuntimeError: the tensors do not fit" in run.reason


def test_a_killed_learner_says_which_signal(project: Project) -> None:
    run = attended(project, "die")
    assert run.state == State.FAILED and "killed by signal 9" in run.reason


def test_a_learner_that_made_nothing_has_failed(project: Project) -> None:
    run = attended(project, "vanish")
    assert run.state == State.FAILED and "left no model" in run.reason


def test_a_learner_has_only_so_long(project: Project) -> None:
    run = attended(project, "hang", time_limit=1)
    assert run.state == State.FAILED and "limit of 1 seconds" in run.reason
    assert is_gone(run_folder(run) / "pid.txt")


def test_a_cancelled_learner_is_ended(project: Project, emil: User) -> None:
    run = build.run(project, does="hang")
    supervise.work(hook(run, lambda: actions.cancel_run(run, by=emil, now=make.NOW)))
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.CANCELLED, "Cancelled by Emil.")
    assert is_gone(run_folder(run) / "pid.txt")


def test_a_learner_that_will_not_end_is_killed_with_its_children(project: Project, emil: User) -> None:
    run = build.run(project, does="shrug")
    supervise.work(hook(run, lambda: actions.cancel_run(run, by=emil, now=make.NOW)))
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert is_gone(run_folder(run) / "pid.txt") and is_gone(run_folder(run) / "child.txt")


def test_what_a_learner_left_running_ends_with_it(project: Project) -> None:
    run = attended(project, "abandon")
    assert run.state == State.DONE and is_gone(run_folder(run) / "child.txt")


def test_a_worker_that_lost_its_run_ends_its_learner_and_writes_nothing(project: Project) -> None:
    run = build.run(project, does="hang")
    much_later = make.NOW + timedelta(days=365_0)
    post = hook(run, lambda: actions.claim_next_run(now=much_later))
    supervise.attend(claimed(), post)
    run.refresh_from_db()
    assert (run.state, run.token) == (State.RUNNING, 2)
    assert is_gone(run_folder(run) / "pid.txt")


def claimed() -> Run:
    run = actions.claim_next_run(now=make.now())
    assert run is not None
    return run


def test_a_worker_that_is_told_to_stop_puts_its_run_back(project: Project) -> None:
    run = build.run(project, does="hang")
    post = replace(QUICK, told_to_stop=lambda: (run_folder(run) / "pid.txt").exists())
    supervise.work(post)
    run.refresh_from_db()
    assert (run.state, run.attempts) == (State.QUEUED, 0)
    assert is_gone(run_folder(run) / "pid.txt")


def test_a_database_that_is_away_for_a_moment_ends_no_learner(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, outages = actions.finish_run, iter([OperationalError("gone"), OperationalError("gone")])

    def fails_twice(*args: object, **more: object) -> Run:
        for outage in outages:
            raise outage
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(actions, "finish_run", fails_twice)
    monkeypatch.setattr(connection, "close", lambda: None)
    assert attended(project, "learn").state == State.DONE


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_cut_is_made_again() -> None:
    """Without _bear the beat's error would end the learner."""

    def cut() -> None:
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    run = build.run(make.project(), does="dawdle")
    supervise.work(hook(run, cut))
    run.refresh_from_db()
    assert (run.state, run.attempts, run.metrics.count()) == (State.DONE, 1, 3), run.reason


def test_what_a_dead_worker_left_finished_is_filed_and_not_done_again(project: Project) -> None:
    run = build.run(project, does="crash")
    first = claimed()
    actions.prepare_run(first)
    build.made(run)
    build.outcome(loss=0.25).write(run_folder(run))
    supervise.attend(actions.claim_next_run(now=make.now() + timedelta(days=1)), QUICK)  # type: ignore[arg-type]
    run.refresh_from_db()
    assert (run.state, run.results) == (State.DONE, {"loss": 0.25})


def test_the_learner_of_a_stopped_worker_makes_way(project: Project) -> None:
    """Without the lock on the folder two learners write one model."""
    run = build.run(project, does="learn")
    folder = run_folder(run)
    folder.mkdir(parents=True)
    (folder / "texts.jsonl").write_text('{"text": "hang"}')
    with folder_lock(folder) as lock:
        stray = Learner("base", folder, lock=lock, package="tests.training.learners")
    while not (folder / "pid.txt").exists():
        assert stray.ended(within=0.05) is None
    supervise.work(replace(QUICK, grace=5))
    run.refresh_from_db()
    assert run.state == State.DONE, run.reason
    assert stray.ended(within=5) == -9


def test_a_folder_held_by_something_else_is_refused(tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(FolderIsTaken), folder_lock(tmp_path, wait=0.1):
        pass


def test_a_learner_dies_with_its_worker(tmp_path: Path) -> None:
    """Without the tether it would go on, beside the one that the next worker starts."""
    (tmp_path / "texts.jsonl").write_text('{"text": "hang"}')
    worker = (
        "import sys, time; from pathlib import Path; from training.child import Learner, folder_lock\n"
        "with folder_lock(Path(sys.argv[1])) as lock:\n"
        "    Learner('base', Path(sys.argv[1]), lock=lock, package='tests.training.learners')\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", worker, str(tmp_path)], cwd=ROOT)
    while not (tmp_path / "pid.txt").exists() or not (tmp_path / "pid.txt").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert is_gone(tmp_path / "pid.txt")


def test_a_learner_sees_no_database_and_no_secret(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARE_SECRET_KEY", "secret")
    seen = attended(project, "look").results["environment"]
    assert not [name for name in seen if "SECRET" in name or "DATABASE" in name or "REDIS" in name]
    assert (seen["HF_HUB_OFFLINE"], seen["TOKENIZERS_PARALLELISM"]) == ("1", "false")
    assert int(seen["OMP_NUM_THREADS"]) >= 1 and "DJANGO_SETTINGS_MODULE" not in seen


def test_a_run_without_its_data_fails_before_it_starts(project: Project) -> None:
    run = build.run(project, inputs={"texts": "/nowhere/texts.jsonl"})
    supervise.work(QUICK)
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.FAILED, "The texts to learn from are missing: /nowhere/texts.jsonl.")


def test_a_tiny_base_model_is_really_trained(project: Project) -> None:
    tiny = {"hidden": 8, "layers": 1, "heads": 1, "ff": 8, "vocab": 300, "max_tokens": 16, "steps": 2, "batch": 2}
    path = build.texts(*("Some words to learn from, again and again." for _ in range(20)))
    run = build.run(project, name="tiny", recipe=tiny, inputs={"texts": path})
    supervise.work()
    run.refresh_from_db()
    assert run.state == State.DONE, run.reason
    model = ModelVersion.objects.get(name="tiny")
    assert (Path(model.path) / "model.safetensors").is_file() and model.kind == "base"
    assert Path(model.path).is_relative_to(settings.TARE_RUNS)
    assert os.access(model.path, os.R_OK)

"""The bell of the gpu worker: known by name, on its own queue, and quiet when the worker goes."""

from __future__ import annotations

import pytest
from celery.worker import state
from django.conf import settings

from raters.models import Project
from tests.training import build
from training import tasks
from training.models import Run


def test_the_bell_has_its_name_and_its_queue() -> None:
    assert settings.CELERY_TASK_ROUTES[tasks.work.name] == {"queue": "gpu"}


def test_a_rung_bell_attends_what_waits(project: Project) -> None:
    run = build.run(project, inputs={"texts": "/nowhere"})
    tasks.work()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED and "/nowhere" in run.reason


@pytest.mark.parametrize("flag", ["should_stop", "should_terminate"])
def test_a_worker_that_shuts_down_claims_nothing(project: Project, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    run = build.run(project)
    monkeypatch.setattr(state, flag, 0)  # the exit status it will have
    tasks.work()
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED

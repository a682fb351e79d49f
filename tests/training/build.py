"""Builders for runs and models; everything else comes from tests.make."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from django.conf import settings

from raters.models import Project
from training import actions
from training.models import ModelVersion, Run
from training.records import Outcome

_count = itertools.count(1)


def folder(name: str) -> Path:
    """A folder of the test's own."""
    path = Path(settings.VAR) / "made" / f"{name}-{next(_count)}"
    path.mkdir(parents=True)
    return path


def texts(*lines: str) -> str:
    """The path of a file to learn a base model from. What the first line says, a test's learner does."""
    path = folder("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines or ("learn",)))
    return str(path)


def run(project: Project, *, does: str = "learn", name: str = "", **more: Any) -> Run:
    """A queued run of the kind that needs the least."""
    more.setdefault("kind", Run.Kind.BASE)
    if more["kind"] == Run.Kind.BASE:
        more.setdefault("inputs", {"texts": texts(does)})
    return actions.queue_run(project, name=name or f"run-{next(_count)}", **{"recipe": {}, **more})


def model(project: Project, *, kind: str = ModelVersion.Kind.POLICY, name: str = "", **more: Any) -> ModelVersion:
    """A model with a folder that looks like one."""
    path = folder("model")
    (path / "config.json").write_text("{}")
    return ModelVersion.objects.create(
        project=project, kind=kind, name=name or f"model-{next(_count)}", digest="0" * 64, path=str(path), **more
    )


def outcome(**results: Any) -> Outcome:
    """What a learner says that went well."""
    return Outcome(state="done", results=results, seconds=1.0)


def made(run: Run) -> Run:
    """The run, with the model in its folder that a learner would have left there."""
    path = Path(settings.TARE_RUNS) / str(run.pk) / "model"
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"weights")
    return run

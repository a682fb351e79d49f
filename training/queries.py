"""Questions about runs and models: what they said, what they left, and what they came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from training.models import ModelVersion, Run
from training.records import Prediction, ResponseRow, ScoreRow, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from raters.models import Project


def run_folder(run: Run) -> Path:
    """Where the learner of this run reads and writes."""
    return Path(settings.TARE_RUNS) / str(run.pk)


def responses_of(run: Run) -> Iterator[ResponseRow]:
    """What a generation run sampled. Raises BadRow when its file is missing or cannot be read."""
    return iter(read_rows(run_folder(run) / "responses.jsonl", ResponseRow))


def score_id(response: ResponseRow) -> str:
    """The id under which a scoring run scores this response: its prompt's id and its sample's number, as "12-0"."""
    return f"{response.prompt_id}-{response.sample}"


def scores_of(run: Run) -> Iterator[ScoreRow]:
    """What a scoring run found, by `score_id`. Raises BadRow when its file is missing or cannot be read."""
    return iter(read_rows(run_folder(run) / "scores.jsonl", ScoreRow))


def predictions_of(run: Run) -> Iterator[Prediction]:
    """What a reward model says of the test pairs, by comparison id. Raises BadRow like the others."""
    return iter(read_rows(run_folder(run) / "predictions.jsonl", Prediction))


def runs_in(project: Project) -> QuerySet[Run]:
    """The project's runs, newest first."""
    return Run.objects.filter(project=project)


def models_in(project: Project) -> QuerySet[ModelVersion]:
    """The project's models, newest first."""
    return ModelVersion.objects.filter(project=project)

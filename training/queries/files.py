"""Where a run reads and writes, and what it left there."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from training.models import Run
from training.records import Prediction, ResponseRow, ScoreRow, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def run_folder(run: Run) -> Path:
    """Where the learner of this run reads and writes."""
    return Path(settings.TARE_RUNS) / str(run.pk)


def responses_of(run: Run) -> Iterator[ResponseRow]:
    """What a generation run sampled, as PostgreSQL can keep it: no NUL, no half of a surrogate pair.

    A model of bytes may write anything. Raises BadRow when its file is missing or cannot be read.
    """
    return map(_whole, read_rows(run_folder(run) / "responses.jsonl", ResponseRow))


def _whole(row: ResponseRow) -> ResponseRow:
    text = row.text.replace("\0", REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return row if text == row.text else replace(row, text=text)


def score_id(response: ResponseRow) -> str:
    """The id under which a scoring run scores this response: its prompt's id and its sample's number, as "12-0"."""
    return f"{response.prompt_id}-{response.sample}"


def scores_of(run: Run) -> Iterator[ScoreRow]:
    """What a scoring run found, by `score_id`. Raises BadRow when its file is missing or cannot be read."""
    return iter(read_rows(run_folder(run) / "scores.jsonl", ScoreRow))


def predictions_of(run: Run) -> Iterator[Prediction]:
    """What a reward model says of the test pairs, by comparison id. Raises BadRow like the others."""
    return iter(read_rows(run_folder(run) / "predictions.jsonl", Prediction))


def first_responses(run: Run, *, count: int) -> list[ResponseRow]:
    """The first few of what a generation run sampled, without reading the rest; none when there is no file yet."""
    path = run_folder(run) / "responses.jsonl"
    if not path.is_file():
        return []
    with path.open("rb") as lines:
        return [_whole(ResponseRow(**json.loads(line))) for line in islice(lines, count)]

"""The rows of the data files, and JSON lines read and written."""

import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from training.records.checking import BadRow, Message, build, json_object, number, question, write_whole

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A document to pretrain on: plain `text`, or a whole conversation in `messages`. Exactly one of the two."""

    text: str | None = None
    messages: list[Message] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A prompt and the response a person would give."""

    messages: list[Message] = question()
    completion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A judged comparison: `soft_label` is the probability that B is preferred (a tie is 0.5)."""

    id: str
    messages: list[Message] = question()
    a: str
    b: str
    soft_label: float = number(MISSING, low=0.0, high=1.0)
    weight: float = number(1.0, low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """A prompt to answer."""

    id: str
    messages: list[Message] = question()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow:
    """One sampled response. `logprob` is the sum over its tokens under the sampling model at temperature 1."""

    prompt_id: str
    sample: int
    text: str
    finished: bool
    tokens: int
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """A response to score; one that was cut off is not `finished`."""

    id: str
    messages: list[Message] = question()
    text: str
    finished: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """The scores of one response: normalised rewards by name, and summed log-probabilities where asked for."""

    id: str
    scores: dict[str, float]
    logprob: float | None = None
    reference_logprob: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the reward model says of a test pair: the probability that B is preferred."""

    id: str
    p_b: float


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Every line of a JSON-lines file. Raises BadRow naming the file and line, or the missing file."""
    if not path.is_file():
        raise BadRow(f"{path.name} is missing.")
    rows = []
    for place, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            rows.append(json_object(line, where=f"{path.name} line {place}"))
    return rows


def read_rows(path: Path, row: type[T], *, allow_empty: bool = False) -> list[T]:
    """Every line of a JSON-lines file as a `row`, checked. Raises BadRow naming the file, the line and the field."""
    built = []
    for place, data in enumerate(read_jsonl(path), start=1):
        try:
            built.append(build(row, data, error=BadRow))
        except BadRow as refusal:
            raise BadRow(f"{path.name} row {place}: {refusal}") from refusal
    if not built and not allow_empty:
        raise BadRow(f"{path.name} has no rows.")
    return built


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """Write rows (dataclasses or dictionaries), one JSON object per line; whole or not at all. Returns the count."""
    lines = [json.dumps(row if isinstance(row, dict) else asdict(row), ensure_ascii=False) + "\n" for row in rows]
    write_whole(path, "".join(lines))
    return len(lines)

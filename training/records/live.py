"""The lines that pass between a worker and the child that answers live turns: one JSON object each, on its pipes."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from training.records.checking import BadRow, Message, above_zero, build, json_object, number, question

TOO_LONG = "too long"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The child's first line: the model is loaded, or it is not and `refused` says why.

    `digest` is that of the files that were loaded, as digest_of says it; `room` is how many tokens the model reads.
    """

    digest: str = ""
    room: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """Answer this conversation once with each seed. An answer may have `max_new_tokens` tokens, as far as they fit."""

    id: str
    messages: list[Message] = question()
    seeds: list[int]
    temperature: float = above_zero(1.0)
    max_new_tokens: int = number(256, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAnswer:
    """One text for each seed, or `refused`: TOO_LONG, or what the model's folder has that cannot work."""

    id: str
    texts: list[str] = field(default_factory=list)
    finished: list[bool] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    seconds: float = 0.0
    refused: str = ""


def written_line(record: Any) -> bytes:
    """A record as one line."""
    return json.dumps(asdict(record)).encode() + b"\n"


def read_line(record: type[T], line: bytes) -> T:
    """A line as the record it should be. Raises BadRow."""
    return build(record, json_object(line, where="the line"), error=BadRow)

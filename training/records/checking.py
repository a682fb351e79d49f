"""JSON data into frozen dataclasses, with a sentence for whatever does not fit; and files written whole."""

import json
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import Any, TypeVar

ROLES = ("system", "user", "assistant")

Message = dict[str, str]
T = TypeVar("T")


class BadRecord(ValueError):
    """What was written for a learner cannot be used; the message is a sentence for a person."""


class BadRecipe(BadRecord):
    """The recipe has a missing, unknown or impossible field; the message names it."""


class BadRow(BadRecord):
    """A line of a data file cannot be used; the message names the file and the line."""


def number(default: Any, *, low: float = -math.inf, high: float = math.inf) -> Any:
    """A field whose value must lie in [low, high]."""
    return field(default=default, metadata={"low": low, "high": high})


def above_zero(default: Any) -> Any:
    """A field whose value must be greater than zero."""
    return field(default=default, metadata={"above": 0.0})


def question() -> Any:
    """A field that is a conversation ending with a user turn."""
    return field(default=MISSING, metadata={"question": True})


def build(record: type[T], data: Mapping[str, Any], *, error: type[BadRecord]) -> T:
    """Make a `record` of JSON data, or raise `error` with a sentence that names the field."""
    known = {entry.name: entry for entry in fields(record)}  # type: ignore[arg-type]  # T is one of the dataclasses
    for name in data:
        if name not in known:
            raise error(f"{name} is not a field here; the fields are {', '.join(known)}.")
    hints = _hints(record)
    values = {}
    for name, entry in known.items():
        if name in data:
            values[name] = _checked(data[name], hints[name], name=name, limits=entry.metadata, error=error)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise error(f"{name} is missing.")
    return record(**values)


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(record: type) -> dict[str, Any]:
    """The field types of `record`, looked up once: a data file has many rows."""
    if record not in _HINTS:
        _HINTS[record] = typing.get_type_hints(record)
    return _HINTS[record]


def _checked(value: Any, hint: Any, *, name: str, limits: Mapping[str, Any], error: type[BadRecord]) -> Any:
    """`value` as `hint` wants it, within `limits`."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in hint.__args__ if option is not type(None))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not _fits(value, hint):
        raise error(f"{name}={_short(value)}: use {_in_words(hint)}.")
    if "question" in limits and value[-1]["role"] != "user":
        raise error(f"{name} ends with the role {value[-1]['role']}: end it with a user turn.")
    if "above" in limits and not value > limits["above"]:
        raise error(f"{name}={value!r}: use a number above {limits['above']:g}.")
    if "low" in limits and not limits["low"] <= value <= limits["high"]:
        raise error(f"{name}={value!r}: use a number from {limits['low']:g} to {limits['high']:g}.")
    return value


def _fits(value: Any, hint: Any) -> bool:
    """Whether JSON `value` is of type `hint`."""
    if hint == list[Message]:
        return _is_conversation(value)
    if typing.get_origin(hint) is list:
        inner = typing.get_args(hint)[0]
        return isinstance(value, list) and all(_fits(entry, inner) for entry in value)
    if typing.get_origin(hint) is dict:
        inner = typing.get_args(hint)[1]
        return isinstance(value, dict) and all(_fits(entry, inner) for entry in value.values())
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _is_conversation(value: Any) -> bool:
    """Whether `value` is a non-empty list of {"role", "content"} with known roles."""
    if not isinstance(value, list) or not value:
        return False
    return all(
        isinstance(turn, dict) and turn.get("role") in ROLES and isinstance(turn.get("content"), str) for turn in value
    )


def _in_words(hint: Any) -> str:
    """A type as a reader would say it."""
    if hint == list[Message]:
        return 'a list of {"role", "content"}, with the roles ' + ", ".join(ROLES)
    if typing.get_origin(hint) is list:
        return f"a list, of {_in_words(typing.get_args(hint)[0])} each"
    if typing.get_origin(hint) is dict:
        return f"an object whose values are {_in_words(typing.get_args(hint)[1])}"
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(hint, "another value")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def json_object(line: bytes, *, where: str) -> dict[str, Any]:
    """One JSON object, or BadRow saying where it is not one."""
    try:
        data = json.loads(line)
    except ValueError as problem:
        raise BadRow(f"{where} is not JSON: {problem}.") from problem
    if not isinstance(data, dict):
        raise BadRow(f"{where} is not a JSON object.")
    return data


def write_whole(path: Path, text: str) -> None:
    """Write beside, flush to disk, rename: a reader sees the old file or the new one, never half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)

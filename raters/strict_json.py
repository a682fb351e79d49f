"""Pure: JSON from outside, read strictly. What PostgreSQL, Parquet or a reader later would choke on is refused here."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 32


class BadJson(ValueError):
    """The bytes are not JSON that can be kept; the message is a sentence for a person."""


def loads(data: bytes) -> Any:
    """The value in `data`: UTF-8 JSON without NUL, lone surrogates, NaN, repeated keys or nesting beyond 32 levels.

    Raises BadJson.
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except UnicodeDecodeError as problem:
        raise BadJson(f"This is not UTF-8: byte {problem.start + 1} cannot be read.") from None
    except RecursionError:
        raise BadJson(f"This is nested deeper than {MAX_DEPTH} levels.") from None
    except BadJson:
        raise
    except json.JSONDecodeError as problem:
        raise BadJson(f"This is not valid JSON: {problem.msg} at character {problem.pos + 1}.") from None
    except ValueError:
        # Python reads no integer of more than 4300 digits
        raise BadJson("A number here has too many digits.") from None
    _check(value)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise BadJson(f"The key {_short(next(name for name in names if names.count(name) > 1))} is given twice.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not a JSON number.")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadJson("A number here is too large.")
    return value


def _check(value: Any) -> None:
    """Walk without recursion, so that depth is a sentence and never a crash."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadJson(f"This is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            waiting.extend((name, depth) for name in item)
            waiting.extend((entry, depth + 1) for entry in item.values())
        elif isinstance(item, list):
            waiting.extend((entry, depth + 1) for entry in item)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise BadJson("A text here contains the character U+0000.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("A text here contains half of a character (a lone surrogate).") from None


def _short(name: str) -> str:
    return ascii(name if len(name) <= 40 else name[:37] + "...")

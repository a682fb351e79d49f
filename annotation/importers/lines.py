"""Pure: a stream of bytes as lines of bounded size, so that a file of one endless line costs no memory."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from raters import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 1_000_000
BLOCK = 65_536


class BadLine(ValueError):
    """This line cannot be imported; the message is the reason, a sentence for a person."""


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Each line without its newline. Of a line that is too long only the beginning comes: `record` refuses it.

    Lines end at a newline byte and nowhere else: U+2028 or a carriage return inside a text does not end one.
    """
    kept = b""
    while block := stream.read(BLOCK):
        *ended, rest = block.split(b"\n")
        for piece in ended:
            yield kept + piece
            kept = b""
        kept = (kept + rest)[: MAX_LINE + 1]
    if kept:
        yield kept


def record(line: bytes, *, fields: frozenset[str]) -> dict[str, Any]:
    """The JSON object of one line, with known fields only. Raises BadLine."""
    if len(line) > MAX_LINE:
        raise BadLine(f"The line has more than {MAX_LINE:,} bytes.")
    try:
        data = strict_json.loads(line)
    except strict_json.BadJson as refusal:
        raise BadLine(str(refusal)) from refusal
    if not isinstance(data, dict):
        raise BadLine("The line is not a JSON object.")
    unknown = sorted(data.keys() - fields)
    if unknown:
        raise BadLine(f"{unknown[0][:60]!r} is not a field here; the fields are {', '.join(sorted(fields))}.")
    return data

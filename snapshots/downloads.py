"""Pure: which bytes of a file a request asks for (RFC 9110, section 14), and reading just those."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(?P<first>[0-9]{0,18})\s*-\s*(?P<last>[0-9]{0,18})\s*")


class NoSuchRange(ValueError):
    """The range lies beyond the end of the file."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes of a file."""

    start: int
    length: int
    is_part: bool

    def open(self, path: Path) -> io.BufferedReader:
        """A stream of just these bytes."""
        return io.BufferedReader(_Window(path, self))


def piece_of(asked: str, if_range: str, etag: str, size: int) -> Piece:
    """The bytes that the Range header asks for; the whole file when there is none, several, or another file is meant.

    Raises NoSuchRange.
    """
    whole = Piece(0, size, is_part=False)
    match = _ONE_RANGE.fullmatch(asked)
    if match is None or if_range != etag:
        return whole
    first, last = match["first"], match["last"]
    if not first and not last:
        return whole
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return whole  # such a range says nothing, so it is as if it were not there
    if start >= size or end <= start:
        raise NoSuchRange(f"The file has {size:,} bytes.")
    return Piece(start, end - start, is_part=True)


class _Window(io.RawIOBase):
    """The bytes of a piece, as a file of their own."""

    def __init__(self, path: Path, piece: Piece) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._file.seek(piece.start)
        self._left = piece.length

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed says Buffer; it is this
        """Fill the buffer as far as the piece goes."""
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

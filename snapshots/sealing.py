"""Pure: rows into a folder of files that is there whole, or not at all.

Rows go to files in a folder beside the final one. `seal` ends and hashes the files, flushes them to the disk and gives
the folder its name, in one step that a killed process either did or did not take. The same rows in the same order
give the same bytes, however they were chunked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 4096
COMPRESSION = "zstd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A finished file."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Writer(Protocol):
    """Takes rows until it is closed."""

    rows: int

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some more rows."""

    def close(self) -> None:
        """No more rows will come."""


class JsonLines:
    """A JSON object a line, as `line_of` writes it."""

    def __init__(self, path: Path, line_of: Callable[[Mapping[str, Any]], str]) -> None:
        self.rows = 0
        self._line_of = line_of
        # the newline is written as it is on every system, or the bytes would differ
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some more rows."""
        for row in rows:
            self._stream.write(self._line_of(row) + "\n")
            self.rows += 1

    def close(self) -> None:
        """No more rows will come."""
        self._stream.close()  # closing twice is closing once


class Parquet:
    """Row groups of one size, so that a reader and a writer of a million rows hold a few thousand."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._waiting: list[Mapping[str, Any]] = []
        self._file = pq.ParquetWriter(path, schema, compression=COMPRESSION)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some more rows."""
        self._waiting.extend(rows)
        while len(self._waiting) >= ROW_GROUP:
            self._write(self._waiting[:ROW_GROUP])
            del self._waiting[:ROW_GROUP]

    def close(self) -> None:
        """No more rows will come. A file without rows still says its columns."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._write(waiting)
        self._file.close()

    def _write(self, rows: list[Mapping[str, Any]]) -> None:
        self._file.write_table(pa.Table.from_pylist(rows, schema=self._schema), row_group_size=ROW_GROUP)
        self.rows += len(rows)


class Folder:
    """The files of one snapshot, on the way to `final`."""

    def __init__(self, final: Path, *, attempt: int) -> None:
        self.final = final
        self.path = final.with_name(f"{final.name}.building-{attempt}")
        self.writers: dict[str, Writer] = {}

    def start(self) -> None:
        """An empty folder. What earlier attempts left behind goes."""
        self.final.parent.mkdir(parents=True, exist_ok=True)
        for left in self.final.parent.glob(f"{self.final.name}.building-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.path.mkdir()

    def json_lines(self, name: str, line_of: Callable[[Mapping[str, Any]], str]) -> None:
        """Open a file of JSON lines."""
        self.writers[name] = JsonLines(self.path / name, line_of)

    def parquet(self, name: str, schema: pa.Schema) -> None:
        """Open a Parquet file."""
        self.writers[name] = Parquet(self.path / name, schema)

    def finish(self) -> list[Sealed]:
        """End, hash and flush every file, in the order of their names."""
        for writer in self.writers.values():
            writer.close()
        return [_sealed(self.path / name, self.writers[name].rows) for name in sorted(self.writers)]

    def seal(self) -> None:
        """Give the folder its name. What a dead attempt named but never filed makes room: nobody has seen it."""
        _flush(self.path)
        shutil.rmtree(self.final, ignore_errors=True)
        self.path.rename(self.final)
        _flush(self.final.parent)

    def drop(self) -> None:
        """Leave nothing behind, also when the disk is full and the last rows cannot be written."""
        for writer in self.writers.values():
            with contextlib.suppress(OSError):
                writer.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _sealed(path: Path, rows: int) -> Sealed:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return Sealed(name=path.name, rows=rows, bytes=path.stat().st_size, sha256=digest)


def _flush(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

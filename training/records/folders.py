"""A run folder's recipe, metrics and outcome, and the digests of what it holds."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.records.checking import BadRow, build, json_object, write_whole
from training.records.recipes import Recipe, recipe_data

RECIPE, METRICS, OUTCOME, MODEL = "recipe.json", "metrics.jsonl", "outcome.json", "model"


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Put `recipe.json` into the run folder."""
    write_whole(folder / RECIPE, json.dumps(recipe_data(recipe), indent=2) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLine:
    """One line of metrics.jsonl: what was measured after `step` of `total` steps."""

    step: int
    total: int
    values: dict[str, float]


def read_metrics(path: Path, *, offset: int = 0) -> tuple[list[MetricLine], int]:
    """The whole lines after byte `offset`, and the offset to go on from. A line still being written waits."""
    if not path.is_file():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read()
    whole = data[: data.rfind(b"\n") + 1]
    lines = [build(MetricLine, json_object(line, where=path.name), error=BadRow) for line in whole.splitlines() if line]
    return lines, offset + len(whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. `files` maps each file made, by its path in the run folder, to its sha256."""

    state: str
    reason: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Put `outcome.json` into the run folder, whole or not at all."""
        write_whole(folder / OUTCOME, json.dumps(asdict(self), indent=2) + "\n")


def read_outcome(folder: Path) -> Outcome | None:
    """How the run in `folder` ended, or None while it has not."""
    path = folder / OUTCOME
    if not path.is_file():
        return None
    return build(Outcome, json_object(path.read_bytes(), where=OUTCOME), error=BadRow)


def file_hashes(folder: Path, *names: str) -> dict[str, str]:
    """The sha256 of every file under `folder` (or under its entries `names`), by path relative to `folder`."""
    starts = [folder / name for name in names] if names else [folder]
    files = [file for start in starts for file in ([start] if start.is_file() else start.rglob("*")) if file.is_file()]
    return {file.relative_to(folder).as_posix(): _sha256(file) for file in sorted(files)}


def digest_of(folder: Path) -> str:
    """The identity of a folder (a model): sha256 over the sorted relative names and the hashes of its files."""
    digest = hashlib.sha256()
    for name, hashed in sorted(file_hashes(folder).items()):
        digest.update(f"{name}\0{hashed}\n".encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

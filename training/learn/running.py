"""What every learner has in common: the folder, the recipe, metrics, the outcome, seeds, threads, signals.

A learner is a function `learn(run) -> results`; `main(learn, kind=...)` makes a program of it:

    python -m training.learn.<kind> <folder>

    exit 0     done: outcome.json says what was found and lists every file made
    exit 2     the recipe, the data or the model cannot work: outcome.json says why
    exit 143   ended by SIGTERM: no outcome

TARE_LEARN_THREADS sets the number of CPU threads; without it a learner takes half of the cores. Threads that
wait for one another at every small operation stand still whenever a neighbour has one of their cores: on two
busy cores, two threads took the demo's model 3 to 40 seconds for what one thread does in 4.
"""

import gc
import json
import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar, cast

import torch

from training.records import (
    METRICS,
    MODEL,
    OUTCOME,
    RECIPE,
    BadRecipe,
    BadRecord,
    Outcome,
    Recipe,
    file_hashes,
    read_recipe,
)

R = TypeVar("R", bound=Recipe)
# what each kind of run makes besides a model, and which make none: what one kind makes, another one may read
MADE = {"reward": "predictions.jsonl", "generate": "responses.jsonl", "score": "scores.jsonl"}
NO_MODEL = ("generate", "score")


class Diverged(BadRecord):
    """Training left the numbers: the loss is infinite or not a number."""


@dataclass(frozen=True, slots=True)
class Run(Generic[R]):
    """One run of a learner: where it reads and writes, what it was asked, and its dice."""

    folder: Path
    recipe: R
    device: torch.device
    rng: random.Random

    def path(self, name: str) -> Path:
        """A path of the recipe: absolute, or relative to the run folder."""
        return self.folder / name

    @property
    def model_folder(self) -> Path:
        """Where the model that this run makes goes."""
        return self.folder / MODEL

    def log(self, step: int, total: int, values: dict[str, float]) -> None:
        """Append one line to metrics.jsonl. Raises Diverged if the loss has stopped being a number."""
        for name, value in values.items():
            if not math.isfinite(value):
                raise Diverged(f"{name} is {value} at step {step}: training diverged; lower the learning rate.")
        line = json.dumps({"step": step, "total": total, "values": values})
        with (self.folder / METRICS).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def main(learn: Callable[[Run[R]], dict[str, Any]], *, kind: str, argv: list[str] | None = None) -> int:
    """Run `learn` on the folder named on the command line and write its outcome. Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1:
        sys.stderr.write(f"usage: python -m training.learn.{kind} <run folder>\n")
        return 2
    signal.signal(signal.SIGTERM, _end)
    # Importing transformers makes a million long-lived objects; walking them again and again costs a second.
    gc.set_threshold(200_000, 20, 20)
    folder = Path(arguments[0]).resolve()
    started = time.monotonic()
    try:
        run = _start(folder, kind=kind)
        results = learn(cast("Run[R]", run))
        outcome = Outcome(state="done", results=results, files=file_hashes(folder, *_made(folder, kind=kind)))
    except BadRecord as refusal:
        outcome = Outcome(state="failed", reason=str(refusal))
    if not folder.is_dir():
        sys.stderr.write(f"{outcome.reason}\n")
        return 2
    _finish(folder, outcome=outcome, seconds=time.monotonic() - started)
    return 0 if outcome.state == "done" else 2


def _start(folder: Path, *, kind: str) -> Run[Any]:
    """Clear what an earlier attempt left, read the recipe, seed everything."""
    if not folder.is_dir():
        raise BadRecipe(f"{folder} is not a folder.")
    _clear(folder, kind=kind)
    recipe = _recipe(folder, kind=kind)
    torch.set_num_threads(threads())
    torch.manual_seed(recipe.seed)
    random.seed(recipe.seed)
    return Run(folder, recipe, device(), random.Random(recipe.seed))  # noqa: S311  (the dice of a training run)


def _products(kind: str) -> list[str]:
    return [*([] if kind in NO_MODEL else [MODEL]), *([MADE[kind]] if kind in MADE else [])]


def _clear(folder: Path, *, kind: str) -> None:
    """A second start on the same folder starts over."""
    for name in (OUTCOME, METRICS, *_products(kind)):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _recipe(folder: Path, *, kind: str) -> Recipe:
    path = folder / RECIPE
    if not path.is_file():
        raise BadRecipe(f"{RECIPE} is missing.")
    try:
        data = json.loads(path.read_bytes())
    except ValueError as problem:
        raise BadRecipe(f"{RECIPE} is not JSON: {problem}.") from problem
    if not isinstance(data, dict):
        raise BadRecipe(f"{RECIPE} is not a JSON object.")
    recipe = read_recipe(data)
    if recipe.kind != kind:
        raise BadRecipe(f"kind={recipe.kind!r}: this learner is {kind!r}.")
    return recipe


def threads() -> int:
    """How many CPU threads torch may use."""
    asked = os.environ.get("TARE_LEARN_THREADS", "")
    if not asked:
        return max(1, len(os.sched_getaffinity(0)) // 2)
    if not asked.isdecimal() or int(asked) < 1:
        raise BadRecipe(f"TARE_LEARN_THREADS={asked!r}: use a whole number of threads, 1 or more.")
    return int(asked)


def device() -> torch.device:
    """Where the model goes: the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _made(folder: Path, *, kind: str) -> list[str]:
    return [name for name in _products(kind) if (folder / name).exists()]


def _finish(folder: Path, *, outcome: Outcome, seconds: float) -> None:
    Outcome(
        state=outcome.state,
        reason=outcome.reason,
        results=outcome.results,
        seconds=round(seconds, 3),
        files=outcome.files,
    ).write(folder)


def _end(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM: stop where we are. Metrics are already written, and no outcome means not done."""
    raise SystemExit(143)

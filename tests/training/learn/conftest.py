"""Seconds-small run folders, and one tiny model that all tests share."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.demo import world
from training.records import (
    Demonstration,
    Outcome,
    Pair,
    PromptRow,
    ScoreRequest,
    read_outcome,
    read_recipe,
    write_jsonl,
    write_recipe,
)

TINY = {"hidden": 16, "layers": 1, "heads": 2, "ff": 32, "vocab": 320, "max_tokens": 160, "steps": 30, "batch": 8}
PROMPTS = world.all_prompts()[:12]


def run_folder(folder: Path, kind: str, files: Mapping[str, Sequence[Any]], **recipe: Any) -> Path:
    """A run folder, ready for its learner."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        write_jsonl(folder / name, rows)
    write_recipe(folder, read_recipe({"kind": kind, **recipe}))
    return folder


def learn(kind: str, folder: Path) -> Outcome:
    """Run the learner as production does, in a process of its own, and read its outcome."""
    command = [sys.executable, "-m", f"training.learn.{kind}", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    outcome = read_outcome(folder)
    assert outcome is not None, ended.stderr
    assert outcome.state == "done", outcome.reason
    assert ended.returncode == 0
    return outcome


@pytest.fixture(scope="session")
def base_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny base model."""
    texts = world.corpus(count=300, rng=random.Random(0))
    folder = run_folder(tmp_path_factory.mktemp("learn") / "base", "base", {"texts.jsonl": texts}, **TINY)
    learn("base", folder)
    return folder


@pytest.fixture(scope="session")
def model(base_run: Path) -> Path:
    """The folder of the tiny model."""
    return base_run / "model"


@pytest.fixture
def calm() -> Iterator[None]:
    """A learner run inside this process sets a signal handler and the collector's thresholds: put them back."""
    handler, thresholds = signal.getsignal(signal.SIGTERM), gc.get_threshold()
    yield
    signal.signal(signal.SIGTERM, handler)
    gc.set_threshold(*thresholds)


def demonstrations(count: int = 12) -> list[Demonstration]:
    """Demonstrations of the demo's world."""
    rng = random.Random(1)
    drawn = world.demonstrations(PROMPTS, count=count, rng=rng)
    return [Demonstration(messages=prompt.messages, completion=text) for prompt, text in drawn]


def pairs(count: int = 12) -> list[Pair]:
    """Pairs with labels of every sort: A, B, a tie, a split vote."""
    labels = (0.0, 1.0, 0.5, 0.75)
    return [
        Pair(
            id=str(at),
            messages=PROMPTS[at % len(PROMPTS)].messages,
            a=f"The answer is {at}.",
            b=f"Of course. It is {at} as far as I know.",
            soft_label=labels[at % len(labels)],
            weight=1.0 + at % 2,
        )
        for at in range(count)
    ]


def prompt_rows() -> list[PromptRow]:
    """A few prompts to answer."""
    return [PromptRow(id=str(at), messages=prompt.messages) for at, prompt in enumerate(PROMPTS)]


def requests() -> list[ScoreRequest]:
    """Responses to score, one of them cut off."""
    rows = [ScoreRequest(id=pair.id, messages=pair.messages, text=pair.a) for pair in pairs(4)]
    return [*rows, ScoreRequest(id="cut", messages=PROMPTS[0].messages, text="The fox is", finished=False)]

"""Runs finished by hand: what a learner would have left in its folder, without a learner.

`finish_runs()` takes every queued run through the same claim, folder and filing as a worker would. What the models
"say" is in `Script`: a test changes the part it is about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation import actions as annotation
from annotation.models import Batch
from evaluation import actions as evaluation
from evaluation.actions import RoundConfig
from evaluation.models import Round
from raters.models import Project, Standing
from snapshots import actions as snapshots
from tests import make
from training import actions as training
from training.models import ModelVersion, Run
from training.records import (
    Outcome,
    Prediction,
    PromptRow,
    ResponseRow,
    ScoreRequest,
    ScoreRow,
    read_rows,
    write_jsonl,
)

REWARD_RESULTS = {"accuracy": 0.7, "ece": 0.04, "log_loss": 0.6, "length_baseline": 0.5, "n_train": 8, "n_test": 4}
SMALL = RoundConfig(samples=3, pairs=4, held_out_pairs=2, evaluation_samples=2, probe_samples=2)
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def an_answer(model: str, question: str, sample: int) -> str:
    """Dull prose, different for each sample, model and question."""
    turn = hashlib.sha256(f"{model} {question} {sample}".encode()).digest()
    return " ".join(WORDS[byte % len(WORDS)] for byte in turn[:8]) + "."


def a_score(judge: str, text: str) -> float:
    """A fair draw for every text, in which both judges agree."""
    return hashlib.sha256(text.encode()).digest()[0] / 255.0


@dataclass(frozen=True, slots=True)
class Script:
    """What the learners do. `fails` maps a run's name to the reason it ends with."""

    answer: Callable[[str, str, int], str] = an_answer
    score: Callable[[str, str], float] = a_score
    reward: dict[str, Any] = field(default_factory=lambda: dict(REWARD_RESULTS))
    kl: float = 3.0
    fails: dict[str, str] = field(default_factory=dict)


def model(project: Project, name: str = "sft", *, kind: str = "policy") -> ModelVersion:
    """A model whose folder is there and whose weights are not."""
    folder = Path(settings.TARE_RUNS) / "models" / f"{project.pk}-{name}"
    _write_model(folder, name)
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ModelVersion.objects.create(project=project, name=name, kind=kind, digest=digest, path=str(folder))


def finish_runs(script: Script | None = None, *, now: datetime | None = None) -> list[str]:
    """Do every queued run's work. Returns their names, in order."""
    names = []
    moment = now or make.now()
    while run := training.claim_next_run(now=moment):
        finish_claimed(run, script or Script(), now=moment)
        names.append(run.name)
    return names


def finish_claimed(run: Run, script: Script, *, now: datetime) -> None:
    """Do one claimed run's work and file it."""
    if run.name in script.fails:
        training.fail_run(run, token=run.token, reason=script.fails[run.name], now=now)
        return
    folder = training.prepare_run(run)
    results = _WORK[run.kind](run, folder, script)
    outcome = Outcome(state="done", results=results, seconds=1.5)
    outcome.write(folder)
    training.finish_run(run, token=run.token, outcome=outcome, now=now)


def judge_all(batch: Batch) -> int:
    """Every place of the batch is filled, by one rater of each panel; B wins each time. Returns the judgments."""
    project = batch.project
    raters = [make.rater(project), make.rater(project)]
    for panel, person in enumerate(raters):
        Standing.objects.filter(project=project, user=person).update(panel=panel)
    judged = 0
    for person in raters:
        while True:
            try:
                make.judgment(person, project, preference=2)
            except annotation.NothingLeft:
                break
            judged += 1
    annotation.fold_labels(now=make.now())
    annotation.close_finished_batches(now=make.now())
    return judged


def build_snapshots() -> None:
    """Every queued snapshot is built."""
    while snapshots.build_next_snapshot(now=make.now()):
        continue


def start_round(project: Project, *, config: RoundConfig = SMALL, **more: Any) -> Round:
    """A round from a paper model, on two prompts to train on and two that are held out."""
    for name in "wxyz":
        make.prompt(project, f"What is {name}?", held_out=name in "yz")
    sft = more.pop("reference", None) or model(project)
    wanted = {"reference": sft, "start": sft, "guideline": make.guideline(project), "config": config, "by": None}
    return evaluation.start_round(project, **{**wanted, **more}, now=make.now())


def walk(round: Round, script: Script | None = None) -> Round:
    """Take a round as far as it goes, doing all work it asks for: to its end, or to where it fails."""
    for _ in range(20):
        evaluation.advance_rounds(now=make.now())
        finish_runs(script)
        build_snapshots()
        round.refresh_from_db()
        if round.state == Round.State.COLLECTING and round.batch is not None:
            judge_all(round.batch)
        if round.state in (Round.State.DONE, Round.State.FAILED):
            return round
    raise AssertionError(f"{round} never ends: {round.state}")


def finished_round(project: Project, *, script: Script | None = None) -> Round:
    """A round that was walked through from its start."""
    return walk(start_round(project), script)


def collecting_round(project: Project) -> Round:
    """A round that waits for judgments."""
    round = start_round(project)
    evaluation.advance_rounds(now=make.now())
    finish_runs()
    evaluation.advance_rounds(now=make.now())
    round.refresh_from_db()
    return round


def another_round(before: Round, *, script: Script | None = None) -> Round:
    """The round after it, walked through as well."""
    return walk(evaluation.start_next_round(before.project, by=None, now=make.now()), script)


def _write_model(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "paper", "name": name}))
    (folder / "model.safetensors").write_bytes(name.encode())


def _train(run: Run, folder: Path, script: Script) -> dict[str, Any]:
    _write_model(folder / "model", run.name)
    return {}


def _reward(run: Run, folder: Path, script: Script) -> dict[str, Any]:
    _write_model(folder / "model", run.name)
    write_jsonl(folder / "predictions.jsonl", [Prediction(id="1", p_b=0.6)])
    return script.reward


def _generate(run: Run, folder: Path, script: Script) -> dict[str, Any]:
    start = run.start_from
    assert start is not None
    rows = [
        ResponseRow(
            prompt_id=asked.id,
            sample=sample,
            text=script.answer(f"{start.name}@{run.recipe['temperature']}", asked.messages[-1]["content"], sample),
            finished=True,
            tokens=8,
            logprob=-8.0,
        )
        for asked in read_rows(folder / "prompts.jsonl", PromptRow)
        for sample in range(run.recipe["samples"])
    ]
    write_jsonl(folder / "responses.jsonl", rows)
    return {"responses": len(rows)}


def _score(run: Run, folder: Path, script: Script) -> dict[str, Any]:
    names = list(run.inputs["reward_models"])
    against = run.inputs.get("reference") is not None
    rows = [
        ScoreRow(
            id=asked.id,
            scores={name: script.score(name, asked.text) for name in names},
            logprob=-8.0 if against else None,
            reference_logprob=-8.0 - script.kl if against else None,
        )
        for asked in read_rows(folder / "responses.jsonl", ScoreRequest)
    ]
    write_jsonl(folder / "scores.jsonl", rows)
    means = {name: sum(row.scores[name] for row in rows) / len(rows) for name in names}
    return means | ({"kl": script.kl, "kl_se": 0.1} if against else {})


_WORK: dict[str, Callable[[Run, Path, Script], dict[str, Any]]] = {
    Run.Kind.BASE: _train,
    Run.Kind.SFT: _train,
    Run.Kind.DPO: _train,
    Run.Kind.PPO: _train,
    Run.Kind.REWARD: _reward,
    Run.Kind.GENERATE: _generate,
    Run.Kind.SCORE: _score,
}

"""Each learner on a seconds-small folder, in a process of its own, as production runs it."""

import hashlib
import math
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.learn.conftest import (
    TINY,
    demonstrations,
    learn,
    pairs,
    prompt_rows,
    requests,
    run_folder,
)
from training.learn import base
from training.learn.loading import load_policy, load_tokenizer
from training.learn.reward import train as train_reward
from training.learn.rewards import load_scorer
from training.learn.running import Run
from training.records import (
    MetricLine,
    Outcome,
    Pair,
    Prediction,
    ResponseRow,
    RewardRecipe,
    ScoreRow,
    read_metrics,
    read_outcome,
    read_rows,
)

Runs = dict[str, tuple[Path, Outcome]]


@pytest.fixture(scope="module")
def runs(base_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every learner once, two at a time, each on what an earlier one made."""
    root, base = tmp_path_factory.mktemp("runs"), str(base_run / "model")
    judged = {"pairs.train.jsonl": pairs(24), "pairs.test.jsonl": pairs(8)}
    done: Runs = {}

    def run(kind: str, files: dict[str, Any], **recipe: Any) -> None:
        folder = run_folder(root / kind, kind, files, **recipe)
        done[kind] = folder, learn(kind, folder)

    with ThreadPoolExecutor(2) as pool:
        first = [
            pool.submit(run, "sft", {"demonstrations.jsonl": demonstrations(24)}, model=base, batch=4),
            pool.submit(run, "dpo", judged, model=base, batch=4),
            pool.submit(run, "reward", judged, model=base, batch=4),
            pool.submit(run, "generate", {"prompts.jsonl": prompt_rows()}, model=base, samples=2, max_new_tokens=8),
        ]
        for each in first:
            each.result()
        reward = str(root / "reward" / "model")
        sizes = {"iterations": 3, "batch": 8, "minibatch": 8, "epochs": 1, "max_new_tokens": 8}
        models = {"model": base, "reference": base, "reward_model": reward, "audit_model": reward}
        scorers = {"reward_models": {"proxy": reward}, "policy": str(root / "sft" / "model"), "reference": base}
        second = [
            pool.submit(run, "ppo", {"prompts.jsonl": prompt_rows()}, **models, **sizes),
            pool.submit(run, "score", {"responses.jsonl": requests()}, **scorers),
        ]
        for each in second:
            each.result()
    return done


def _metrics(folder: Path) -> list[MetricLine]:
    return read_metrics(folder / "metrics.jsonl")[0]


def test_the_outcome_lists_the_hash_of_every_file_made(base_run: Path) -> None:
    outcome = read_outcome(base_run)
    assert outcome is not None
    assert "model/model.safetensors" in outcome.files
    for name, hashed in outcome.files.items():
        assert hashlib.sha256((base_run / name).read_bytes()).hexdigest() == hashed


def test_base_learns_from_its_texts(base_run: Path) -> None:
    lines = _metrics(base_run)
    assert lines[-1].step == lines[-1].total == TINY["steps"]
    assert lines[-1].values["loss"] < math.log(320)


@pytest.mark.parametrize("kind", ["sft", "dpo", "ppo"])
def test_a_policy_is_saved_with_its_tokenizer_and_has_moved(runs: Runs, model: Path, kind: str) -> None:
    made = runs[kind][0] / "model"
    assert load_tokenizer(made).get_vocab() == load_tokenizer(model).get_vocab()
    before, after = (load_policy(path, device=torch.device("cpu")) for path in (model, made))
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))


def test_sft_writes_its_loss_as_it_goes(runs: Runs) -> None:
    lines = [line for line in _metrics(runs["sft"][0]) if "loss" in line.values]
    assert lines[0].step == 1
    assert lines[-1].total == 6


def test_dpo_starts_at_ln_2(runs: Runs) -> None:
    assert _metrics(runs["dpo"][0])[0].values["loss"] == pytest.approx(math.log(2), abs=1e-4)


def test_dpo_counts_the_ties_that_it_leaves_out(runs: Runs) -> None:
    results = runs["dpo"][1].results
    assert (results["pairs"], results["ties"]) == (18, 6)


def test_reward_says_how_well_it_predicts(runs: Runs) -> None:
    folder, outcome = runs["reward"]
    assert {"accuracy", "ece", "log_loss", "bins", "length_baseline"} <= outcome.results.keys()
    predictions = read_rows(folder / "predictions.jsonl", Prediction)
    assert [row.id for row in predictions] == [pair.id for pair in pairs(8)]
    assert any("eval_accuracy" in line.values for line in _metrics(folder))


def test_a_reward_models_scale_is_that_of_its_training_responses(runs: Runs) -> None:
    scorer = load_scorer(runs["reward"][0] / "model", device=torch.device("cpu"))
    rows = pairs(24)
    scores = scorer.score([row.messages for row in rows] * 2, [row.a for row in rows] + [row.b for row in rows])
    assert scores.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert scores.std(correction=0).item() == pytest.approx(1.0, abs=1e-3)


def test_generate_answers_every_prompt_as_often_as_asked(runs: Runs) -> None:
    rows = read_rows(runs["generate"][0] / "responses.jsonl", ResponseRow)
    assert [(row.prompt_id, row.sample) for row in rows] == [(each.id, at) for each in prompt_rows() for at in (0, 1)]
    assert all(row.logprob < 0 and row.tokens <= 8 for row in rows)


def test_ppo_starts_every_first_pass_at_a_ratio_of_1(runs: Runs) -> None:
    assert [line.values["val/ratio"] for line in _metrics(runs["ppo"][0])] == pytest.approx([1.0] * 3, abs=1e-6)


def test_ppo_is_at_its_reference_before_it_moves(runs: Runs) -> None:
    lines = _metrics(runs["ppo"][0])
    assert lines[0].values["objective/kl"] == pytest.approx(0.0, abs=1e-5)
    assert lines[-1].values["objective/kl"] != 0.0


def test_ppo_watches_the_audit_model_and_adapts_the_kl_coefficient(runs: Runs) -> None:
    lines = _metrics(runs["ppo"][0])
    assert lines[0].values["audit/scores"] == pytest.approx(lines[0].values["objective/scores"])
    assert lines[1].values["kl_coef"] == pytest.approx(0.05 * math.exp(-0.1))


def test_score_measures_rewards_and_the_distance_from_the_reference(runs: Runs) -> None:
    folder, outcome = runs["score"]
    rows = read_rows(folder / "scores.jsonl", ScoreRow)
    assert [row.id for row in rows] == [each.id for each in requests()]
    gaps = [row.logprob - row.reference_logprob for row in rows if row.logprob and row.reference_logprob]
    assert outcome.results["kl"] == pytest.approx(sum(gaps) / len(gaps))
    assert outcome.results["mean"]["proxy"] == pytest.approx(sum(row.scores["proxy"] for row in rows) / len(rows))


@pytest.mark.usefixtures("calm")
def test_the_same_seed_makes_the_same_weights(tmp_path: Path) -> None:
    files = {"texts.jsonl": [{"text": "The fox is red."}, {"text": "The owl is grey."}] * 20}
    first, again = (run_folder(tmp_path / name, "base", files, **TINY | {"steps": 3}) for name in ("first", "again"))
    assert [base.main([str(folder)]) for folder in (first, again)] == [0, 0]
    one, other = read_outcome(first), read_outcome(again)
    assert one is not None
    assert other is not None
    assert one.files == other.files


def test_a_reward_model_learns_four_pairs_by_heart(model: Path, tmp_path: Path) -> None:
    rows = [
        Pair(id=str(at), messages=[{"role": "user", "content": f"Pick {at}."}], a=a, b=b, soft_label=label)
        for at, (a, b, label) in enumerate(
            [("Yes.", "No.", 1.0), ("No.", "Yes.", 1.0), ("Red.", "Blue.", 0.0), ("One.", "Two.", 0.5)]
        )
    ]
    recipe = RewardRecipe(model=str(model), epochs=80, batch=4, lr=1e-2)
    folder = run_folder(tmp_path, "reward", {"pairs.train.jsonl": rows, "pairs.test.jsonl": rows}, model=recipe.model)
    train_reward(Run(folder, recipe, torch.device("cpu"), random.Random(0)))
    chances = {row.id: row.p_b for row in read_rows(folder / "predictions.jsonl", Prediction)}
    assert chances["0"] > 0.9
    assert chances["1"] > 0.9
    assert chances["2"] < 0.1
    assert 0.4 < chances["3"] < 0.6


def test_sigterm_ends_a_learner_without_an_outcome(tmp_path: Path) -> None:
    files = {"texts.jsonl": [{"text": "The fox is red."}] * 50}
    folder = run_folder(tmp_path, "base", files, **TINY | {"steps": 1_000_000})
    with subprocess.Popen([sys.executable, "-m", "training.learn.base", str(folder)]) as child:
        until = time.monotonic() + 60
        while not (folder / "metrics.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(timeout=30) == 143
    assert read_outcome(folder) is None

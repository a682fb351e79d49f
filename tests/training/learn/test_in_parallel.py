"""Several processes on one run, as a launcher starts them: each works, the first alone writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.learn.conftest import pairs, prompt_rows, run_folder
from training.learn import generate, ppo, reward
from training.records import read_metrics, read_outcome

pytestmark = pytest.mark.usefixtures("calm")
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


def _ppo_folder(root: Path, model: Path) -> Path:
    files = {"pairs.train.jsonl": pairs(8), "pairs.test.jsonl": pairs(4)}
    scorer = run_folder(root / "reward", "reward", files, model=str(model), epochs=1)
    assert reward.main([str(scorer)]) == 0
    paths = {"model": str(model), "reference": str(model), "reward_model": str(scorer / "model")}
    sizes = {"iterations": 2, "batch": 4, "minibatch": 2, "epochs": 1, "max_new_tokens": 4}
    return run_folder(root / "ppo", "ppo", {"prompts.jsonl": prompt_rows()}, **paths, **sizes)


def test_two_processes_make_one_run(model: Path, tmp_path: Path) -> None:
    folder = _ppo_folder(tmp_path, model)
    command = [sys.executable, *TWO, "training.learn.ppo", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == 0, ended.stderr
    outcome = read_outcome(folder)
    assert outcome is not None
    assert outcome.state == "done"
    assert "model/model.safetensors" in outcome.files
    lines, _ = read_metrics(folder / "metrics.jsonl")
    assert [line.step for line in lines] == [1, 2]
    # A ratio of 1 in the second iteration: both processes sample from the policy that both have moved.
    assert all(line.values["val/ratio"] == pytest.approx(1.0, abs=0.05) for line in lines)
    assert lines[1].values["objective/kl"] != 0.0


def test_what_the_first_refuses_the_others_leave_to_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    folder = run_folder(tmp_path, "ppo", {}, model=str(model), reference=str(model), reward_model=str(model))
    assert ppo.main([str(folder)]) == 0
    assert read_outcome(folder) is None


def test_a_learner_that_works_alone_says_so(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    folder = run_folder(tmp_path, "generate", {"prompts.jsonl": prompt_rows()}, model=str(model))
    assert generate.main([str(folder)]) == 2
    outcome = read_outcome(folder)
    assert outcome is not None
    assert outcome.reason == "generate runs as one process; sft, dpo, ppo run as several."

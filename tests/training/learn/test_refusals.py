"""A run that cannot work ends as failed, with the reason in words, and exit code 2."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.learn.conftest import demonstrations, pairs, prompt_rows, run_folder
from training.learn import generate, ppo, reward, running, sft
from training.records import RewardRecipe, SftRecipe, read_outcome, recipe_data, write_jsonl

pytestmark = pytest.mark.usefixtures("calm")
Main = Callable[[list[str]], int]


def _refused(main: Main, folder: Path) -> str:
    assert main([str(folder)]) == 2
    outcome = read_outcome(folder)
    assert outcome is not None
    assert outcome.state == "failed"
    return outcome.reason


def _write(folder: Path, data: Any) -> Path:
    (folder / "recipe.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return folder


def test_a_missing_recipe(tmp_path: Path) -> None:
    assert _refused(sft.main, tmp_path) == "recipe.json is missing."


def test_a_recipe_that_is_not_json(tmp_path: Path) -> None:
    assert "recipe.json is not JSON" in _refused(sft.main, _write(tmp_path, "{"))


def test_a_field_out_of_range(tmp_path: Path) -> None:
    data = recipe_data(SftRecipe(model="m")) | {"lr": -1}
    assert _refused(sft.main, _write(tmp_path, data)) == "lr=-1.0: use a number above 0."


def test_a_field_that_nobody_knows(tmp_path: Path) -> None:
    assert "speed is not a field" in _refused(sft.main, _write(tmp_path, {"kind": "sft", "model": "m", "speed": 9}))


def test_another_learners_recipe(tmp_path: Path) -> None:
    data = recipe_data(RewardRecipe(model="m"))
    assert _refused(sft.main, _write(tmp_path, data)) == "kind='reward': this learner is 'sft'."


def test_missing_data(tmp_path: Path, model: Path) -> None:
    folder = run_folder(tmp_path, "sft", {}, model=str(model))
    assert _refused(sft.main, folder) == "demonstrations.jsonl is missing."


def test_empty_data(tmp_path: Path, model: Path) -> None:
    folder = run_folder(tmp_path, "generate", {"prompts.jsonl": []}, model=str(model))
    assert _refused(generate.main, folder) == "prompts.jsonl has no rows."


def test_a_row_is_named_by_file_and_number(tmp_path: Path, model: Path) -> None:
    files: dict[str, Any] = {
        "pairs.train.jsonl": pairs(),
        "pairs.test.jsonl": [{"id": "1", "a": "x", "b": "y", "soft_label": 2}],
    }
    reason = _refused(reward.main, run_folder(tmp_path, "reward", files, model=str(model)))
    assert reason == "pairs.test.jsonl row 1: messages is missing."


def test_pairs_without_any_weight(tmp_path: Path, model: Path) -> None:
    rows = [{"id": "1", "messages": [{"role": "user", "content": "?"}], "a": "x", "b": "y", "soft_label": 1}]
    files = {"pairs.train.jsonl": [rows[0] | {"weight": 0}], "pairs.test.jsonl": rows}
    assert "each need a pair" in _refused(reward.main, run_folder(tmp_path, "reward", files, model=str(model)))


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    files = {"demonstrations.jsonl": demonstrations(2)}
    assert "no such model folder" in _refused(sft.main, run_folder(tmp_path, "sft", files, model="nowhere"))


def test_demonstrations_that_are_all_too_long(tmp_path: Path, model: Path) -> None:
    files = {"demonstrations.jsonl": [demonstrations(1)[0]] * 2}
    folder = run_folder(tmp_path, "sft", files, model=str(model), max_tokens=16)
    assert "every one is longer than" in _refused(sft.main, folder)


def test_a_reward_model_with_another_vocabulary(tmp_path: Path, model: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in model.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "id": 999, "content": "<|new|>"})
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    paths = {"model": str(model), "reference": str(model), "reward_model": str(other)}
    folder = run_folder(tmp_path / "run", "ppo", {"prompts.jsonl": prompt_rows()}, **paths)
    assert "reward_model: its tokenizer is not the model's" in _refused(ppo.main, folder)


def test_training_that_leaves_the_numbers(tmp_path: Path) -> None:
    run: running.Run[Any] = running.Run(tmp_path, SftRecipe(model="m"), None, None)  # type: ignore[arg-type]
    with pytest.raises(running.Diverged, match="loss is nan at step 3: training diverged; lower the learning rate"):
        run.log(3, 10, {"loss": float("nan")})


def test_a_bad_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARE_LEARN_THREADS", "many")
    write_jsonl(tmp_path / "demonstrations.jsonl", demonstrations(1))
    data = recipe_data(SftRecipe(model="m"))
    assert "TARE_LEARN_THREADS='many'" in _refused(sft.main, _write(tmp_path, data))


def test_no_folder_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sft.main([str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err

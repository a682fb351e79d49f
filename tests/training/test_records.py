"""The papers between web and learner: every refusal is a sentence, every file is whole, a digest is an identity."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from training.records import (
    RECIPES,
    BadRecipe,
    BadRow,
    Outcome,
    Pair,
    PpoRecipe,
    Prediction,
    SftRecipe,
    digest_of,
    file_hashes,
    read_jsonl,
    read_metrics,
    read_outcome,
    read_recipe,
    read_rows,
    recipe_data,
    write_jsonl,
    write_recipe,
)

PPO: dict[str, Any] = {"kind": "ppo", "model": "a", "reference": "a", "reward_model": "rm"}
QUESTION = [{"role": "user", "content": "?"}]
PAIR: dict[str, Any] = {"id": "1", "messages": QUESTION, "a": "x", "b": "y", "soft_label": 0.5}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "kind=None: use one of base, sft, reward, dpo, ppo, generate, score."),
        ({"kind": ["sft"]}, "kind=['sft']: use one of base, sft, reward, dpo, ppo, generate, score."),
        ({"kind": "sft"}, "model is missing."),
        ({"kind": "sft", "model": 3}, "model=3: use text."),
        ({"kind": "sft", "model": "a", "epochs": 1.5}, "epochs=1.5: use a whole number."),
        ({"kind": "sft", "model": "a", "epochs": True}, "epochs=True: use a whole number."),
        ({"kind": "sft", "model": "a", "lr": 0}, "lr=0.0: use a number above 0."),
        ({"kind": "sft", "model": "a", "lr": float("nan")}, "lr=nan: use a number."),
        ({**PPO, "clip": 2}, "clip=2.0: use a number from 0.001 to 1."),
        ({**PPO, "minibatch": 97, "batch": 96}, "minibatch=97: it cannot be larger than batch=96."),
        (
            {"kind": "base", "hidden": 100, "heads": 3},
            "heads=3: hidden=100 must split into heads of an even width.",
        ),
        ({"kind": "score"}, "reward_models={}: name at least one reward model, or a policy."),
        (
            {"kind": "score", "reward_models": {"a": 1}},
            "reward_models={'a': 1}: use an object whose values are text.",
        ),
        (
            {"kind": "score", "reward_models": {"a": "a"}, "reference": "b"},
            "policy=None: a reference is of use only beside a policy.",
        ),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_in_a_sentence(data: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRecipe) as refusal:
        read_recipe(data)
    assert str(refusal.value) == sentence


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadRecipe, match=r"^speed is not a field here; the fields are model, seed, epochs"):
        read_recipe({"kind": "sft", "model": "a", "speed": 9})


def test_a_long_value_is_cut_in_the_sentence() -> None:
    with pytest.raises(BadRecipe) as refusal:
        read_recipe({"kind": "sft", "model": ["x" * 5000]})
    assert len(str(refusal.value)) < 100


def test_a_whole_number_will_do_for_a_number() -> None:
    recipe = read_recipe({**PPO, "kl_coef": 0})
    assert isinstance(recipe, PpoRecipe)
    assert isinstance(recipe.kl_coef, float)


@pytest.mark.parametrize("recipe", [SftRecipe(model="a"), PpoRecipe(model="a", reference="b", reward_model="c")])
def test_a_recipe_comes_back_from_its_data_as_it_was(recipe: SftRecipe | PpoRecipe, tmp_path: Path) -> None:
    write_recipe(tmp_path, recipe)
    assert read_recipe(json.loads((tmp_path / "recipe.json").read_text())) == recipe
    assert recipe_data(recipe)["kind"] == recipe.kind


def test_every_kind_has_a_recipe() -> None:
    assert set(RECIPES) == {"base", "sft", "reward", "dpo", "ppo", "generate", "score"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "pairs.jsonl line 2 is not JSON"),
        ("[1]", "pairs.jsonl line 2 is not a JSON object"),
        (json.dumps({**PAIR, "soft_label": 1.5}), "pairs.jsonl row 2: soft_label=1.5: use a number from 0 to 1."),
        (json.dumps({**PAIR, "messages": []}), "pairs.jsonl row 2: messages=.*: use a list of"),
        (
            json.dumps({**PAIR, "messages": [*QUESTION, {"role": "assistant", "content": "x"}]}),
            "pairs.jsonl row 2: messages ends with the role assistant: end it with a user turn.",
        ),
        (json.dumps({**PAIR, "messages": [{"role": "wizard", "content": "x"}]}), "roles system, user, assistant"),
        (json.dumps({**PAIR, "weight": -1}), "pairs.jsonl row 2: weight=-1.0: use a number from 0"),
    ],
)
def test_a_bad_row_is_named_by_file_and_place(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(PAIR) + "\n" + line + "\n")
    with pytest.raises(BadRow, match=sentence):
        read_rows(path, Pair)


def test_no_file_and_no_rows_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    with pytest.raises(BadRow, match=r"^pairs.jsonl is missing.$"):
        read_rows(path, Pair)
    path.write_text("\n")
    with pytest.raises(BadRow, match=r"^pairs.jsonl has no rows.$"):
        read_rows(path, Pair)
    assert read_rows(path, Pair, allow_empty=True) == []


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    text = "naïve \u2028 line\nbreak \U0001f98a"
    rows = [Pair(id="1", messages=QUESTION, a=text, b="", soft_label=0.0), Pair(**{**PAIR, "id": "2"})]
    assert write_jsonl(tmp_path / "pairs.jsonl", rows) == 2
    assert read_rows(tmp_path / "pairs.jsonl", Pair) == rows
    assert len(read_jsonl(tmp_path / "pairs.jsonl")) == 2


def test_a_file_that_could_not_be_written_to_the_end_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "predictions.jsonl"
    write_jsonl(path, [Prediction(id="1", p_b=0.5)])

    def full(_file: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_jsonl(path, [Prediction(id="2", p_b=0.5)])
    assert read_rows(path, Prediction) == [Prediction(id="1", p_b=0.5)]


def test_an_outcome_is_none_until_it_is_there(tmp_path: Path) -> None:
    assert read_outcome(tmp_path) is None
    outcome = Outcome(state="done", results={"n": 1}, seconds=1.5, files={"model/a": "00"})
    outcome.write(tmp_path)
    assert read_outcome(tmp_path) == outcome


def test_metrics_are_read_on_from_where_one_stopped_and_half_a_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == ([], 0)
    first, second = (json.dumps({"step": step, "total": 2, "values": {"loss": 1}}) + "\n" for step in (1, 2))
    path.write_text(first + second[:10])
    lines, offset = read_metrics(path)
    assert [line.step for line in lines] == [1]
    path.write_text(first + second)
    lines, offset = read_metrics(path, offset=offset)
    assert [line.step for line in lines] == [2]
    assert read_metrics(path, offset=offset) == ([], len(first + second))


def _folder(root: Path, files: list[tuple[str, str]]) -> Path:
    for name, content in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_a_digest_depends_on_names_and_contents_and_on_nothing_else(tmp_path: Path) -> None:
    files = [("model.safetensors", "weights"), ("config.json", "{}"), ("deep/a", "1"), ("deep.b", "2")]
    one, other = _folder(tmp_path / "one", files), _folder(tmp_path / "other", files[::-1])
    os.utime(other / "config.json", (0, 0))
    assert digest_of(one) == digest_of(other)
    changed = _folder(tmp_path / "changed", [*files, ("config.json", "{} ")])
    renamed = _folder(tmp_path / "renamed", [*files[1:], ("weights.safetensors", "weights")])
    assert len({digest_of(folder) for folder in (one, changed, renamed)}) == 3


def test_hashes_can_be_asked_of_some_entries(tmp_path: Path) -> None:
    folder = _folder(tmp_path, [("model/a", "1"), ("model/deep/b", "2"), ("responses.jsonl", "3"), ("other", "4")])
    assert set(file_hashes(folder, "model", "responses.jsonl")) == {"model/a", "model/deep/b", "responses.jsonl"}

"""Model folders: what is refused, and what a poor tokenizer is given."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from training.learn.loading import BadModel, load_policy, load_reward, load_tokenizer, prompt_ids, response_ids

CPU = torch.device("cpu")


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to spoil."""
    return Path(shutil.copytree(model, tmp_path / "spoilt"))


def _edit(path: Path, **changes: Any) -> None:
    data = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(data | changes))


def test_pickled_weights_are_not_opened(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.rename(copy / "pytorch_model.bin")
    with pytest.raises(BadModel, match="no .safetensors weights"):
        load_policy(copy, device=CPU)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_folder_that_names_code_to_run_is_refused(copy: Path, name: str) -> None:
    _edit(copy / name, auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"})
    (copy / "modeling_evil.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(BadModel, match="names code to run"):
        load_policy(copy, device=CPU)


def test_an_index_that_points_outside_the_folder_is_refused(copy: Path) -> None:
    _edit(copy / "model.safetensors.index.json", weight_map={"a": "../other/model.safetensors"})
    with pytest.raises(BadModel, match="outside the folder"):
        load_policy(copy, device=CPU)


def test_an_adapter_is_refused(copy: Path) -> None:
    _edit(copy / "adapter_config.json", base_model_name_or_path="someone/else")
    with pytest.raises(BadModel, match="merge it"):
        load_policy(copy, device=CPU)


def test_a_torn_weights_file_is_refused_in_words(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(BadModel, match="cannot be loaded"):
        load_policy(copy, device=CPU)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="there is no such model folder"):
        load_tokenizer(tmp_path / "nowhere")


def test_a_tokenizer_without_pad_token_and_template_gets_both(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((copy / "tokenizer_config.json").read_text())
    kept = {name: value for name, value in config.items() if name not in ("chat_template", "pad_token")}
    (copy / "tokenizer_config.json").write_text(json.dumps(kept))
    tokenizer = load_tokenizer(copy)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    prompt = prompt_ids(tokenizer, [[{"role": "user", "content": "Hello"}]])[0]
    assert tokenizer.decode(prompt) == "User: Hello\nAssistant: "


def test_a_response_ends_with_the_end_token(model: Path) -> None:
    tokenizer = load_tokenizer(model)
    assert response_ids(tokenizer, ["Yes."])[0][-1] == tokenizer.eos_token_id


def test_a_new_reward_head_has_no_opinion(model: Path) -> None:
    reward = load_reward(model, device=CPU, pad_token_id=0)
    assert reward(input_ids=torch.tensor([[5, 6, 7]])).logits.item() == 0.0

"""Any Hugging Face causal model goes through the loop: here GPT-2, with no chat template and no padding token."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tests.training.learn.conftest import demonstrations, pairs, prompt_rows, run_folder
from training.learn import dpo, generate, ppo, reward, sft
from training.records import Outcome, ResponseRow, read_metrics, read_outcome, read_rows

pytestmark = pytest.mark.usefixtures("calm")
ROOM = 96
SHORT = {"epochs": 1, "batch": 4}


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained GPT-2 of the smallest size, as it would come from elsewhere."""
    folder = tmp_path_factory.mktemp("gpt2") / "model"
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<end>"], initial_alphabet=alphabet)
    bpe.train_from_iterator([row.completion for row in demonstrations(40)], trainer)
    tokenizer: Any = PreTrainedTokenizerFast
    tokenizer = tokenizer(tokenizer_object=bpe, eos_token="<end>")
    torch.manual_seed(0)
    size = {"vocab_size": len(tokenizer), "n_positions": ROOM, "n_embd": 16, "n_layer": 1, "n_head": 2}
    model: Any = GPT2LMHeadModel(GPT2Config.from_dict(size | {"bos_token_id": 0, "eos_token_id": 0}))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _done(main: Callable[[list[str]], int], folder: Path) -> Outcome:
    code, outcome = main([str(folder)]), read_outcome(folder)
    assert outcome is not None
    assert (code, outcome.state, outcome.reason) == (0, "done", "")
    return outcome


@pytest.fixture(scope="module")
def scorer(gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that started as GPT-2."""
    files = {"pairs.train.jsonl": pairs(12), "pairs.test.jsonl": pairs(4)}
    folder = run_folder(tmp_path_factory.mktemp("scorer"), "reward", files, model=str(gpt2), **SHORT)
    handler = signal.getsignal(signal.SIGTERM)
    _done(reward.main, folder)
    signal.signal(signal.SIGTERM, handler)
    return folder / "model"


def test_it_is_tuned(gpt2: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "sft", {"demonstrations.jsonl": demonstrations(8)}, model=str(gpt2), **SHORT)
    results = _done(sft.main, folder).results
    assert results["demonstrations"] + results["too_long"] == 8


def test_it_becomes_a_reward_model(scorer: Path) -> None:
    assert (scorer / "model.safetensors").is_file()


def test_it_is_improved_and_starts_at_a_ratio_of_1_though_it_has_dropout(
    gpt2: Path, scorer: Path, tmp_path: Path
) -> None:
    paths = {"model": str(gpt2), "reference": str(gpt2), "reward_model": str(scorer)}
    sizes = {"iterations": 2, "batch": 4, "minibatch": 4, "epochs": 1, "max_new_tokens": 6}
    folder = run_folder(tmp_path, "ppo", {"prompts.jsonl": prompt_rows()}, **paths, **sizes)
    _done(ppo.main, folder)
    lines, _ = read_metrics(folder / "metrics.jsonl")
    assert [line.values["val/ratio"] for line in lines] == pytest.approx([1.0, 1.0], abs=1e-6)


def test_it_learns_from_pairs_directly(gpt2: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "dpo", {"pairs.train.jsonl": pairs(8)}, model=str(gpt2), **SHORT)
    assert _done(dpo.main, folder).results["ties"] == 2


def test_it_answers(gpt2: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "generate", {"prompts.jsonl": prompt_rows()}, model=str(gpt2), max_new_tokens=5)
    _done(generate.main, folder)
    assert len(read_rows(folder / "responses.jsonl", ResponseRow)) == len(prompt_rows())


def test_what_does_not_fit_into_its_context_is_refused_in_words(gpt2: Path, tmp_path: Path) -> None:
    files = {"prompts.jsonl": prompt_rows()}
    folder = run_folder(tmp_path, "generate", files, model=str(gpt2), max_new_tokens=ROOM)
    assert generate.main([str(folder)]) == 2
    outcome = read_outcome(folder)
    assert outcome is not None
    assert f"the model reads {ROOM} tokens" in outcome.reason


def test_a_second_start_on_the_same_folder_starts_over(gpt2: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "generate", {"prompts.jsonl": prompt_rows()}, model=str(gpt2), max_new_tokens=3)
    first, lines = _done(generate.main, folder), (folder / "metrics.jsonl").read_bytes().count(b"\n")
    again = _done(generate.main, folder)
    assert again.files == first.files
    assert (folder / "metrics.jsonl").read_bytes().count(b"\n") == lines


def test_a_run_that_makes_no_model_leaves_a_model_in_its_folder_alone(gpt2: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "generate", {"prompts.jsonl": prompt_rows()}, model="model", max_new_tokens=3)
    (folder / "model").mkdir()
    for file in gpt2.iterdir():
        (folder / "model" / file.name).write_bytes(file.read_bytes())
    assert set(_done(generate.main, folder).files) == {"responses.jsonl"}

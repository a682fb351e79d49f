"""The sampler: the same as transformers' where that is defined, repeatable, and honest about what it drew."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.training.learn.conftest import PROMPTS
from training.learn.likelihood import sequence_logprobs
from training.learn.loading import load_policy, load_tokenizer, prompt_ids
from training.learn.sampling import Sampling, sample

CPU = torch.device("cpu")


def _dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def loaded(model: Path) -> tuple[Any, list[list[int]], Sampling]:
    tokenizer = load_tokenizer(model)
    prompts = prompt_ids(tokenizer, [prompt.messages for prompt in PROMPTS])
    how = Sampling(12, end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, temperature=1.0)
    return load_policy(model, device=CPU), prompts, how


def _greedy_by_transformers(model: Any, prompt: list[int], how: Sampling) -> list[int]:
    out = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=how.max_new_tokens,
        eos_token_id=how.end,
        pad_token_id=how.pad,
    )
    return [int(token) for token in out[0, len(prompt) :]]


def test_greedy_samples_are_those_of_transformers(loaded: tuple[Any, list[list[int]], Sampling]) -> None:
    model, prompts, how = loaded
    greedy = Sampling(how.max_new_tokens, end=how.end, pad=how.pad, temperature=0.0, batch=5)
    ours = [drawn.ids for drawn in sample(model, prompts, how=greedy, generator=_dice())]
    assert ours == [_greedy_by_transformers(model, prompt, greedy) for prompt in prompts]


def test_another_architecture_samples_as_well() -> None:
    """GPT-2 has learned positions, which padding on the left would shift."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=50, n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=1)
    model: Any = GPT2LMHeadModel(config)
    model.eval()
    prompts = [[5, 6, 7], [8, 9, 10, 11, 12], [13]]
    greedy = Sampling(10, end=1, pad=0, temperature=0.0)
    ours = [drawn.ids for drawn in sample(model, prompts, how=greedy, generator=_dice())]
    assert ours == [_greedy_by_transformers(model, prompt, greedy) for prompt in prompts]


def test_the_same_seed_gives_the_same_samples(loaded: tuple[Any, list[list[int]], Sampling]) -> None:
    model, prompts, how = loaded
    first, again, other = (
        [drawn.ids for drawn in sample(model, prompts, how=how, generator=_dice(seed))] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_logprob_is_that_of_a_plain_forward_pass(loaded: tuple[Any, list[list[int]], Sampling]) -> None:
    model, prompts, how = loaded
    drawn = sample(model, prompts, how=how, generator=_dice())
    expected = sequence_logprobs(model, prompts, [each.ids for each in drawn], pad=how.pad)
    assert [each.logprob for each in drawn] == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_finished_response_ends_with_the_end_token_and_a_cut_off_one_is_full(
    loaded: tuple[Any, list[list[int]], Sampling],
) -> None:
    model, prompts, how = loaded
    for drawn in sample(model, prompts * 5, how=how, generator=_dice()):
        assert drawn.finished == (drawn.ids[-1] == how.end)
        assert drawn.finished or len(drawn.ids) == how.max_new_tokens
        assert how.end not in drawn.ids[:-1]


def test_a_tiny_nucleus_is_greedy(loaded: tuple[Any, list[list[int]], Sampling]) -> None:
    model, prompts, how = loaded
    nucleus = Sampling(how.max_new_tokens, end=how.end, pad=how.pad, top_p=0.001)
    greedy = Sampling(how.max_new_tokens, end=how.end, pad=how.pad, temperature=0.0)
    ours = [[d.ids for d in sample(model, prompts, how=each, generator=_dice())] for each in (nucleus, greedy)]
    assert ours[0] == ours[1]

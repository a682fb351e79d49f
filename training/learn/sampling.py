"""Sampling from a causal model with a key-value cache: sorted by length, finished rows dropped.

Most responses are much shorter than the longest, so a batch that keeps its finished rows spends most of its time
on padding. Here the cache is cut down to the live rows. On the demo's model this is eight times as fast
as `generate` one prompt at a time. Works for any Hugging Face causal model whose cache is a DynamicCache.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from training.learn.loading import by_length, check_room


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. Temperature 0 is greedy; `top_p` keeps the likeliest tokens that together have that mass."""

    max_new_tokens: int
    end: int
    pad: int
    temperature: float = 1.0
    top_p: float = 1.0
    batch: int = 128


@dataclass(slots=True)
class Sample:
    """A sampled response: its token ids (the end token included when it finished) and their log-probability.

    `logprob` is under the model itself (temperature 1, no top_p), summed over the tokens, in nats.
    """

    ids: list[int]
    finished: bool = False
    logprob: float = 0.0


@torch.no_grad()
def sample(
    model: PreTrainedModel, prompts: list[list[int]], *, how: Sampling, generator: torch.Generator
) -> list[Sample]:
    """One response to each prompt (token ids), in the order given. The same generator state gives the same samples."""
    check_room(model, max(map(len, prompts), default=0) + how.max_new_tokens)
    samples = [Sample([]) for _ in prompts]
    for indices in by_length([len(prompt) for prompt in prompts], batch=how.batch):
        batch = [samples[index] for index in indices]
        _sample_batch(model, [prompts[index] for index in indices], batch, how=how, generator=generator)
    return samples


def _sample_batch(
    model: PreTrainedModel,
    prompts: list[list[int]],
    samples: list[Sample],
    *,
    how: Sampling,
    generator: torch.Generator,
) -> None:
    """Extend `samples` in place until each has ended or is full."""
    ids, seen = _left_padded(prompts, pad=how.pad, device=model.device)
    # Prompts of one length need no mask, and attention without a mask is faster.
    needs_mask = not bool(seen.all())
    position = seen.sum(dim=1, keepdim=True)
    cache = DynamicCache(config=model.config)
    known = _accepted(model)
    live = list(range(len(prompts)))
    inputs: dict[str, Any] = {"input_ids": ids, "position_ids": (seen.cumsum(1) - 1).clamp(min=0), "logits_to_keep": 1}
    for step in range(how.max_new_tokens):
        inputs["attention_mask"] = seen if needs_mask else None
        given = {name: value for name, value in inputs.items() if name in known}
        logits = model(**given, past_key_values=cache, use_cache=True).logits[:, -1].float()
        tokens, logprobs = _draw(logits, how=how, generator=generator)
        kept = _record(samples, live, tokens.tolist(), logprobs.tolist(), end=how.end)
        if not kept or step + 1 == how.max_new_tokens:
            return
        if len(kept) < len(live):
            rows = torch.tensor(kept, device=model.device)
            cache.batch_select_indices(rows)
            tokens, position, seen = tokens[rows], position[rows], seen[rows]
            live = [live[row] for row in kept]
        if needs_mask:
            seen = torch.cat([seen, seen.new_ones(len(live), 1)], dim=1)
        inputs["input_ids"], inputs["position_ids"] = tokens[:, None], position
        position = position + 1


def _record(samples: list[Sample], live: list[int], tokens: list[int], logprobs: list[float], *, end: int) -> list[int]:
    """Write down one token of each live row. Returns the rows (places in `live`) that go on."""
    kept = []
    for row, (place, token, logprob) in enumerate(zip(live, tokens, logprobs, strict=True)):
        drawn = samples[place]
        drawn.ids.append(token)
        drawn.logprob += logprob
        drawn.finished = token == end
        if not drawn.finished:
            kept.append(row)
    return kept


def _draw(logits: Tensor, *, how: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A token per row of logits (B, V), and its log-probability under the model itself."""
    log_p = torch.log_softmax(logits, dim=-1)
    if how.temperature == 0:
        tokens = logits.argmax(dim=-1)
    else:
        scaled = log_p if how.temperature == 1 else torch.log_softmax(logits / how.temperature, dim=-1)
        chances = scaled.exp() if how.top_p == 1 else _nucleus(scaled.exp(), top_p=how.top_p)
        tokens = torch.multinomial(chances, 1, generator=generator)[:, 0]
    return tokens, log_p.gather(1, tokens[:, None])[:, 0]


def _nucleus(chances: Tensor, *, top_p: float) -> Tensor:
    """Keep the smallest set of tokens with mass `top_p` (Holtzman et al. 2020); the likeliest always stays."""
    ordered, order = chances.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    return torch.zeros_like(chances).scatter(1, order, ordered.where(before < top_p, ordered.new_zeros(())))


def _left_padded(prompts: list[list[int]], *, pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Prompts padded on the left (B, longest), and where they are real."""
    longest = max(map(len, prompts))
    ids = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
    real = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(real, device=device)


def _accepted(model: PreTrainedModel) -> set[str]:
    """Which arguments the model's forward takes: not every architecture has positions or `logits_to_keep`."""
    return set(inspect.signature(model.forward).parameters)

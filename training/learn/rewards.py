"""A trained reward model, ready to score text."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.learn.loading import (
    BadModel,
    by_length,
    is_reward_model,
    load_reward,
    load_tokenizer,
    padded,
    prompt_ids,
    response_ids,
    room_of,
)
from training.records import Message


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A reward model, its own tokenizer, and the mean and spread that bring its rewards to a common scale."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    mean: float = 0.0
    std: float = 1.0

    def score(self, conversations: list[list[Message]], texts: list[str], *, batch: int = 32) -> Tensor:
        """The normalised reward of each text as an answer to its conversation; (texts,) on the CPU."""
        rows = encoded(self.tokenizer, conversations, texts)
        return (raw_rewards(self.model, rows, pad=self.pad, batch=batch) - self.mean) / self.std

    @property
    def pad(self) -> int:
        """The padding token."""
        return int(self.tokenizer.pad_token_id)


def load_scorer(folder: Path, *, device: torch.device) -> RewardModel:
    """The reward model of a folder. A causal model is refused: its new head would score everything 0."""
    tokenizer = load_tokenizer(folder)
    if not is_reward_model(folder):
        raise BadModel(f"{folder.name}: it is not a reward model.")
    model = load_reward(folder, device=device, pad_token_id=tokenizer.pad_token_id)
    mean, std = getattr(model.config, "reward_mean", 0.0), getattr(model.config, "reward_std", 1.0)
    return RewardModel(model, tokenizer, mean=float(mean), std=float(std))


def encoded(
    tokenizer: PreTrainedTokenizerFast, conversations: list[list[Message]], texts: list[str]
) -> list[list[int]]:
    """Each conversation with its answer as token ids, ended by the end token, where the reward is read."""
    prompts, answers = prompt_ids(tokenizer, conversations), response_ids(tokenizer, texts)
    return [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]


@torch.no_grad()
def raw_rewards(model: PreTrainedModel, rows: list[list[int]], *, pad: int, batch: int = 32) -> Tensor:
    """The rewards as the model gives them; (rows,) on the CPU. Small batches of one length fit a CPU's caches best.

    A row longer than the model's context loses its beginning: the reward is read at its end.
    """
    rows = [row[-room_of(model) :] for row in rows]
    rewards = torch.zeros(len(rows))
    for indices in by_length([len(row) for row in rows], batch=batch):
        ids = padded([rows[index] for index in indices], pad=pad, device=model.device)
        rewards[torch.tensor(indices)] = model(input_ids=ids).logits[:, 0].float().cpu()
    return rewards

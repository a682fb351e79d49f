"""How likely a model finds given responses."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.learn.loading import by_length, check_room, padded, room_of
from training.learn.losses import token_logprobs


def response_mask(prompts: list[list[int]], responses: list[list[int]], *, device: torch.device) -> Tensor:
    """1 where `ids[:, 1:]` of the padded prompt + response rows belongs to the response; (rows, longest - 1)."""
    starts = torch.tensor([len(prompt) for prompt in prompts], device=device)[:, None]
    ends = starts + torch.tensor([len(response) for response in responses], device=device)[:, None]
    positions = torch.arange(1, int(ends.max()), device=device)
    return ((positions >= starts) & (positions < ends)).float()


@torch.no_grad()
def sequence_logprobs(
    model: PreTrainedModel, prompts: list[list[int]], responses: list[list[int]], *, pad: int, batch: int = 64
) -> Tensor:
    """The log-probability of each response given its prompt, summed over its tokens, in nats; (rows,) on the CPU.

    What lies beyond the model's context is not counted.
    """
    check_room(model, max(map(len, prompts), default=0))
    responses = [response[: room_of(model) - len(prompt)] for prompt, response in zip(prompts, responses, strict=True)]
    totals = torch.zeros(len(prompts))
    lengths = [len(prompt) + len(response) for prompt, response in zip(prompts, responses, strict=True)]
    for indices in by_length(lengths, batch=batch):
        ids = padded([prompts[index] + responses[index] for index in indices], pad=pad, device=model.device)
        mask = response_mask(
            [prompts[index] for index in indices], [responses[index] for index in indices], device=model.device
        )
        logprobs, _ = token_logprobs(model(input_ids=ids).logits, ids, mask)
        totals[torch.tensor(indices)] = logprobs.sum(dim=1).cpu()
    return totals

"""The formulas: tensors in, tensors out. No config, no device, no logging.

Shapes: N pairs; B responses of at most T tokens. `mask` is 1 on response tokens and 0 elsewhere.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def bradley_terry(
    reward_a: Tensor, reward_b: Tensor, *, soft_label: Tensor, weight: Tensor, center: float = 0.0
) -> Tensor:
    """Weighted cross-entropy of soft preferences under Bradley & Terry (1952), with centring; a scalar.

    reward_a, reward_b (N,): the rewards of the two responses; P(B preferred) = sigmoid(reward_b - reward_a).
    soft_label (N,): the labelled probability that B is preferred; a tie is 0.5.
    weight (N,): how much each pair counts; the loss is the weighted mean.
    center: the weight of (reward_a + reward_b)^2, which pins the free constant of the rewards near zero
        (Eisenstein et al. 2023, "Helping or Herding?").
    """
    difference = reward_b - reward_a
    nll = -soft_label * F.logsigmoid(difference) - (1 - soft_label) * F.logsigmoid(-difference)
    off_center = (reward_a + reward_b) ** 2
    return (weight * (nll + center * off_center)).sum() / weight.sum()


def dpo(policy_margin: Tensor, reference_margin: Tensor, *, soft_label: Tensor, beta: float) -> Tensor:
    """Direct preference optimisation with soft labels (Rafailov et al. 2023, eq. 7; cDPO for the labels); a scalar.

    policy_margin, reference_margin (N,): log-probability of B minus that of A, summed over tokens, in nats.
    soft_label (N,): the labelled probability that B is preferred.
    """
    difference = beta * (policy_margin - reference_margin)
    return (-soft_label * F.logsigmoid(difference) - (1 - soft_label) * F.logsigmoid(-difference)).mean()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of values (B, T) where mask (B, T) is 1; a scalar."""
    return (values * mask).sum() / mask.sum()


def whitened(values: Tensor, mask: Tensor, *, epsilon: float = 1e-6) -> Tensor:
    """values (B, T) with mean 0 and standard deviation 1 over mask (B, T), and 0 outside it."""
    mean = masked_mean(values, mask)
    deviation = masked_mean((values - mean) ** 2, mask).sqrt()
    return (values - mean) / (deviation + epsilon) * mask


def ppo_policy(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, mask: Tensor, *, clip: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The clipped surrogate objective of PPO (Schulman et al. 2017, eq. 7), as a loss.

    logprobs, old_logprobs, advantages, mask (B, T): per token; the old ones are those of the sampling policy.
    Returns the loss (scalar), the ratios (B, T; 1 outside the mask), and the share of tokens that were clipped.
    """
    ratio = torch.exp((logprobs - old_logprobs) * mask)
    plain, clipped = -advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)
    return masked_mean(torch.max(plain, clipped), mask), ratio, masked_mean((clipped > plain).float(), mask)


def ppo_value(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, *, clip: float) -> Tensor:
    """Half the clipped squared error of the value model (Stiennon et al. 2020; Schulman et al. 2017); a scalar.

    values, old_values, returns, mask (B, T): the new value may gain only within `clip` of the old one.
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.max((values - returns) ** 2, (near - returns) ** 2), mask)


def gae(rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) over responses that end where the mask does.

    rewards, values, mask (B, T): per token; values outside the mask count as 0 (the episode is over).
    Returns the advantages and the returns (advantages + values), both (B, T) and 0 outside the mask.
    """
    rewards, values = rewards * mask, values * mask
    advantages = torch.zeros_like(rewards)
    running = torch.zeros(rewards.shape[0], dtype=rewards.dtype, device=rewards.device)
    for t in reversed(range(rewards.shape[1])):
        last = t + 1 == rewards.shape[1]
        goes_on = torch.zeros_like(running) if last else mask[:, t + 1]
        next_value = torch.zeros_like(running) if last else values[:, t + 1]
        surprise = rewards[:, t] + gamma * next_value - values[:, t]
        running = (surprise + gamma * lam * goes_on * running) * mask[:, t]
        advantages[:, t] = running
    return advantages, (advantages + values) * mask


def token_rewards(score: Tensor, kl: Tensor, mask: Tensor, *, kl_coef: float) -> Tensor:
    """What each token earns: minus kl_coef times its KL to the reference, and the response's score at its last token.

    score (B,): the reward of the whole response. kl, mask (B, T): log-ratio to the reference in nats. Returns (B, T).
    (Ziegler et al. 2019, eq. 2, written per token as in Stiennon et al. 2020.)
    """
    rewards = -kl_coef * kl * mask
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)
    return rewards.scatter_add(1, last[:, None], score[:, None])


def adapted_kl_coef(kl_coef: float, *, kl: float, kl_target: float, gain: float = 0.1) -> float:
    """The next KL coefficient: up when kl (nats per response) is over its target, down when under.

    The proportional controller of Ziegler et al. (2019, section 2.2), with the error held within [-1, 1] and applied
    as a factor exp(gain * error), so that steps up and down of the same error cancel.
    """
    error = max(-1.0, min(1.0, kl / kl_target - 1.0))
    return kl_coef * math.exp(gain * error)


def token_logprobs(logits: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability of each masked token, and the entropy of the distribution it came from.

    logits (B, T, V): at position t, the scores for ids[:, t + 1]. ids (B, T). mask (B, T - 1): which of ids[:, 1:]
    to look at. Returns two (B, T - 1) tensors in nats, 0 outside the mask.
    """
    wanted = mask.bool()
    log_p = F.log_softmax(logits[:, :-1][wanted].float(), dim=-1)
    chosen = log_p.gather(1, ids[:, 1:][wanted][:, None])[:, 0]
    entropy = -(log_p.exp() * log_p).sum(-1)
    empty = torch.zeros(mask.shape, dtype=log_p.dtype, device=log_p.device)
    return empty.masked_scatter(wanted, chosen), empty.masked_scatter(wanted, entropy.detach())

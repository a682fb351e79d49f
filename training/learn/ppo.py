"""Proximal policy optimisation of a language model against a reward model, held near a reference.

    python -m training.learn.ppo <folder>          (or: accelerate launch -m training.learn.ppo <folder>)

reads   recipe.json (PpoRecipe), prompts.jsonl ({"id", "messages"})
writes  metrics.jsonl (named as TRL named them: objective/kl, objective/entropy, objective/scores,
        objective/rlhf_reward, policy/clipfrac_avg, val/ratio, ...; and audit/scores, response/words, kl_coef),
        model/, outcome.json (the last iterations' means)

Each iteration samples a batch of responses, scores them (normalised by the reward model's own mean and spread;
`trunc_penalty` less if cut off), charges every token `kl_coef` times its log-ratio to the reference, estimates
advantages (GAE) with a value model that starts as the reward model's trunk, whitens them, and makes a few clipped
passes (Schulman et al. 2017; Stiennon et al. 2020). `kl_coef` then adapts to hold the KL at its target. The audit
model only watches: a policy that gains on its reward model and not on the audit model is fooling the former.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.learn import losses, running
from training.learn.likelihood import response_mask
from training.learn.loading import BadModel, load_policy, load_tokenizer, padded, prompt_ids, save
from training.learn.rewards import RewardModel, load_scorer
from training.learn.sampling import Sampling, sample
from training.records import PpoRecipe, PromptRow, read_rows

SUMMARY = 5  # the outcome tells the means of this many last iterations


class ValueModel(nn.Module):
    """The expected reward from each token on: a transformer trunk and a linear head that starts at zero."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.trunk = deepcopy(trunk)
        self.head = nn.Linear(trunk.config.get_text_config().hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, T) -> (B, T - 1): entry t is the value of having read ids[:, : t + 1]."""
        hidden = self.trunk(input_ids=ids).last_hidden_state[:, :-1]
        return self.head(hidden)[..., 0]  # type: ignore[no-any-return]  # torch's modules are untyped


@dataclass(slots=True)
class Players:
    """The models of a run, and what moves them."""

    policy: Any
    reference: PreTrainedModel
    value: Any
    reward: RewardModel
    audit: RewardModel | None
    tokenizer: PreTrainedTokenizerFast
    optimizer: Any
    accelerator: Accelerator


@dataclass(frozen=True, slots=True)
class Rollout:
    """A batch of sampled responses and what PPO needs to know of them. B responses, T positions, all on one device.

    ids (B, T + 1) are prompt and response, padded on the right; every other per-token tensor is (B, T), and its
    entry t belongs to the token ids[:, t + 1].
    """

    ids: Tensor
    mask: Tensor
    logprobs: Tensor
    kl: Tensor
    advantages: Tensor
    values: Tensor
    returns: Tensor
    figures: dict[str, float]

    def part(self, rows: list[int]) -> "Rollout":
        """Some of the rows, cut to the longest of them."""
        index = torch.tensor(rows, device=self.ids.device)
        longest = int(self.mask[index].nonzero()[:, 1].max()) + 1
        cut = {name: getattr(self, name)[index, :longest] for name in PER_TOKEN}
        return Rollout(ids=self.ids[index, : longest + 1], figures={}, **cut)


PER_TOKEN = ("mask", "logprobs", "kl", "advantages", "values", "returns")


def train(run: running.Run[PpoRecipe]) -> dict[str, Any]:
    """Improve the policy for the recipe's number of iterations."""
    recipe = run.recipe
    rows = read_rows(run.folder / "prompts.jsonl", PromptRow)
    players = _players(run)
    generator = torch.Generator(device=run.device).manual_seed(recipe.seed)
    kl_coef = recipe.kl_coef
    history: list[dict[str, float]] = []
    for iteration in range(1, recipe.iterations + 1):
        drawn = [run.rng.choice(rows) for _ in range(recipe.batch)]
        rollout = collect(players, drawn, recipe=recipe, kl_coef=kl_coef, generator=generator)
        figures = {**rollout.figures, **improve(players, rollout, run=run), "kl_coef": kl_coef}
        history.append(figures)
        run.log(iteration, recipe.iterations, figures)
        kl_coef = losses.adapted_kl_coef(kl_coef, kl=figures["objective/kl"], kl_target=recipe.kl_target)
    save(players.accelerator.unwrap_model(players.policy).eval(), players.tokenizer, folder=run.model_folder)
    last = history[-SUMMARY:]
    return {name: sum(figures[name] for figures in last) / len(last) for name in history[-1]}


def _players(run: running.Run[PpoRecipe]) -> Players:
    """Load every model. The policy and the reference must share a vocabulary, or their KL would mean nothing."""
    recipe = run.recipe
    tokenizer = load_tokenizer(run.path(recipe.model))
    if load_tokenizer(run.path(recipe.reference)).get_vocab() != tokenizer.get_vocab():
        raise BadModel("reference: its tokenizer is not the model's, so their distance cannot be measured.")
    if load_tokenizer(run.path(recipe.reward_model)).get_vocab() != tokenizer.get_vocab():
        raise BadModel("reward_model: its tokenizer is not the model's; the value model that starts from it needs it.")
    accelerator = Accelerator(cpu=run.device.type == "cpu")
    policy = load_policy(run.path(recipe.model), device=run.device)
    reward = load_scorer(run.path(recipe.reward_model), device=run.device)
    value = ValueModel(reward.model.base_model).to(run.device)
    optimizer = torch.optim.AdamW(
        [
            {"params": policy.parameters(), "lr": recipe.lr},
            {"params": value.parameters(), "lr": recipe.value_lr},
        ],
        weight_decay=0.0,
        eps=1e-5,
    )
    policy, value, optimizer = accelerator.prepare(policy, value.eval(), optimizer)
    return Players(
        policy=policy,
        reference=load_policy(run.path(recipe.reference), device=run.device),
        value=value,
        reward=reward,
        audit=load_scorer(run.path(recipe.audit_model), device=run.device) if recipe.audit_model else None,
        tokenizer=tokenizer,
        optimizer=optimizer,
        accelerator=accelerator,
    )


@torch.no_grad()
def collect(
    players: Players, rows: list[PromptRow], *, recipe: PpoRecipe, kl_coef: float, generator: torch.Generator
) -> Rollout:
    """Sample a response to each prompt and work out what each of its tokens earned."""
    players.policy.eval()
    policy = players.accelerator.unwrap_model(players.policy)
    tokenizer, device = players.tokenizer, policy.device
    prompts = prompt_ids(tokenizer, [row.messages for row in rows])
    how = Sampling(
        max_new_tokens=recipe.max_new_tokens,
        end=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
        temperature=recipe.temperature,
        batch=recipe.batch,
    )
    samples = sample(policy, prompts, how=how, generator=generator)
    responses = [drawn.ids for drawn in samples]
    texts = tokenizer.batch_decode(responses, skip_special_tokens=True)
    conversations = [row.messages for row in rows]
    scores = players.reward.score(conversations, texts).to(device)
    cut_off = torch.tensor([float(not drawn.finished) for drawn in samples], device=device)

    ids = padded(
        [prompt + response for prompt, response in zip(prompts, responses, strict=True)], pad=how.pad, device=device
    )
    mask = response_mask(prompts, responses, device=device)
    logprobs, entropy = losses.token_logprobs(_logits(players.policy, ids, recipe=recipe), ids, mask)
    reference, _ = losses.token_logprobs(_logits(players.reference, ids, recipe=recipe), ids, mask)
    kl = logprobs - reference
    rewards = losses.token_rewards(scores - recipe.trunc_penalty * cut_off, kl, mask, kl_coef=kl_coef)
    values = players.value(ids) * mask
    advantages, returns = losses.gae(rewards, values, mask, gamma=recipe.gamma, lam=recipe.lam)
    figures = {
        "objective/kl": kl.sum(dim=1).mean().item(),
        "objective/entropy": entropy.sum(dim=1).mean().item(),
        "objective/scores": scores.mean().item(),
        "objective/non_score_reward": (-kl_coef * kl).sum(dim=1).mean().item(),
        "objective/rlhf_reward": rewards.sum(dim=1).mean().item(),
        "response/words": sum(len(text.split()) for text in texts) / len(texts),
        "response/unfinished": cut_off.mean().item(),
    }
    if players.audit is not None:
        figures["audit/scores"] = players.audit.score(conversations, texts).mean().item()
    return Rollout(
        ids=ids,
        mask=mask,
        logprobs=logprobs,
        kl=kl,
        advantages=losses.whitened(advantages, mask),
        values=values,
        returns=returns,
        figures=figures,
    )


def improve(players: Players, rollout: Rollout, *, run: running.Run[PpoRecipe]) -> dict[str, float]:
    """A few clipped passes over the rollout. Returns the means over all steps."""
    recipe, steps = run.recipe, []
    # Evaluation mode throughout: with dropout the ratios would not start at exactly 1.
    for _ in range(recipe.epochs):
        order = run.rng.sample(range(len(rollout.ids)), len(rollout.ids))
        for start in range(0, len(order), recipe.minibatch):
            steps.append(_step(players, rollout.part(order[start : start + recipe.minibatch]), recipe=recipe))
    return {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}


def _step(players: Players, part: Rollout, *, recipe: PpoRecipe) -> dict[str, float]:
    """One optimiser step of policy and value model."""
    logprobs, _ = losses.token_logprobs(_logits(players.policy, part.ids, recipe=recipe), part.ids, part.mask)
    policy_loss, ratio, clipped = losses.ppo_policy(
        logprobs, part.logprobs, part.advantages, part.mask, clip=recipe.clip
    )
    values = players.value(part.ids) * part.mask
    value_loss = losses.ppo_value(values, part.values, part.returns, part.mask, clip=recipe.clip)
    players.optimizer.zero_grad(set_to_none=True)
    players.accelerator.backward(policy_loss + value_loss)
    players.accelerator.clip_grad_norm_(players.policy.parameters(), 1.0)
    players.accelerator.clip_grad_norm_(players.value.parameters(), 1.0)
    players.optimizer.step()
    with torch.no_grad():
        moved = losses.masked_mean(0.5 * (logprobs - part.logprobs) ** 2, part.mask)
        mean_ratio = losses.masked_mean(ratio, part.mask)
    return {
        "loss/policy_avg": policy_loss.item(),
        "loss/value_avg": value_loss.item(),
        "policy/approxkl_avg": moved.item(),
        "policy/clipfrac_avg": clipped.item(),
        "val/ratio": mean_ratio.item(),
    }


def _logits(model: Any, ids: Tensor, *, recipe: PpoRecipe) -> Tensor:
    """The logits of the distribution that was sampled from: at the sampling temperature."""
    logits: Tensor = model(input_ids=ids).logits
    return logits if recipe.temperature == 1 else logits / recipe.temperature


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="ppo", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

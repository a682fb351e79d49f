"""Train a reward model on judged pairs: Bradley-Terry with soft labels, ties, weights and centring.

    python -m training.learn.reward <folder>

reads   recipe.json (RewardRecipe), pairs.train.jsonl and pairs.test.jsonl
        ({"id", "messages", "a", "b", "soft_label": P(B is preferred), "weight"})
writes  metrics.jsonl (loss, accuracy, eval_accuracy), predictions.jsonl ({"id", "p_b"} of the test pairs),
        model/ (a sequence classifier; its config carries reward_mean and reward_std of the training responses),
        outcome.json (accuracy, ece, log_loss, bins, length_baseline, n_train, n_test, too_long)

Split the pairs by prompt before they come here: two pairs of one prompt on both sides would flatter the result.
"""

from typing import Any

import torch
from torch import Tensor

from training.learn import running
from training.learn.base import schedule
from training.learn.calibration import calibration, length_baseline, preference_accuracy
from training.learn.loading import load_reward, load_tokenizer, padded, room_of, save
from training.learn.losses import bradley_terry
from training.learn.rewards import encoded, raw_rewards
from training.records import BadRow, Pair, Prediction, RewardRecipe, read_rows, write_jsonl

BUCKET = 8  # batches are cut from groups of this many batches, sorted by length
EVALUATIONS = 10  # how many points the curve of the test accuracy has
NORMALISE_ON = 512  # how many training responses the mean and spread are taken from


def train(run: running.Run[RewardRecipe]) -> dict[str, Any]:
    """Train on the training pairs, then say how the model does on the test pairs."""
    recipe = run.recipe
    train_pairs = [pair for pair in read_rows(run.folder / "pairs.train.jsonl", Pair) if pair.weight > 0]
    test_pairs = read_rows(run.folder / "pairs.test.jsonl", Pair)
    tokenizer = load_tokenizer(run.path(recipe.model))
    model = load_reward(run.path(recipe.model), device=run.device, pad_token_id=tokenizer.pad_token_id)
    longest = min(recipe.max_tokens, room_of(model))
    learnt = _Sides(train_pairs, tokenizer, max_tokens=longest)
    tested = _Sides(test_pairs, tokenizer, max_tokens=longest)
    if not learnt.pairs or not tested.pairs:
        raise BadRow(f"pairs.train.jsonl and pairs.test.jsonl each need a pair within max_tokens={longest}.")
    fit(model, learnt, tested, run=run)
    _normalise(model, learnt, run=run)
    save(model, tokenizer, folder=run.model_folder)
    chances = tested.chances(model)
    rows = [Prediction(id=pair.id, p_b=p) for pair, p in zip(tested.pairs, chances.tolist(), strict=True)]
    write_jsonl(run.folder / "predictions.jsonl", rows)
    return {
        **calibration(chances.tolist(), [pair.soft_label for pair in tested.pairs]),
        "length_baseline": length_baseline(learnt.pairs, tested.pairs),
        "n_train": len(learnt.pairs),
        "n_test": len(tested.pairs),
        "too_long": len(train_pairs) + len(test_pairs) - len(learnt.pairs) - len(tested.pairs),
    }


class _Sides:
    """Pairs and the token ids of both their sides."""

    def __init__(self, pairs: list[Pair], tokenizer: Any, *, max_tokens: int) -> None:
        conversations = [pair.messages for pair in pairs]
        a = encoded(tokenizer, conversations, [pair.a for pair in pairs])
        b = encoded(tokenizer, conversations, [pair.b for pair in pairs])
        fits = [place for place in range(len(pairs)) if max(len(a[place]), len(b[place])) <= max_tokens]
        self.pairs = [pairs[place] for place in fits]
        self.a = [a[place] for place in fits]
        self.b = [b[place] for place in fits]
        self.pad = int(tokenizer.pad_token_id)

    def chances(self, model: Any) -> Tensor:
        """P(B preferred) of each pair by `model`; (pairs,)."""
        return torch.sigmoid(raw_rewards(model, self.b, pad=self.pad) - raw_rewards(model, self.a, pad=self.pad))

    def column(self, name: str, indices: list[int], *, device: torch.device) -> Tensor:
        """A field of some pairs as a tensor."""
        return torch.tensor([getattr(self.pairs[index], name) for index in indices], device=device)


def fit(model: Any, learnt: _Sides, tested: _Sides, *, run: running.Run[RewardRecipe]) -> None:
    """AdamW on the Bradley-Terry loss, both sides of a batch in one forward pass."""
    recipe = run.recipe
    batches = _batches(learnt, run=run)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=0.01)
    every = max(1, len(batches) // EVALUATIONS)
    losses: list[float] = []
    right: list[float] = []
    for step, indices in enumerate(batches, start=1):
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * schedule(step - 1, len(batches))
        sides = [learnt.a[index] for index in indices] + [learnt.b[index] for index in indices]
        rewards = model(input_ids=padded(sides, pad=learnt.pad, device=run.device)).logits[:, 0]
        a, b = rewards[: len(indices)], rewards[len(indices) :]
        labels = learnt.column("soft_label", indices, device=run.device)
        weights = learnt.column("weight", indices, device=run.device)
        loss: Any = bradley_terry(a, b, soft_label=labels, weight=weights, center=recipe.center)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        right.append(preference_accuracy(torch.sigmoid(b - a).tolist(), labels.tolist()))
        if step % every == 0 or step == len(batches):
            model.eval()
            heard = preference_accuracy(tested.chances(model).tolist(), [pair.soft_label for pair in tested.pairs])
            values = {"loss": _mean(losses[-every:]), "accuracy": _mean(right[-every:]), "eval_accuracy": heard}
            run.log(step, len(batches), values)
    model.eval()


def _batches(learnt: _Sides, *, run: running.Run[RewardRecipe]) -> list[list[int]]:
    """Every pair once per epoch, in batches of about equal length, in random order."""
    batch, batches = run.recipe.batch, []
    longest = [max(len(a), len(b)) for a, b in zip(learnt.a, learnt.b, strict=True)]
    for _ in range(run.recipe.epochs):
        order = run.rng.sample(range(len(longest)), len(longest))
        cut = []
        for start in range(0, len(order), batch * BUCKET):
            group = sorted(order[start : start + batch * BUCKET], key=longest.__getitem__)
            cut += [group[at : at + batch] for at in range(0, len(group), batch)]
        run.rng.shuffle(cut)
        batches += cut
    return batches


def _normalise(model: Any, learnt: _Sides, *, run: running.Run[RewardRecipe]) -> None:
    """Write into the model's config the mean and spread of its rewards, so that PPO sees a common scale."""
    responses = learnt.a + learnt.b
    drawn = run.rng.sample(responses, min(NORMALISE_ON, len(responses)))
    rewards = raw_rewards(model, drawn, pad=learnt.pad)
    model.config.reward_mean = rewards.mean().item()
    model.config.reward_std = max(rewards.std(correction=0).item(), 1e-3)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="reward", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

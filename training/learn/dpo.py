"""Direct preference optimisation on judged pairs, with TRL's DPOTrainer.

    python -m training.learn.dpo <folder>

reads   recipe.json (DpoRecipe), pairs.train.jsonl ({"id", "messages", "a", "b", "soft_label", "weight"})
writes  metrics.jsonl (loss, rewards/accuracies, rewards/margins, ..., objective/kl), model/,
        outcome.json (pairs, ties, too_long, loss, kl, stopped_early)

The reference is the model itself before the first step. DPOTrainer knows a better and a worse response and nothing
between: ties (a soft label of 0.5) and pairs of weight 0 are left out and counted. The KL to the reference is
measured on fresh samples as training goes, and training stops when it passes `max_kl`.
"""

from typing import Any

import torch

from training.learn import running
from training.learn.likelihood import sequence_logprobs
from training.learn.loading import load_policy, load_tokenizer, prompt_ids, response_ids, room_of, save
from training.learn.sampling import Sampling, sample
from training.learn.trl_shell import Check, Recorder, prepare, quiet_arguments
from training.records import BadRow, DpoRecipe, Pair, read_rows

CHECK_EVERY, CHECK_PROMPTS, CHECK_TOKENS = 25, 64, 72


def train(run: running.Run[DpoRecipe]) -> dict[str, Any]:
    """Train the recipe's model on the pairs."""
    recipe = run.recipe
    rows = read_rows(run.folder / "pairs.train.jsonl", Pair)
    tokenizer = load_tokenizer(run.path(recipe.model))
    model: Any = load_policy(run.path(recipe.model), device=run.device)
    reference = load_policy(run.path(recipe.model), device=run.device)
    judged = [row for row in rows if row.soft_label != 0.5 and row.weight > 0]
    fitting = _fitting(judged, tokenizer, max_tokens=min(recipe.max_tokens, room_of(model)))
    if not fitting:
        raise BadRow("pairs.train.jsonl: no pair has a preference and fits within max_tokens.")
    check = _kl_check(run, fitting, reference=reference, tokenizer=tokenizer)
    watch = Recorder(run, check=check, every=CHECK_EVERY, stop_name="objective/kl", stop_above=recipe.max_kl)
    trainer = _trainer(run, fitting, model=model, reference=reference, tokenizer=tokenizer, watch=watch)
    loss = trainer.train().training_loss
    model.eval()
    save(model, tokenizer, folder=run.model_folder)
    return {
        "pairs": len(fitting),
        "ties": len(rows) - len(judged),
        "too_long": len(judged) - len(fitting),
        "loss": loss,
        "kl": check(model, 0)["objective/kl"],
        "stopped_early": watch.stopped,
    }


def _trainer(
    run: running.Run[DpoRecipe], pairs: list[Pair], *, model: Any, reference: Any, tokenizer: Any, watch: Any
) -> Any:
    """TRL's trainer, silent."""
    from datasets import Dataset, disable_progress_bars
    from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]  # trl exports lazily, which no checker sees

    disable_progress_bars()
    trainer = DPOTrainer(
        model=model,
        ref_model=reference,
        args=DPOConfig(
            **quiet_arguments(run),
            per_device_train_batch_size=run.recipe.batch,
            num_train_epochs=run.recipe.epochs,
            learning_rate=run.recipe.lr,
            beta=run.recipe.beta,
            max_length=run.recipe.max_tokens,
        ),
        train_dataset=Dataset.from_list([_preference(pair) for pair in pairs]),
        processing_class=tokenizer,
        callbacks=[watch],
    )
    return prepare(trainer)


def _preference(pair: Pair) -> dict[str, Any]:
    """A pair in TRL's conversational format with an explicit prompt."""
    better, worse = (pair.b, pair.a) if pair.soft_label > 0.5 else (pair.a, pair.b)
    return {
        "prompt": pair.messages,
        "chosen": [{"role": "assistant", "content": better}],
        "rejected": [{"role": "assistant", "content": worse}],
    }


def _fitting(pairs: list[Pair], tokenizer: Any, *, max_tokens: int) -> list[Pair]:
    """The pairs whose both sides fit; DPOTrainer would cut the others off without a word."""
    prompts = prompt_ids(tokenizer, [pair.messages for pair in pairs])
    sides = response_ids(tokenizer, [pair.a for pair in pairs]), response_ids(tokenizer, [pair.b for pair in pairs])
    lengths = [len(prompt) + max(len(a), len(b)) for prompt, a, b in zip(prompts, *sides, strict=True)]
    return [pair for pair, length in zip(pairs, lengths, strict=True) if length <= max_tokens]


def _kl_check(run: running.Run[DpoRecipe], pairs: list[Pair], *, reference: Any, tokenizer: Any) -> Check:
    """A function that measures the KL (nats per response) of a policy to the reference on its own samples."""
    drawn = run.rng.sample(pairs, min(CHECK_PROMPTS, len(pairs)))
    prompts = prompt_ids(tokenizer, [pair.messages for pair in drawn])
    room = room_of(reference) - max(map(len, prompts))
    how = Sampling(min(CHECK_TOKENS, room), tokenizer.eos_token_id, tokenizer.pad_token_id)

    def check(policy: Any, _step: int) -> dict[str, float]:
        training, generator = policy.training, torch.Generator(device=run.device).manual_seed(run.recipe.seed)
        policy.eval()
        responses = [drawn.ids for drawn in sample(policy, prompts, how=how, generator=generator)]
        own = sequence_logprobs(policy, prompts, responses, pad=how.pad)
        theirs = sequence_logprobs(reference, prompts, responses, pad=how.pad)
        policy.train(training)
        return {"objective/kl": (own - theirs).mean().item()}

    return check


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="dpo", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

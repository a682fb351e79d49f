"""Supervised fine-tuning on demonstrations, with TRL's SFTTrainer.

    python -m training.learn.sft <folder>

reads   recipe.json (SftRecipe), demonstrations.jsonl ({"messages", "completion"})
writes  metrics.jsonl (loss, learning_rate, grad_norm, ...), model/, outcome.json (demonstrations, too_long, loss)

The loss is on the completion alone. A demonstration longer than `max_tokens`, or than the model's context, is left out
and counted.
"""

from typing import Any

from training.learn import running
from training.learn.loading import load_policy, load_tokenizer, prompt_ids, response_ids, room_of, save
from training.learn.trl_shell import Recorder, prepare, quiet_arguments
from training.records import BadRow, Demonstration, SftRecipe, read_rows


def train(run: running.Run[SftRecipe]) -> dict[str, Any]:
    """Fine-tune the recipe's model on the demonstrations."""
    recipe = run.recipe
    rows = read_rows(run.folder / "demonstrations.jsonl", Demonstration)
    tokenizer = load_tokenizer(run.path(recipe.model))
    model: Any = load_policy(run.path(recipe.model), device=run.device)
    longest = min(recipe.max_tokens, room_of(model))
    examples = _examples(rows, tokenizer, max_tokens=longest)
    if not examples:
        raise BadRow(f"demonstrations.jsonl: every one is longer than max_tokens={longest}.")
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]  # trl exports lazily, which no checker sees

    disable_progress_bars()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **quiet_arguments(run),
            per_device_train_batch_size=recipe.batch,
            num_train_epochs=recipe.epochs,
            learning_rate=recipe.lr,
            max_length=longest,
            completion_only_loss=True,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        callbacks=[Recorder(run)],
    )
    loss = prepare(trainer).train().training_loss
    model.eval()
    save(model, tokenizer, folder=run.model_folder)
    return {"demonstrations": len(examples), "too_long": len(rows) - len(examples), "loss": loss}


def _examples(rows: list[Demonstration], tokenizer: Any, *, max_tokens: int) -> list[dict[str, list[int]]]:
    """Token ids and a mask that is 1 on the completion, as SFTTrainer takes them ready-made."""
    prompts = prompt_ids(tokenizer, [row.messages for row in rows])
    completions = response_ids(tokenizer, [row.completion for row in rows])
    return [
        {"input_ids": prompt + completion, "completion_mask": [0] * len(prompt) + [1] * len(completion)}
        for prompt, completion in zip(prompts, completions, strict=True)
        if len(prompt) + len(completion) <= max_tokens
    ]


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="sft", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

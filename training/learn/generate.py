"""Sample responses to prompts.

    python -m training.learn.generate <folder>

reads   recipe.json (GenerateRecipe), prompts.jsonl ({"id", "messages"})
writes  metrics.jsonl (responses, tokens_per_second), responses.jsonl ({"prompt_id", "sample", "text", "finished",
        "tokens", "logprob"}, in the order of the prompts), outcome.json (responses, tokens, unfinished)
"""

import time
from typing import Any

import torch

from training.learn import running
from training.learn.loading import load_policy, load_tokenizer, prompt_ids
from training.learn.sampling import Sample, Sampling, sample
from training.records import GenerateRecipe, PromptRow, ResponseRow, read_rows, write_jsonl

BATCHES_PER_LINE = 8  # how many batches between two lines of metrics


def train(run: running.Run[GenerateRecipe]) -> dict[str, Any]:
    """Sample `samples` responses to every prompt."""
    recipe = run.recipe
    prompts = read_rows(run.folder / "prompts.jsonl", PromptRow)
    tokenizer = load_tokenizer(run.path(recipe.model))
    model = load_policy(run.path(recipe.model), device=run.device)
    wanted = [ids for ids in prompt_ids(tokenizer, [row.messages for row in prompts]) for _ in range(recipe.samples)]
    how = Sampling(
        max_new_tokens=recipe.max_new_tokens,
        end=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
        temperature=recipe.temperature,
        top_p=recipe.top_p,
        batch=recipe.batch,
    )
    samples = _sampled(model, wanted, how=how, run=run)
    texts = tokenizer.batch_decode([drawn.ids for drawn in samples], skip_special_tokens=True)
    rows = [
        ResponseRow(
            prompt_id=prompts[place // recipe.samples].id,
            sample=place % recipe.samples,
            text=text,
            finished=drawn.finished,
            tokens=len(drawn.ids),
            logprob=drawn.logprob,
        )
        for place, (drawn, text) in enumerate(zip(samples, texts, strict=True))
    ]
    write_jsonl(run.folder / "responses.jsonl", rows)
    return {
        "responses": len(rows),
        "tokens": sum(row.tokens for row in rows),
        "unfinished": sum(not row.finished for row in rows),
    }


def _sampled(model: Any, prompts: list[list[int]], *, how: Sampling, run: running.Run[GenerateRecipe]) -> list[Sample]:
    """Sample group by group, so that progress can be told."""
    generator = torch.Generator(device=run.device).manual_seed(run.recipe.seed)
    group, samples, started = how.batch * BATCHES_PER_LINE, [], time.monotonic()
    for start in range(0, len(prompts), group):
        samples += sample(model, prompts[start : start + group], how=how, generator=generator)
        tokens = sum(len(drawn.ids) for drawn in samples)
        speed = tokens / (time.monotonic() - started)
        run.log(len(samples), len(prompts), {"responses": float(len(samples)), "tokens_per_second": speed})
    return samples


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="generate", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

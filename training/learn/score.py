"""Score responses by reward models, and measure how far a policy has moved from a reference.

    python -m training.learn.score <folder>

reads   recipe.json (ScoreRecipe), responses.jsonl ({"id", "messages", "text", "finished"})
writes  metrics.jsonl, scores.jsonl ({"id", "scores": {name: normalised reward}, "logprob", "reference_logprob"}),
        outcome.json (mean: {name: mean reward}; kl: mean of logprob - reference_logprob in nats per response, which
        estimates KL(policy || reference) when the policy wrote the responses; kl_se: its standard error)
"""

from typing import Any

from torch import Tensor

from training.learn import running
from training.learn.likelihood import sequence_logprobs
from training.learn.loading import load_policy, load_tokenizer, prompt_ids, response_ids
from training.learn.rewards import load_scorer
from training.records import ScoreRecipe, ScoreRequest, ScoreRow, read_rows, write_jsonl


def train(run: running.Run[ScoreRecipe]) -> dict[str, Any]:
    """Score every response by every model of the recipe."""
    recipe = run.recipe
    rows = read_rows(run.folder / "responses.jsonl", ScoreRequest)
    total = len(recipe.reward_models) + (recipe.policy is not None) + (recipe.reference is not None)
    scores: dict[str, Tensor] = {}
    for step, (name, path) in enumerate(recipe.reward_models.items(), start=1):
        scorer = load_scorer(run.path(path), device=run.device)
        scores[name] = scorer.score([row.messages for row in rows], [row.text for row in rows], batch=recipe.batch)
        run.log(step, total, {f"scores/{name}": scores[name].mean().item()})
    policy = _logprobs(run, rows, path=recipe.policy)
    reference = _logprobs(run, rows, path=recipe.reference)
    results: dict[str, Any] = {"mean": {name: values.mean().item() for name, values in scores.items()}}
    if policy is not None and reference is not None:
        results |= _distance(policy - reference)
        run.log(total, total, {"objective/kl": results["kl"]})
    write_jsonl(run.folder / "scores.jsonl", _score_rows(rows, scores=scores, policy=policy, reference=reference))
    return results


def _logprobs(run: running.Run[ScoreRecipe], rows: list[ScoreRequest], *, path: str | None) -> Tensor | None:
    """The log-probability of each response under the model at `path`; one that was cut off has no end token."""
    if path is None:
        return None
    tokenizer = load_tokenizer(run.path(path))
    model = load_policy(run.path(path), device=run.device)
    prompts = prompt_ids(tokenizer, [row.messages for row in rows])
    ended = response_ids(tokenizer, [row.text for row in rows])
    responses = [ids if row.finished else ids[:-1] for row, ids in zip(rows, ended, strict=True)]
    return sequence_logprobs(model, prompts, responses, pad=tokenizer.pad_token_id, batch=run.recipe.batch)


def _distance(differences: Tensor) -> dict[str, float]:
    spread = differences.std(correction=0).item()
    return {"kl": differences.mean().item(), "kl_se": spread / len(differences) ** 0.5}


def _score_rows(
    rows: list[ScoreRequest], *, scores: dict[str, Tensor], policy: Tensor | None, reference: Tensor | None
) -> list[ScoreRow]:
    return [
        ScoreRow(
            id=row.id,
            scores={name: values[place].item() for name, values in scores.items()},
            logprob=None if policy is None else policy[place].item(),
            reference_logprob=None if reference is None else reference[place].item(),
        )
        for place, row in enumerate(rows)
    ]


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="score", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())

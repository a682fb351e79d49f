"""The stages of a round before its evaluation. Each asks once, and is true when all it asked for is there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotation.actions import BadPair, NotEnoughPanels, UnknownPrompt, open_batch, store_responses
from annotation.models import Prompt
from annotation.queries import prompts_of_rounds
from annotation.routing import Candidate, choose_pairs
from evaluation import queries
from evaluation.actions.parts import StageFailed, is_done, model_of, part, train
from evaluation.models import Round
from snapshots.actions import NameTaken, request_snapshot
from snapshots.models import Snapshot
from training import actions as training
from training.queries import responses_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotation.models import Response

PROXY, AUDIT, POLICY = "rm", "rm-audit", "ppo"


def candidates(round: Round) -> bool:
    """Responses of the start model to every prompt, paired and opened for judging."""
    config = queries.config_of(round)
    run = part(
        round,
        "candidates",
        lambda name: training.queue_generation(
            round.project,
            name=name,
            model=round.start,
            prompts=prompts_of_rounds(round.project).order_by("pk"),
            samples=config.samples,
            temperature=config.temperature,
            seed=config.seed + round.number,
            max_new_tokens=config.max_new_tokens,
            purpose="candidates",
            by=round.created_by,
        ),
    )
    if not is_done(run):
        return False
    seed = (config.seed, round.number)
    try:
        responses = store_responses(
            round.project,
            model_digest=round.start.digest,
            sampling={"temperature": config.temperature, "run": run.name},
            rows=((int(row.prompt_id), row.text) for row in responses_of(run)),
        )
        round.batch = open_batch(
            round.project,
            name=f"r{round.number}",
            guideline=queries.guideline_of(round),
            pairs=_pairs(responses, wanted=(config.pairs, config.held_out_pairs), seed=seed),
            overlap=config.overlap,
            split_panels=config.split_panels,
            rng=np.random.default_rng(seed),
            by=round.created_by,
        )
    except (BadPair, NotEnoughPanels, UnknownPrompt) as refusal:
        raise StageFailed(str(refusal)) from refusal
    round.save(update_fields=["batch"])
    return True


def collecting(round: Round) -> bool:
    """Every comparison of the batch is judged, or a lead closed it."""
    return round.batch is not None and round.batch.closed_at is not None


def snapshot(round: Round) -> bool:
    """A frozen cut of all the project's judgments so far, this round's among them."""
    if round.snapshot is None:
        name = f"prefs@r{round.number}"
        try:
            round.snapshot = request_snapshot(round.project, name=name, filters={}, by=round.created_by)
        except NameTaken as refusal:
            raise StageFailed(str(refusal)) from refusal
        round.save(update_fields=["snapshot"])
    if round.snapshot.state == Snapshot.State.FAILED:
        raise StageFailed(f"Snapshot {round.snapshot} failed: {round.snapshot.reason}")
    return round.snapshot.state == Snapshot.State.READY


def reward(round: Round) -> bool:
    """Two reward models from disjoint halves of the raters: the proxy to train against, the audit to check it."""
    recipe = queries.config_of(round).reward
    runs = [
        train(
            round,
            name,
            kind="reward",
            recipe=recipe,
            start_from=round.reference,
            inputs={"panel": panel},
            snapshot=round.snapshot,
        )
        for panel, name in enumerate((PROXY, AUDIT))
    ]
    return all([is_done(run) for run in runs])


def policy(round: Round) -> bool:
    """The policy trained against the proxy; the audit only watches."""
    inputs = {
        "reference": round.reference_id,
        "reward_model": model_of(round, PROXY).pk,
        "audit_model": model_of(round, AUDIT).pk,
    }
    recipe = queries.config_of(round).ppo
    run = train(round, POLICY, kind="ppo", recipe=recipe, start_from=round.start, inputs=inputs)
    if not is_done(run):
        return False
    round.policy = model_of(round, POLICY)
    round.save(update_fields=["policy"])
    return True


def _pairs(responses: Sequence[Response], *, wanted: tuple[int, int], seed: Sequence[int]) -> list[tuple[int, int]]:
    """Comparisons to open, on training prompts and on held-out ones, spread evenly over the prompts."""
    prompts = {response.prompt_id for response in responses}
    held_out = set(Prompt.objects.filter(pk__in=prompts, held_out=True).values_list("pk", flat=True))
    split: tuple[dict[int, list[Candidate]], dict[int, list[Candidate]]] = (defaultdict(list), defaultdict(list))
    for response in responses:
        offered = split[response.prompt_id in held_out][response.prompt_id]
        offered.append(Candidate(response.pk, response.text))
    rng = np.random.default_rng(seed)
    chosen = [_spread(by_prompt, count, rng=rng) for by_prompt, count in zip(split, wanted, strict=True)]
    for pairs, kind in zip(chosen, ("training", "held-out"), strict=True):
        if not pairs:
            raise StageFailed(
                f"The start model gave no {kind} prompt two different responses. "
                "Ask for more samples, or raise the temperature."
            )
    return [*chosen[0], *chosen[1]]


def _spread(
    candidates: Mapping[int, Sequence[Candidate]], wanted: int, *, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """`wanted` pairs, or all there are: prompts with many distinct responses give more where others have few."""
    per_prompt = -(-wanted // max(len(candidates), 1))
    pairs = choose_pairs(candidates, rng=rng, pairs_per_prompt=per_prompt).pairs
    while len(pairs) < wanted:
        more = choose_pairs(candidates, rng=rng, pairs_per_prompt=2 * per_prompt).pairs
        if len(more) <= len(pairs):
            break
        pairs, per_prompt = more, 2 * per_prompt
    keep = sorted(rng.permutation(len(pairs))[:wanted])
    return [(pairs[place].a, pairs[place].b) for place in keep]

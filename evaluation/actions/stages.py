"""The stages of a round before its evaluation. Each asks once, and is true when all it asked for is there."""

from __future__ import annotations

import numpy as np

from annotation.actions import BadOverlap, BadPair, NotEnoughPanels, UnknownPrompt, open_batch, store_responses
from annotation.queries import prompts_of_rounds
from evaluation import queries
from evaluation.actions.choosing import pairs_to_judge, score_candidates
from evaluation.actions.parts import AUDIT, POLICY, PROXY, StageFailed, is_done, model_of, part, train
from evaluation.models import Round
from evaluation.plan import UNCERTAIN_HALF
from snapshots.actions import NameTaken, request_snapshot
from snapshots.models import Snapshot
from training import actions as training
from training.queries import responses_of


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
    scores = score_candidates(round, run) if config.pairing == UNCERTAIN_HALF else None
    if scores is not None and not is_done(scores):
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
            pairs=pairs_to_judge(responses, config=config, candidates=run, scores=scores, seed=seed),
            overlap=config.overlap,
            adaptive=config.stopping_rule,
            split_panels=config.split_panels,
            rng=np.random.default_rng(seed),
            by=round.created_by,
        )
    except (BadOverlap, BadPair, NotEnoughPanels, UnknownPrompt) as refusal:
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

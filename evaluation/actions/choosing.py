"""Which candidates of a round are compared, by the pairing that the round names."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotation.models import Prompt
from annotation.pairing import BY_CHANCE, Candidate, LikeLength, UncertainHalf, choose_pairs, trim
from evaluation.actions.parts import PROXY, StageFailed, part
from evaluation.plan import LIKE_LENGTH
from training import actions as training
from training.models import ModelVersion, Run
from training.queries import responses_of, score_id, scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotation.models import Response
    from annotation.pairing import Pairing
    from evaluation.models import Round
    from evaluation.plan import RoundConfig


def score_candidates(round: Round, candidates: Run) -> Run | None:
    """What the newest reward model of an earlier round says of the candidates; None while there is none."""
    earlier = {"run__part_of__part": PROXY, "run__part_of__round__number__lt": round.number}
    judge = ModelVersion.objects.filter(project=round.project_id, **earlier).order_by("-pk").first()
    if judge is None:
        return None
    return part(
        round,
        "score-candidates",
        lambda name: training.queue_run(
            round.project,
            kind=Run.Kind.SCORE,
            name=name,
            recipe={},
            inputs={"responses_from": candidates.pk, "reward_models": {"proxy": judge.pk}},
            time_limit=round.config["time_limit"],
            by=round.created_by,
        ),
    )


def pairs_to_judge(
    responses: Sequence[Response], *, config: RoundConfig, candidates: Run, scores: Run | None, seed: Sequence[int]
) -> list[tuple[int, int]]:
    """Comparisons to open, on training prompts and on held-out ones, spread evenly over the prompts.

    `responses` are what was kept of the run `candidates`. Held-out pairs are always chosen by chance: what rounds are
    measured on must not change with what they are taught. Raises StageFailed when there are none.
    """
    prompts = {response.prompt_id for response in responses}
    held_out = set(Prompt.objects.filter(pk__in=prompts, held_out=True).values_list("pk", flat=True))
    split: tuple[dict[int, list[Candidate]], dict[int, list[Candidate]]] = (defaultdict(list), defaultdict(list))
    for response in responses:
        offered = split[response.prompt_id in held_out][response.prompt_id]
        offered.append(Candidate(response.pk, response.text))
    pairing: Pairing = BY_CHANCE
    if config.pairing == LIKE_LENGTH:
        pairing = LikeLength(config.length_tolerance)
    elif scores is not None:
        pairing = UncertainHalf(_scores_of(responses, candidates, scores))
    rng = np.random.default_rng(seed)
    training_pairs = _spread(split[False], config.pairs, rng=rng, pairing=pairing)
    held_out_pairs = _spread(split[True], config.held_out_pairs, rng=rng, pairing=BY_CHANCE)
    for pairs, kind in ((training_pairs, "training"), (held_out_pairs, "held-out")):
        if not pairs:
            raise StageFailed(_nothing_to_compare(kind, config))
    return [*training_pairs, *held_out_pairs]


def _nothing_to_compare(kind: str, config: RoundConfig) -> str:
    if kind == "training" and config.pairing == LIKE_LENGTH:
        return (
            "The start model gave no training prompt two different responses of like length. "
            "Ask for more samples, or raise length_tolerance."
        )
    return (
        f"The start model gave no {kind} prompt two different responses. "
        "Ask for more samples, or raise the temperature."
    )


def _scores_of(responses: Sequence[Response], candidates: Run, scores: Run) -> dict[int, float]:
    """By response: several samples with the same text are one response, and have one score."""
    by_sample = {row.id: row.scores["proxy"] for row in scores_of(scores) if "proxy" in row.scores}
    by_text = {
        (int(row.prompt_id), row.text): by_sample[score_id(row)]
        for row in responses_of(candidates)
        if score_id(row) in by_sample
    }
    keys = {response.pk: (response.prompt_id, response.text) for response in responses}
    return {pk: by_text[key] for pk, key in keys.items() if key in by_text}


def _spread(
    candidates: Mapping[int, Sequence[Candidate]], wanted: int, *, rng: np.random.Generator, pairing: Pairing
) -> list[tuple[int, int]]:
    """`wanted` pairs, or all there are: prompts with many distinct responses give more where others have few."""
    per_prompt = -(-wanted // max(len(candidates), 1))
    pairs = choose_pairs(candidates, rng=rng, pairs_per_prompt=per_prompt, pairing=pairing).pairs
    while len(pairs) < wanted:
        more = choose_pairs(candidates, rng=rng, pairs_per_prompt=2 * per_prompt, pairing=pairing).pairs
        if len(more) <= len(pairs):
            break
        pairs, per_prompt = more, 2 * per_prompt
    return [(pair.a, pair.b) for pair in trim(pairs, wanted=wanted, rng=rng)]

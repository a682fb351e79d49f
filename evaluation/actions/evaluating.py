"""The last stage: the reference and the policy answer held-out prompts and probes, and both panels score them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotation.queries import prompts_of_rounds
from evaluation import queries
from evaluation.actions.concluding import conclude
from evaluation.actions.parts import AUDIT, PROXY, StageFailed, is_done, model_of, part
from training import actions as training
from training.models import Run

if TYPE_CHECKING:
    from evaluation.models import Round
    from training.models import ModelVersion

# Each set's seed lies apart from the candidates' and from each other's: no two may sample alike by accident.
SEEDS = {"sft": 1_000, "policy": 2_000, "sft-t03": 3_000, "probes": 4_000}


def evaluate(round: Round) -> bool:
    """Answers, scores, and then what they say. All at once in one transaction: a round is concluded or it is not."""
    answers = {name: _answers(round, name) for name in queries.SETS}
    probes = _probe_answers(round)
    ready = {name: is_done(run) for name, run in answers.items()}
    scores = [_scores(round, name, answers[name]) for name in queries.SETS if ready[name]]
    scored = [is_done(run) for run in scores]
    if not is_done(probes) or not all(ready.values()) or not all(scored):
        return False
    conclude(round)
    return True


def _answers(round: Round, name: str) -> Run:
    """One set of answers to the held-out prompts: whose, and how warm, is what tells the sets apart."""
    config = queries.config_of(round)
    model, temperature = _who(round, name)
    return part(
        round,
        f"eval-{name}",
        lambda run_name: training.queue_generation(
            round.project,
            name=run_name,
            model=model,
            prompts=prompts_of_rounds(round.project).filter(held_out=True).order_by("pk"),
            samples=config.evaluation_samples,
            temperature=temperature,
            seed=config.seed + SEEDS[name] + round.number,
            max_new_tokens=config.max_new_tokens,
            purpose="evaluation",
            by=round.created_by,
        ),
    )


def _who(round: Round, name: str) -> tuple[ModelVersion, float]:
    if name == "policy":
        return queries.policy_of(round), 1.0
    return round.reference, 0.3 if name == "sft-t03" else 1.0


def _probe_answers(round: Round) -> Run:
    """The policy's answers to the probes. A probe is no prompt: nothing trains on it before it was failed."""
    config = queries.config_of(round)
    probes = queries.probes_of(round)
    if not probes:
        raise StageFailed(f"The probe suite {config.suite!r} is not loaded any more.")
    recipe: dict[str, Any] = {
        "samples": config.probe_samples,
        "temperature": 1.0,
        "seed": config.seed + SEEDS["probes"] + round.number,
        "max_new_tokens": config.max_new_tokens,
    }
    conversations = [{"id": queries.asked_as(probe), "messages": probe.messages} for probe in probes]
    return part(
        round,
        "eval-probes",
        lambda name: training.queue_run(
            round.project,
            kind=Run.Kind.GENERATE,
            name=name,
            recipe=recipe,
            start_from=queries.policy_of(round),
            inputs={"conversations": conversations},
            time_limit=config.time_limit,
            by=round.created_by,
        ),
    )


def _scores(round: Round, name: str, answers: Run) -> Run:
    """What both reward models say of a set; for the policy's, how far it went from the reference too."""
    inputs: dict[str, Any] = {
        "responses_from": answers.pk,
        "reward_models": {"proxy": model_of(round, PROXY).pk, "audit": model_of(round, AUDIT).pk},
    }
    if name == "policy":
        inputs |= {"policy": queries.policy_of(round).pk, "reference": round.reference_id}
    limit = queries.config_of(round).time_limit
    return part(
        round,
        f"score-{name}",
        lambda run_name: training.queue_run(
            round.project,
            kind=Run.Kind.SCORE,
            name=run_name,
            recipe={},
            inputs=inputs,
            time_limit=limit,
            by=round.created_by,
        ),
    )

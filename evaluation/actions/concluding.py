"""What the answers and scores say: verdicts, behaviour, alerts, findings, gates, and the figures of the round."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.queries import counted_judgments
from evaluation import hacking, queries
from evaluation.actions.gating import Facts, judge_gates
from evaluation.actions.parts import AUDIT, PROXY, StageFailed, model_of
from evaluation.actions.probing import find_failures
from evaluation.actions.verdicts import NoVerdict, record_verdict
from evaluation.models import Alert, BehaviourReport, ModelComparison, Round, RoundRun
from evaluation.ranking import win_rate

if TYPE_CHECKING:
    from evaluation.hacking import Sample
    from training.models import ModelVersion

JUDGES = ("proxy", "audit")
SHOWN = 12  # samples kept with a behaviour report
Scored = Mapping[str, Sequence["Sample"]]


def conclude(round: Round) -> None:
    """Draw every conclusion from a round's finished runs. Called under the round's lock, once it has them all."""
    scored = {name: queries.scored_samples(round, name) for name in queries.SETS}
    rng = np.random.default_rng((queries.config_of(round).seed, round.number, 7))
    verdicts = _compare(round, scored, rng=rng)
    behaviour = {name: _report(round, name, samples) for name, samples in scored.items()}
    alerts = _raise_alerts(round, scored, rng=rng)
    probes = find_failures(round)
    facts = Facts(
        reward=model_of(round, PROXY).results,
        audit_low=verdicts["policy", "audit"].low,
        kl=_mean([sample.kl for sample in scored["policy"] if sample.kl is not None]),
        words=(behaviour["sft"]["words"], behaviour["policy"]["words"]),
        probes=probes,
    )
    gates = judge_gates(round, facts)
    round.results = {
        **round.results,
        **_figures(round, facts, verdicts),
        "alerts": alerts,
        "gates_failed": sum(not gate.passed for gate in gates),
        "run_seconds": _run_seconds(round),
    }


def _compare(round: Round, scored: Scored, *, rng: np.random.Generator) -> dict[tuple[str, str], ModelComparison]:
    """The policy, and the reference at a low temperature, against the reference at the policy's own temperature."""
    firsts: dict[str, ModelVersion] = {"policy": queries.policy_of(round), "sft-t03": round.reference}
    verdicts = {}
    for name, first in firsts.items():
        for judge in JUDGES:
            win = win_rate(_by_prompt(scored[name], judge), _by_prompt(scored["sft"], judge), rng=rng)
            try:
                verdicts[name, judge] = record_verdict(
                    round, name=name, judge=judge, first=first, second=round.reference, win=win
                )
            except NoVerdict as refusal:
                raise StageFailed(f"{name} by {judge}: {refusal}") from refusal
    return verdicts


def _by_prompt(samples: Sequence[Sample], judge: str) -> dict[Any, list[float]]:
    scores: dict[Any, list[float]] = defaultdict(list)
    for sample in samples:
        score = sample.proxy if judge == "proxy" else sample.audit
        if score is not None:
            scores[sample.prompt].append(score)
    return scores


def _report(round: Round, name: str, samples: Sequence[Sample]) -> dict[str, float]:
    """How one set answers, with some answers to read: means of counts, and shares of answers that do a thing."""
    counts = [hacking.features(sample.text) for sample in samples]
    benign = [count for count, sample in zip(counts, samples, strict=True) if sample.benign]
    values = {
        "samples": len(samples),
        "words": _mean([count.words for count in counts]),
        "flattery": _mean([count.flattery > 0 for count in counts]),
        "hedging": _mean([count.hedging > 0 for count in counts]),
        "apology": _mean([count.apology > 0 for count in counts]),
        "refusal": _mean([count.refusal > 0 for count in counts]),
        "over_refusal": _mean([count.refusal > 0 for count in benign]),
        "proxy": _mean([sample.proxy for sample in samples if sample.proxy is not None]),
        "audit": _mean([sample.audit for sample in samples if sample.audit is not None]),
    }
    shown = [
        {"prompt": sample.prompt, "text": sample.text, "proxy": sample.proxy, "audit": sample.audit}
        for sample in _one_of_each(samples)
    ]
    model = queries.policy_of(round) if name == "policy" else round.reference
    BehaviourReport.objects.update_or_create(
        round=round, name=name, defaults={"model": model, "values": values, "samples": shown}
    )
    return values


def _one_of_each(samples: Sequence[Sample]) -> list[Sample]:
    """The first answer to each of a few prompts: of every set the same prompts, so that a page can set them beside."""
    first: dict[Any, Sample] = {}
    for sample in samples:
        first.setdefault(sample.prompt, sample)
    prompts = sorted(first)
    return [first[prompt] for prompt in prompts[:: max(len(prompts) // SHOWN, 1)][:SHOWN]]


def _raise_alerts(round: Round, scored: Scored, *, rng: np.random.Generator) -> int:
    """An alert for each sign of reward hacking beyond its limit. Every sign, quiet or not, is kept in the results."""
    try:
        found = hacking.signals(scored["sft"], scored["policy"], rng=rng)
    except hacking.TooFewPrompts as refusal:
        raise StageFailed(f"The monitor needs more held-out prompts. {refusal}") from refusal
    round.results = {**round.results, "signals": [_plain(signal) for signal in found]}
    tripped = [signal for signal in found if signal.tripped]
    for signal in tripped:
        Alert.objects.get_or_create(
            round=round,
            signal=signal.name,
            defaults={
                "title": signal.title,
                "finding": signal.finding[:400],
                "value": signal.value,
                "low": signal.low,
                "high": signal.high,
                "limit": signal.limit,
            },
        )
    return len(tripped)


def _plain(signal: hacking.Signal) -> dict[str, Any]:
    """A signal as JSON: what is not a number becomes none."""
    numbers = {name: getattr(signal, name) for name in ("value", "low", "high", "limit")}
    words = {"name": signal.name, "title": signal.title, "tripped": signal.tripped, "finding": signal.finding}
    return words | {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def _figures(round: Round, facts: Facts, verdicts: Mapping[tuple[str, str], ModelComparison]) -> dict[str, Any]:
    """The round in numbers. Missing ones are none, never made up."""
    audit = model_of(round, AUDIT).results
    ours = {name: facts.reward.get(name) for name in ("accuracy", "ece", "log_loss", "length_baseline", "n_test")}
    wins = {f"{name.replace('-', '_')}_{judge}": verdict.win_rate for (name, judge), verdict in verdicts.items()}
    return {
        "judgments": counted_judgments().filter(comparison__batch=round.batch_id).count(),
        "rm": ours,
        "audit_accuracy": audit.get("accuracy"),
        "win_rates": wins,
        "kl": facts.kl,
        "words_sft": facts.words[0],
        "words_policy": facts.words[1],
        "probes": facts.probes.asked,
        "probes_failed": facts.probes.failed,
        "new_prompts": facts.probes.new_prompts,
        "snapshot": round.snapshot.sha256 if round.snapshot else "",
        "model": queries.policy_of(round).digest,
    }


def _run_seconds(round: Round) -> dict[str, float]:
    rows = RoundRun.objects.filter(round=round).select_related("run").order_by("pk")
    return {
        row.part: (row.run.finished_at - row.run.started_at).total_seconds()
        for row in rows
        if row.run.finished_at and row.run.started_at
    }


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers)) if len(numbers) else 0.0

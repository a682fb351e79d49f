"""The gates: what must hold before a policy is worth going on with, what was measured, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation import queries
from evaluation.models import Gate, Round

if TYPE_CHECKING:
    from evaluation.actions.probing import Probing


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gates look at. `reward` are the proxy's results; `words` the mean lengths of reference and policy."""

    reward: Mapping[str, Any]
    audit_low: float
    kl: float
    words: tuple[float, float]
    probes: Probing


@dataclass(frozen=True, slots=True)
class Measure:
    """One gate's value (None when it could not be measured), and the sentence about it."""

    value: float | None
    finding: str
    at_most: bool = False

    def passes(self, limit: float) -> bool:
        """Whether the value is on the good side. At the limit is enough only where the limit is the most."""
        if self.value is None:
            return False
        return self.value <= limit if self.at_most else self.value > limit


def judge_gates(round: Round, facts: Facts) -> list[Gate]:
    """Hold what was measured against the round's limits."""
    config = queries.config_of(round)
    gates = []
    for name, measure in _measures(facts).items():
        limit = config.limit(name)
        gate, _ = Gate.objects.update_or_create(
            round=round,
            name=name,
            defaults={
                "limit": limit,
                "value": measure.value,
                "passed": measure.passes(limit),
                "finding": measure.finding[:300],
            },
        )
        gates.append(gate)
    return gates


def _measures(facts: Facts) -> dict[str, Measure]:
    before, after = facts.words
    ratio = after / before if before else None
    share = facts.probes.failed / facts.probes.asked if facts.probes.asked else None
    return {
        "reward_over_length": _reward_over_length(facts.reward),
        "audit_win_rate": Measure(
            facts.audit_low, f"The other panel's reward model prefers the policy at {facts.audit_low:.0%} or more."
        ),
        "kl": Measure(facts.kl, f"The policy is {facts.kl:.1f} nats a response from the reference.", at_most=True),
        "length_ratio": Measure(ratio, f"Answers went from {before:.1f} to {after:.1f} words.", at_most=True),
        "probes_failed": Measure(share, f"{facts.probes.failed} of {facts.probes.asked} probes failed.", at_most=True),
    }


def _reward_over_length(results: Mapping[str, Any]) -> Measure:
    accuracy, baseline = results.get("accuracy"), results.get("length_baseline")
    if accuracy is None or baseline is None:
        return Measure(None, "The reward model was not tested on held-out pairs.")
    sentence = f"The reward model is right on {accuracy:.0%} of held-out pairs; length alone on {baseline:.0%}."
    return Measure(accuracy - baseline, sentence)

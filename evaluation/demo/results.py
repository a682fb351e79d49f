"""What the demo reports: did learning from judgments lead where the gold function points, and what got worse."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.models import Comparison, Prompt
from evaluation import actions, queries
from evaluation.demo import world
from evaluation.demo.gold import Gold, gold
from evaluation.models import Round
from evaluation.ranking import WinRate, win_rate
from training.models import Run
from training.queries import predictions_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Judged:
    """One set of answers to held-out prompts, seen by the gold function. Lists are by prompt id."""

    by_prompt: dict[int, list[Gold]]
    kinds: dict[int, str]

    @property
    def everything(self) -> list[Gold]:
        """All answers."""
        return [seen for group in self.by_prompt.values() for seen in group]

    def values(self) -> dict[int, list[float]]:
        """Gold values by prompt."""
        return {prompt: [seen.value for seen in group] for prompt, group in self.by_prompt.items()}

    def share(self, what: str, *, kinds: Sequence[str] = ()) -> float:
        """How often something holds, among all answers or those to some kinds of prompt."""
        chosen = [
            getattr(seen, what)
            for prompt, group in self.by_prompt.items()
            if not kinds or self.kinds[prompt] in kinds
            for seen in group
        ]
        return fmean(map(float, chosen)) if chosen else 0.0


def judged_by_gold(round: Round, set_name: str) -> Judged:
    """Read one evaluation set and judge each answer from its text."""
    prompts = Prompt.objects.filter(project=round.project, held_out=True)
    known = {prompt.pk: world.prompt_of(prompt.question) for prompt in prompts}
    by_prompt: dict[int, list[Gold]] = defaultdict(list)
    for prompt_id, text in queries.samples_of(round, set_name):
        if known.get(prompt_id) is not None:
            by_prompt[prompt_id].append(gold(known[prompt_id], text))
    return Judged(dict(by_prompt), {pk: prompt.kind for pk, prompt in known.items() if prompt})


HARMLESS = ("fact", "sum", "list", "how")


def report(round: Round, *, seed: int, seconds: float) -> dict[str, Any]:
    """The round's figures for out.json, and its gold verdict recorded on the round. `seconds`: how long it all took."""
    sets = {name: judged_by_gold(round, name) for name in ("sft", "policy", "sft-t03")}
    sft, policy, cool = sets["sft"], sets["policy"], sets["sft-t03"]
    against = _record(round, "policy against SFT", first=policy, second=sft, seed=seed)
    baseline = win_rate(cool.values(), sft.values(), rng=np.random.default_rng(seed))
    reward = Run.objects.get(part_of__round=round, part_of__part="rm")
    return {
        "round": round.number,
        "seconds": seconds,
        "stage_seconds": round.stage_seconds,
        "judgments": round.snapshot.manifest["counts"]["judgments"] if round.snapshot else 0,
        "rm_accuracy_labels": reward.results["accuracy"],
        "rm_accuracy_gold": _accuracy_against_gold(reward),
        "rm_ece": reward.results["ece"],
        "win_rate": against.value,
        "win_rate_low": against.low,
        "win_rate_high": against.high,
        "win_rate_sft_t03": baseline.value,
        "kl": round.results["kl"],
        "gold_sft": sft.share("value"),
        "gold_sft_t03": cool.share("value"),
        "gold_policy": policy.share("value"),
        **_shares("sft", sft),
        **_shares("policy", policy),
        "snapshot": round.snapshot.sha256 if round.snapshot else "",
        "model": round.policy.digest if round.policy else "",
    }


def _shares(name: str, judged: Judged) -> dict[str, float]:
    return {
        f"correct_{name}": judged.share("correct"),
        f"correct_harmless_{name}": judged.share("correct", kinds=HARMLESS),
        f"harm_refused_{name}": judged.share("refused", kinds=("harm",)),
        f"over_refused_{name}": judged.share("refused", kinds=HARMLESS),
        f"flattery_{name}": fmean(seen.flattery > 0 for seen in judged.everything),
        f"rude_{name}": fmean(seen.rude > 0 for seen in judged.everything),
        f"unfinished_{name}": 1 - judged.share("finished"),
        f"words_{name}": judged.share("words"),
        **{f"correct_{kind}_{name}": judged.share("correct", kinds=(kind,)) for kind in (*HARMLESS, "harm")},
    }


def _record(round: Round, name: str, *, first: Judged, second: Judged, seed: int) -> WinRate:
    win = win_rate(first.values(), second.values(), rng=np.random.default_rng(seed))
    if round.policy is not None:
        actions.record_verdict(round, name=name, judge="gold", first=round.policy, second=round.reference, win=win)
    return win


def _accuracy_against_gold(reward: Run) -> float:
    """How often the reward model prefers the response that gold prefers, on held-out pairs that differ in gold."""
    predicted = {int(row.id): row.p_b for row in predictions_of(reward)}
    right = []
    pairs = Comparison.objects.filter(pk__in=predicted).select_related("prompt", "response_a", "response_b")
    for pair in pairs:
        prompt = world.prompt_of(pair.prompt.question)
        gap = gold(prompt, pair.response_b.text).value - gold(prompt, pair.response_a.text).value
        if abs(gap) > 1e-6:
            right.append((predicted[pair.pk] > 0.5) == (gap > 0))
    return fmean(right) if right else 0.0


# name in the report, title, whether more is better (None: neither)
ROWS = (
    ("gold", "gold reward", True),
    ("correct", "correct", True),
    ("correct_harmless", "correct, harmless questions", True),
    ("harm_refused", "harmful questions refused", True),
    ("over_refused", "harmless questions refused", False),
    ("flattery", "flatters", False),
    ("rude", "is rude", False),
    ("unfinished", "does not finish", False),
    ("words", "words", None),
)


def table(figures: dict[str, Any]) -> list[str]:
    """The results as lines to print, what got worse at the end."""
    low, high = figures["win_rate_low"], figures["win_rate_high"]
    lines = [
        "",
        f"Round {figures['round']}: {figures['judgments']} judgments, {figures['seconds']:.0f} s",
        f"  reward model, held-out pairs    accuracy {figures['rm_accuracy_labels']:.3f} against labels, "
        f"{figures['rm_accuracy_gold']:.3f} against gold, ECE {figures['rm_ece']:.3f}",
        f"  win rate against SFT, T=1       {figures['win_rate']:.3f}  (95% by prompt: {low:.3f} to {high:.3f})",
        f"  the same for SFT at T=0.3       {figures['win_rate_sft_t03']:.3f}  (what a lower temperature alone buys)",
        f"  KL from SFT                     {figures['kl']:.2f} nats per response",
        "",
        f"  {'held-out prompts, T=1':<32}{'SFT':>8}{'policy':>10}",
    ]
    for name, title, _ in ROWS:
        before, after = figures[f"{name}_sft"], figures[f"{name}_policy"]
        lines.append(f"  {title:<32}{before:>8.2f}{after:>10.2f}")
    return [*lines, "", *_worse(figures)]


def _worse(figures: dict[str, Any]) -> list[str]:
    found = []
    kinds = tuple((f"correct_{kind}", f"correct on '{kind}' prompts", True) for kind in (*HARMLESS, "harm"))
    for name, title, more_is_better in (*ROWS, *kinds):
        before, after = figures[f"{name}_sft"], figures[f"{name}_policy"]
        change = (after - before) if more_is_better else (before - after)
        if more_is_better is not None and change < -0.005:
            found.append(f"    {title}: {before:.2f} to {after:.2f}")
    return ["  What got worse:", *(found or ["    nothing that is measured here"])]

"""Which model does better on the same prompts, with an interval that respects prompts. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from annotation.agreement import percentile_interval, resampled_sums

Prompt = TypeVar("Prompt", bound=Hashable)

NO_PROMPTS = "The two models have no prompt in common."
ONE_PROMPT = "Only one prompt is shared, so there is no interval."


@dataclass(frozen=True)
class WinRate:
    """How often the first model does better, ties counting half: 0 to 1, and a half between equals.

    Every prompt counts the same, however many responses it has. `value` is None without a shared prompt, `low` and
    `high` (95 %) without two; `reason` then says so. pairs: how many responses were set against each other.
    """

    value: float | None
    low: float | None
    high: float | None
    prompts: int
    pairs: int
    reason: str


def win_rate(
    a_scores: Mapping[Prompt, Sequence[float]],
    b_scores: Mapping[Prompt, Sequence[float]],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
) -> WinRate:
    """The win rate of model A from scores of its responses by prompt: each against each of B's on that prompt.

    Prompts that only one model answered are left out. Raises ValueError for a score that is not finite.
    """
    outcomes: dict[Prompt, list[float]] = {}
    for prompt, ours in a_scores.items():
        theirs = b_scores.get(prompt, ())
        if len(ours) and len(theirs):
            gaps = _finite(ours)[:, None] - _finite(theirs)[None, :]
            outcomes[prompt] = ((np.sign(gaps) + 1) / 2).ravel().tolist()
    return share_won(outcomes, rng=rng, resamples=resamples)


def share_won(
    outcomes: Mapping[Prompt, Sequence[float]], *, rng: np.random.Generator, resamples: int = 2000
) -> WinRate:
    """The win rate from verdicts by prompt: 1 won, 0 lost, 0.5 a tie or in between. The interval resamples prompts."""
    means = [float(_finite(verdicts).mean()) for verdicts in outcomes.values() if len(verdicts)]
    pairs = sum(len(verdicts) for verdicts in outcomes.values())
    if not means:
        return WinRate(None, None, None, 0, 0, NO_PROMPTS)
    value = float(np.mean(means))
    if len(means) == 1:
        return WinRate(value, None, None, 1, pairs, ONE_PROMPT)
    drawn = resampled_sums(np.asarray(means)[:, None], rng=rng, resamples=resamples)[:, 0] / len(means)
    low, high = percentile_interval(drawn)
    return WinRate(value, low, high, len(means), pairs, "")


def _finite(numbers: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(numbers, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("A score is not a finite number.")
    return array

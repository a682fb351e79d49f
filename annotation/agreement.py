"""How far raters agree beyond chance, with an interval that respects prompts.

Pure arithmetic on columns: judgment i says that unit `units[i]` has the value `values[i]`. Who judged is not needed:
Krippendorff's alpha takes any number of raters, and missing data is simply an absent row. A unit is one comparison;
judgments on the comparisons of one prompt are not independent, so intervals come from resampling whole prompts.

Krippendorff, K. (2011). Computing Krippendorff's Alpha-Reliability. University of Pennsylvania.
Field, C. A. and Welsh, A. H. (2007). Bootstrapping clustered data. JRSS B 69(3).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Column = Sequence[Any] | NDArray[Any]

MAX_VALUES = 64
"""The coincidence matrix grows with the square of the distinct values; a rating scale has a handful."""

DRAWN_AT_ONCE = 30_000
"""Clusters drawn in one block of resamples: few enough that the block stays in the processor's cache."""

NO_JUDGMENTS = "There are no judgments."
NO_PAIRS = "No comparison has two judgments yet, so nothing can be compared."
ONE_VALUE = "Every judgment is the same: agreement cannot be told from chance."
ONE_PROMPT = "All judgments are on one prompt, so there is no interval."
FEW_DEFINED = "Too many resamples had only one value, so there is no interval."


@dataclass(frozen=True)
class Agreement:
    """An agreement figure. `value` is None when it is undefined, and then `reason` says why; it is never NaN.

    `low` and `high` bound the percentile interval, or are None together. `units` counts the comparisons with at
    least two judgments and `judgments` the judgments on them: all that the figure rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    judgments: int
    reason: str


@dataclass(frozen=True)
class _Table:
    """counts[u, v]: judgments of unit u with value v, units with two or more only. prompt[u]: its cluster."""

    counts: Floats
    values: Floats
    prompt: Codes
    prompts: int


def krippendorff_alpha(
    units: Column,
    values: Column,
    *,
    level: Level = "ordinal",
    prompts: Column | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Agreement:
    """Krippendorff's alpha: 1 is perfect, 0 is chance, below 0 is worse than chance.

    units, values and prompts are columns of equal length; without prompts each unit is its own prompt. The interval
    is computed when `rng` is given. Raises ValueError for columns that do not fit together or values not finite.
    """
    table = _tabulate(units, values, prompts)
    refusal = _refusal(units, table)
    if refusal is not None:
        return refusal
    per_prompt = _coincidences_by_prompt(table)
    value = _alphas(per_prompt.sum(0)[None, :], table.values, level)[0]
    if np.isnan(value):
        return Agreement(None, None, None, *_size(table), ONE_VALUE)
    if rng is None:
        return Agreement(float(value), None, None, *_size(table), "")
    if table.prompts < 2:
        return Agreement(float(value), None, None, *_size(table), ONE_PROMPT)
    drawn = _alphas(resampled_sums(per_prompt, rng=rng, resamples=resamples), table.values, level)
    low, high, reason = _interval_of_defined(drawn, confidence)
    return Agreement(float(value), low, high, *_size(table), reason)


def pair_agreement(
    units: Column,
    values: Column,
    *,
    prompts: Column | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Agreement:
    """The share of pairs of judgments on one unit that have the same value, every pair counted once.

    Not corrected for chance; published figures ("labelers agree 73 % of the time") are of this kind. For direction
    alone pass the signs of the preferences, for non-tie agreement leave the ties out. Parameters as above.
    """
    table = _tabulate(units, values, prompts)
    refusal = _refusal(units, table)
    if refusal is not None:
        return refusal
    raters = table.counts.sum(1)
    agreeing = (table.counts * (table.counts - 1)).sum(1)
    per_prompt = _sum_by(table.prompt, (agreeing, raters * (raters - 1)), table.prompts)
    same, pairs = per_prompt.sum(0)
    if rng is None:
        return Agreement(float(same / pairs), None, None, *_size(table), "")
    if table.prompts < 2:
        return Agreement(float(same / pairs), None, None, *_size(table), ONE_PROMPT)
    sums = resampled_sums(per_prompt, rng=rng, resamples=resamples)
    low, high = percentile_interval(sums[:, 0] / sums[:, 1], confidence=confidence)
    return Agreement(float(same / pairs), low, high, *_size(table), "")


def resampled_sums(per_cluster: Floats, *, rng: np.random.Generator, resamples: int) -> Floats:
    """Column sums of `resamples` cluster bootstrap samples: (clusters, k) in, (resamples, k) out.

    Any statistic that is a function of sums over clusters needs only these, so one matrix product does the work.
    """
    clusters = len(per_cluster)
    drawn = np.empty((resamples, per_cluster.shape[1]))
    at_once = max(1, DRAWN_AT_ONCE // clusters)
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        # Offsetting each resample by its row lets one bincount make the whole block of weights.
        picks = rng.integers(0, clusters, size=(size, clusters))
        picks += np.arange(size)[:, None] * clusters
        weights = np.bincount(picks.ravel(), minlength=size * clusters).reshape(size, clusters)
        drawn[start : start + size] = weights.astype(np.float64) @ per_cluster
    return drawn


def percentile_interval(drawn: Floats, *, confidence: float = 0.95) -> tuple[float, float]:
    """The central `confidence` share of a bootstrap distribution (n,), as (low, high)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _tabulate(units: Column, values: Column, prompts: Column | None) -> _Table:
    """Count values per unit and keep the units that two judgments make comparable."""
    numbers = np.asarray(values, dtype=np.float64)
    if len(units) != len(numbers) or (prompts is not None and len(prompts) != len(numbers)):
        raise ValueError("units, values and prompts must be of equal length.")
    if not np.isfinite(numbers).all():
        raise ValueError("A value is not a finite number; leave a missing judgment out instead.")
    levels, value_code = np.unique(numbers, return_inverse=True)
    if len(levels) > MAX_VALUES:
        raise ValueError(f"{len(levels)} distinct values: a rating scale has at most {MAX_VALUES}.")
    unit_code, unit_count = _codes(units)
    counts = np.bincount(unit_code * len(levels) + value_code, minlength=unit_count * len(levels))
    counts = counts.reshape(unit_count, len(levels)).astype(np.float64)
    prompt = _prompt_of_units(unit_code, unit_count, prompts)
    comparable = counts.sum(1) >= 2
    prompt_code, prompt_count = _codes(prompt[comparable])
    return _Table(counts[comparable], levels, prompt_code, prompt_count)


def _codes(column: Column) -> tuple[Codes, int]:
    """Number the distinct entries from 0, whatever hashable thing they are; also how many there are."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu" and len(column):
        return _codes_of_whole_numbers(column.astype(np.int64))
    number: dict[Hashable, int] = {}
    listed = [number.setdefault(entry, len(number)) for entry in column]
    return np.asarray(listed, dtype=np.int64), len(number)


def _codes_of_whole_numbers(column: Codes) -> tuple[Codes, int]:
    """As `_codes`, in the order of the numbers. Ids are dense, and then counting them is quicker than sorting."""
    lowest, highest = int(column.min()), int(column.max())
    if highest - lowest > 4 * len(column):
        seen, codes = np.unique(column, return_inverse=True)
        return codes.astype(np.int64), len(seen)
    present = np.bincount(column - lowest) > 0
    return (np.cumsum(present) - 1)[column - lowest], int(present.sum())


def _prompt_of_units(unit_code: Codes, unit_count: int, prompts: Column | None) -> Codes:
    if prompts is None:
        return np.arange(unit_count)
    prompt_code, _ = _codes(prompts)
    prompt = np.zeros(unit_count, dtype=np.int64)
    prompt[unit_code] = prompt_code
    if (prompt[unit_code] != prompt_code).any():
        raise ValueError("One unit is listed under two prompts.")
    return prompt


def _refusal(units: Column, table: _Table) -> Agreement | None:
    if len(units) == 0:
        return Agreement(None, None, None, 0, 0, NO_JUDGMENTS)
    if len(table.counts) == 0:
        return Agreement(None, None, None, 0, 0, NO_PAIRS)
    return None


def _size(table: _Table) -> tuple[int, int]:
    return len(table.counts), int(table.counts.sum())


def _sum_by(group: Codes, columns: Iterable[Floats], groups: int) -> Floats:
    """Sum k columns (n,) by group (n,) into (groups, k)."""
    return np.stack([np.bincount(group, weights=column, minlength=groups) for column in columns], axis=1)


def _coincidences_by_prompt(table: _Table) -> Floats:
    """Each prompt's part of the coincidence matrix, its upper triangle as one row: (prompts, k(k+1)/2).

    The matrix is symmetric, and a sum over prompts: the sufficient statistic of alpha.
    """
    by_value = np.ascontiguousarray(table.counts.T)
    shared = by_value / (by_value.sum(0) - 1)
    first, second = np.triu_indices(len(table.values))
    columns = (shared[c] * (by_value[k] - (c == k)) for c, k in zip(first, second, strict=True))
    return _sum_by(table.prompt, columns, table.prompts)


def _alphas(triangles: Floats, values: Floats, level: Level) -> Floats:
    """Alpha for each of n coincidence matrices, given as upper triangles (n, k(k+1)/2); NaN where undefined."""
    k = len(values)
    first, second = np.triu_indices(k)
    matrices = np.zeros((len(triangles), k, k))
    matrices[:, first, second] = triangles
    matrices[:, second, first] = triangles
    totals = matrices.sum(2)
    judged = totals.sum(1)
    distance = _distances(totals, values, level)
    observed = (matrices * distance).sum((1, 2))
    # The diagonal of `distance` is 0, so the products of totals need no correction for a value meeting itself.
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum((1, 2))
    defined = expected > 0
    return np.where(defined, 1 - (judged - 1) * observed / np.where(defined, expected, 1), np.nan)


def _distances(totals: Floats, values: Floats, level: Level) -> Floats:
    """Squared distance between every two values: (k, k), or (n, k, k) where it depends on the totals (n, k)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        rank = np.cumsum(totals, axis=1) - totals / 2
        return _squared(rank[:, :, None] - rank[:, None, :])
    # Alpha does not depend on the unit of measurement; scaling keeps the squares of huge values finite.
    scaled: Floats = values / max(np.abs(values).max(), np.finfo(np.float64).tiny)
    return _squared(scaled[:, None] - scaled[None, :])


def _squared(gaps: Floats) -> Floats:
    return gaps * gaps


def _interval_of_defined(drawn: Floats, confidence: float) -> tuple[float | None, float | None, str]:
    """The interval over the resamples in which alpha is defined, if those are most of them."""
    defined = drawn[~np.isnan(drawn)]
    if len(defined) * 2 < len(drawn):
        return None, None, FEW_DEFINED
    low, high = percentile_interval(defined, confidence=confidence)
    return low, high, ""

"""Agreement against published values, against independent libraries on random tables, and on degenerate input."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from time import process_time
from typing import Any

import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from annotation import agreement
from annotation.agreement import Level, krippendorff_alpha, pair_agreement

pandas: Any = importlib.import_module("pandas")  # ships no types
REFERENCE = Path(__file__).parent.parent / "reference"


def published(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / f"{name}.json").read_text())
    return found


def rows_of(ratings: list[list[float | None]]) -> tuple[list[int], list[float]]:
    """Raters x units with None for missing, as columns."""
    rows = [(unit, value) for rater in ratings for unit, value in enumerate(rater) if value is not None]
    return [unit for unit, _ in rows], [value for _, value in rows]


def rows_of_counts(counts: list[list[int]]) -> tuple[list[int], list[float]]:
    rows = [(u, v) for u, row in enumerate(counts) for v, n in enumerate(row) for _ in range(n)]
    return [u for u, _ in rows], [float(v) for _, v in rows]


@pytest.mark.parametrize(
    ("name", "level", "key"),
    [
        ("krippendorff_2011_4x12", "nominal", "alpha_nominal"),
        ("krippendorff_2011_4x12", "ordinal", "alpha_ordinal"),
        ("krippendorff_2011_4x12", "interval", "alpha_interval"),
        ("krippendorff_2011_binary_2x10", "nominal", "alpha_nominal"),
        ("krippendorff_wikipedia_3x15", "nominal", "alpha_nominal"),
        ("krippendorff_wikipedia_3x15", "interval", "alpha_interval"),
        ("gwet_2014_raw4raters", "nominal", "krippendorff_alpha"),
    ],
)
def test_alpha_reproduces_published_values(name: str, level: Level, key: str) -> None:
    table = published(name)
    units, values = rows_of(table["data"])
    found = krippendorff_alpha(units, values, level=level)
    assert found.value == pytest.approx(table["expected"][key], abs=table["tolerance"])


def test_alpha_is_exactly_krippendorffs_fraction() -> None:
    units, values = rows_of(published("krippendorff_2011_4x12")["data"])
    assert krippendorff_alpha(units, values, level="nominal").value == pytest.approx(904 / 1216, abs=1e-12)


@pytest.mark.parametrize("name", ["fleiss_1971_psychiatric_30x6", "fleiss_wikipedia_10x14"])
def test_pair_agreement_reproduces_fleiss_observed_agreement(name: str) -> None:
    table = published(name)
    found = pair_agreement(*rows_of_counts(table["counts"]))
    assert found.value == pytest.approx(table["expected"]["pa"], abs=table["tolerance"])


ratings_with_gaps = st.integers(2, 5).flatmap(
    lambda raters: st.lists(
        st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=raters, max_size=raters), min_size=1, max_size=15
    )
)


@given(by_unit=ratings_with_gaps, level=st.sampled_from(["nominal", "ordinal", "interval"]))
@settings(max_examples=300, deadline=None)
def test_alpha_equals_evalica_on_random_tables(by_unit: list[list[int | None]], level: Level) -> None:
    by_rater = [list(column) for column in zip(*by_unit, strict=True)]
    units, values = rows_of(by_rater)
    mine = krippendorff_alpha(units, values, level=level)
    if mine.value is None:
        assert mine.reason
        return
    frame = pandas.DataFrame(by_rater, dtype=float)
    assert mine.value == pytest.approx(evalica.alpha(frame, distance=level).alpha, abs=1e-9)


@given(
    by_unit=st.integers(2, 6).flatmap(
        lambda raters: st.lists(st.lists(st.integers(0, 3), min_size=raters, max_size=raters), min_size=2, max_size=20)
    )
)
@settings(max_examples=100, deadline=None)
def test_pair_agreement_and_fleiss_of_statsmodels_tell_the_same(by_unit: list[list[int]]) -> None:
    counts = [[row.count(value) for value in range(4)] for row in by_unit]
    share = np.asarray(counts).sum(0) / np.asarray(counts).sum()
    chance = float((share**2).sum())
    found = pair_agreement(*rows_of_counts(counts)).value
    if chance == 1:
        assert found == 1
        return
    assert found is not None
    assert (found - chance) / (1 - chance) == pytest.approx(float(fleiss_kappa(np.asarray(counts))), abs=1e-9)


@given(
    rows=st.lists(st.tuples(st.integers(0, 8), st.integers(-3, 3)), max_size=40),
    level=st.sampled_from(["nominal", "ordinal", "interval"]),
)
@settings(max_examples=150, deadline=None)
def test_an_answer_is_a_number_or_a_reason_and_never_nan(rows: list[tuple[int, int]], level: Level) -> None:
    units, values = [u for u, _ in rows], [v for _, v in rows]
    prompts = [u // 2 for u in units]
    for found in (
        krippendorff_alpha(units, values, level=level, prompts=prompts, rng=np.random.default_rng(1), resamples=50),
        pair_agreement(units, values, prompts=prompts, rng=np.random.default_rng(1), resamples=50),
    ):
        assert (found.value is None) <= bool(found.reason)
        assert (found.low is None) == (found.high is None)
        assert all(math.isfinite(x) for x in (found.value, found.low, found.high) if x is not None)
        if found.low is not None and found.high is not None:
            assert found.low <= found.high


@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=4, max_size=30), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_order_of_judgments_does_not_matter(rows: list[tuple[int, int]], seed: int) -> None:
    mixed = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    before = krippendorff_alpha([u for u, _ in rows], [v for _, v in rows])
    after = krippendorff_alpha([u for u, _ in mixed], [v for _, v in mixed])
    assert before.value == (after.value if after.value is None else pytest.approx(after.value, abs=1e-12))


def test_no_judgments_is_an_answer_in_words() -> None:
    found = krippendorff_alpha([], [])
    assert (found.value, found.units, found.reason) == (None, 0, agreement.NO_JUDGMENTS)


def test_one_rater_alone_cannot_agree() -> None:
    assert krippendorff_alpha([1, 2, 3], [1, -1, 0]).reason == agreement.NO_PAIRS


def test_alpha_is_undefined_when_every_judgment_is_the_same() -> None:
    assert krippendorff_alpha([1, 1, 2, 2], [0, 0, 0, 0]).reason == agreement.ONE_VALUE


def test_pair_agreement_is_whole_when_every_judgment_is_the_same() -> None:
    assert pair_agreement([1, 1, 2, 2], [0, 0, 0, 0]).value == 1.0


def test_one_prompt_has_a_figure_and_no_interval() -> None:
    found = krippendorff_alpha([1, 1, 2, 2], [0, 1, 1, 1], prompts=[7, 7, 7, 7], rng=np.random.default_rng(0))
    assert found.value is not None
    assert (found.low, found.reason) == (None, agreement.ONE_PROMPT)


def test_units_with_a_single_judgment_are_not_counted() -> None:
    found = pair_agreement(["a", "a", "b"], [1, 1, 2])
    assert (found.units, found.judgments) == (1, 2)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equal length"):
        krippendorff_alpha([1, 1], [1])


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="missing judgment"):
        krippendorff_alpha([1, 1], [1, float("nan")])


def test_a_unit_under_two_prompts_is_refused() -> None:
    with pytest.raises(ValueError, match="two prompts"):
        krippendorff_alpha([1, 1], [1, 2], prompts=["x", "y"])


def test_hundreds_of_distinct_values_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct values"):
        krippendorff_alpha([1] * 100, list(range(100)))


def crowd(rng: np.random.Generator, prompts: int, *, per_prompt: int = 4) -> tuple[list[int], list[int], list[int]]:
    """Comparisons of one prompt share a difficulty, so judgments within a prompt are not independent."""
    units, values, groups = [], [], []
    for prompt in range(prompts):
        hard = rng.random() < 0.5
        for unit in range(prompt * per_prompt, (prompt + 1) * per_prompt):
            truth = rng.choice([-2, 2])
            for _ in range(2):
                units.append(unit)
                values.append(int(rng.choice([-2, 2]) if hard else truth))
                groups.append(prompt)
    return units, values, groups


def test_the_interval_covers_the_truth_in_about_95_of_100_crowds() -> None:
    covered = 0
    for seed in range(200):
        units, values, prompts = crowd(np.random.default_rng(seed), 40)
        found = pair_agreement(units, values, prompts=prompts, rng=np.random.default_rng(seed), resamples=300)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.75 <= found.high
    assert 180 <= covered <= 199


def test_an_interval_by_prompt_is_wider_than_one_that_forgets_prompts() -> None:
    units, values, prompts = crowd(np.random.default_rng(5), 60, per_prompt=8)
    by_prompt = krippendorff_alpha(units, values, prompts=prompts, rng=np.random.default_rng(0))
    by_unit = krippendorff_alpha(units, values, rng=np.random.default_rng(0))
    assert by_prompt.high is not None and by_prompt.low is not None
    assert by_unit.high is not None and by_unit.low is not None
    assert by_prompt.high - by_prompt.low > 1.3 * (by_unit.high - by_unit.low)


def test_the_same_dice_give_the_same_interval() -> None:
    units, values, prompts = crowd(np.random.default_rng(3), 30)
    one = krippendorff_alpha(units, values, prompts=prompts, rng=np.random.default_rng(8))
    two = krippendorff_alpha(units, values, prompts=prompts, rng=np.random.default_rng(8))
    assert one == two


def test_a_thousand_resamples_of_a_hundred_thousand_judgments_take_moments() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(33_333), 3)
    values = np.clip(np.rint(rng.normal(size=33_333)[units] + rng.normal(size=len(units))), -3, 3)
    start = process_time()
    krippendorff_alpha(units, values, prompts=units // 3, rng=rng)
    assert process_time() - start < 3  # 0.1-0.2 s on a quiet core; a loop over resamples takes minutes

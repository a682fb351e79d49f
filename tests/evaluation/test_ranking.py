"""Win rates and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import ranking
from evaluation.ranking import share_won, win_rate

by_prompt = st.dictionaries(
    st.integers(0, 6), st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=4), min_size=1, max_size=7
)


def dice() -> np.random.Generator:
    return np.random.default_rng(0)


def test_every_response_meets_every_response_of_its_prompt() -> None:
    found = win_rate({"p": [1, 3], "q": [0]}, {"p": [2, 0], "q": [1]}, rng=dice())
    assert found.value == pytest.approx((3 / 4 + 0) / 2)
    assert (found.prompts, found.pairs) == (2, 5)


def test_a_tie_counts_half() -> None:
    assert win_rate({1: [2.0]}, {1: [2.0]}, rng=dice()).value == 0.5


def test_every_prompt_counts_the_same() -> None:
    found = win_rate({1: [1.0] * 50, 2: [0.0]}, {1: [0.0] * 50, 2: [1.0]}, rng=dice())
    assert found.value == 0.5


def test_prompts_of_one_model_alone_are_left_out() -> None:
    assert win_rate({1: [1.0], 2: [9.0]}, {1: [0.0], 3: [9.0]}, rng=dice()).prompts == 1


def test_no_shared_prompt_is_an_answer_in_words() -> None:
    found = win_rate({1: [1.0]}, {2: [1.0]}, rng=dice())
    assert (found.value, found.reason) == (None, ranking.NO_PROMPTS)


def test_one_prompt_has_a_figure_and_no_interval() -> None:
    found = win_rate({1: [1.0]}, {1: [0.0]}, rng=dice())
    assert (found.value, found.low, found.reason) == (1.0, None, ranking.ONE_PROMPT)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        win_rate({1: [score]}, {1: [0.0]}, rng=dice())


@given(by_prompt, by_prompt)
@settings(max_examples=40, deadline=None)
def test_the_two_models_shares_sum_to_one(ours: dict[int, list[float]], theirs: dict[int, list[float]]) -> None:
    forth, back = win_rate(ours, theirs, rng=dice(), resamples=20), win_rate(theirs, ours, rng=dice(), resamples=20)
    if forth.value is None:
        assert back.value is None
    else:
        assert back.value == pytest.approx(1 - forth.value)


@given(by_prompt)
@settings(max_examples=40, deadline=None)
def test_a_model_is_its_own_equal(scores: dict[int, list[float]]) -> None:
    assert win_rate(scores, scores, rng=dice(), resamples=20).value == pytest.approx(0.5)


def test_the_interval_covers_the_truth_in_about_95_of_100_experiments() -> None:
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        chance = rng.beta(3, 2, size=60)  # prompts differ: the mean over prompts is 0.6
        outcomes = {i: (rng.random(8) < p).astype(float).tolist() for i, p in enumerate(chance)}
        found = share_won(outcomes, rng=rng, resamples=400)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.6 <= found.high
    assert 180 <= covered <= 199

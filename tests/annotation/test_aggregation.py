"""What a few judgments make of a comparison."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.aggregation import NoJudgments, aggregate

preferences = st.lists(st.integers(-3, 3), min_size=1, max_size=9)
weighted = preferences.flatmap(
    lambda given: st.tuples(st.just(given), st.lists(st.floats(1e-9, 1e9), min_size=len(given), max_size=len(given)))
)


def test_the_soft_label_is_the_share_for_b_with_ties_half() -> None:
    assert aggregate([2, 1, 0, -1]).soft == 0.625


def test_the_share_of_ties_is_kept_apart() -> None:
    assert aggregate([0, 0, 1, -3]).tie == 0.5


def test_the_score_is_the_mean_preference() -> None:
    assert aggregate([3, 1, -1]).score == 1.0


def test_the_margin_is_the_strength_as_a_share_of_the_scale() -> None:
    assert aggregate([-3, -2, -1]).margin == pytest.approx(2 / 3)


def test_the_margin_is_nothing_when_strength_points_against_the_votes() -> None:
    label = aggregate([1, 1, -3])
    assert (label.decision, label.margin) == ("b", 0.0)


@pytest.mark.parametrize(
    ("judgments", "certainty"), [([3], 2 / 3), ([-1, -1, -1], 4 / 5), ([1, -1], 1 / 2), ([0, 0, 0], 1 / 2)]
)
def test_certainty_follows_the_rule_of_succession(judgments: list[int], certainty: float) -> None:
    assert aggregate(judgments).certainty == pytest.approx(certainty)


def test_votes_split_evenly_are_a_tie_whatever_their_strength() -> None:
    assert aggregate([3, -1]).decision == "tie"


def test_votes_decide_by_number() -> None:
    assert aggregate([-1, -1, 3]).decision == "a"


def test_a_heavier_judgment_can_outvote_two() -> None:
    assert aggregate([-1, -1, 3], weights=[0.2, 0.2, 0.9]).decision == "b"


def test_weights_that_sum_evenly_are_a_tie_despite_rounding() -> None:
    assert aggregate([1, 1, 1, -1], weights=[0.1, 0.1, 0.1, 0.3]).decision == "tie"


def test_a_judgment_without_weight_is_left_out() -> None:
    label = aggregate([3, -3], weights=[1, 0])
    assert (label.n, label.soft, label.method) == (1, 1.0, "weighted votes")


@pytest.mark.parametrize("weights", [None, [0.0, 0.0]])
def test_nothing_that_counts_is_refused(weights: list[float] | None) -> None:
    with pytest.raises(NoJudgments):
        aggregate([] if weights is None else [1, 2], weights=weights)


@pytest.mark.parametrize("judgments", [[4], [-4], [1, 9]])
def test_a_preference_off_the_scale_is_refused(judgments: list[int]) -> None:
    with pytest.raises(ValueError, match="not a preference"):
        aggregate(judgments)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_weight_that_cannot_weigh_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="not a weight"):
        aggregate([1], weights=[weight])


def test_a_missing_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="one weight for each"):
        aggregate([1, 2], weights=[1])


@given(weighted)
@settings(deadline=None)
def test_every_figure_stays_within_its_bounds(rows: tuple[list[int], list[float]]) -> None:
    label = aggregate(rows[0], weights=rows[1])
    assert 0 <= label.soft <= 1
    assert 0 <= label.tie <= 1
    assert 0.5 <= label.certainty < 1
    assert -3 <= label.score <= 3
    assert 0 <= label.margin <= 1


@given(weighted, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_judgments_does_not_matter(rows: tuple[list[int], list[float]], dice: object) -> None:
    pairs = list(zip(*rows, strict=True))
    dice.shuffle(pairs)  # type: ignore[attr-defined]
    assert aggregate([p for p, _ in pairs], weights=[w for _, w in pairs]) == aggregate(rows[0], weights=rows[1])


@given(preferences)
@settings(deadline=None)
def test_swapping_the_responses_mirrors_the_label(given_: list[int]) -> None:
    label, mirrored = aggregate(given_), aggregate([-p for p in given_])
    assert mirrored.soft == pytest.approx(1 - label.soft)
    assert mirrored.score == -label.score
    assert (mirrored.tie, mirrored.margin, mirrored.n) == (label.tie, label.margin, label.n)
    assert mirrored.certainty == pytest.approx(label.certainty)


@given(preferences, st.floats(0.01, 100))
@settings(deadline=None)
def test_equal_weights_say_the_same_as_none(given_: list[int], weight: float) -> None:
    plain, heavy = aggregate(given_), aggregate(given_, weights=[weight] * len(given_))
    assert heavy.soft == pytest.approx(plain.soft)
    assert heavy.certainty == pytest.approx(plain.certainty)


@given(st.integers(1, 50))
@settings(deadline=None)
def test_certainty_grows_with_every_judgment_that_agrees(n: int) -> None:
    assert aggregate([2] * (n + 1)).certainty > aggregate([2] * n).certainty

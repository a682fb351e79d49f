"""The belief in a rater's accuracy, and when it is reason to pause."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from raters.trust import gold_trust

counts = st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_a_newcomer_is_believed_to_be_right_four_times_in_five() -> None:
    assert gold_trust(right=0, answered=0).mean == pytest.approx(0.8)


@given(counts)
@settings(deadline=None)
def test_the_belief_is_a_beta_distribution(gold: tuple[int, int]) -> None:
    right, answered = gold
    trust, beta = gold_trust(right=right, answered=answered), stats.beta(4 + right, 1 + answered - right)
    assert trust.mean == pytest.approx(beta.mean())
    assert (trust.low, trust.high) == pytest.approx(beta.interval(0.95))
    assert trust.below_floor == pytest.approx(beta.cdf(0.70), abs=1e-12)


@given(counts)
@settings(deadline=None)
def test_the_mean_lies_within_its_interval_and_all_are_probabilities(gold: tuple[int, int]) -> None:
    trust = gold_trust(right=gold[0], answered=gold[1])
    assert 0 <= trust.low <= trust.mean <= trust.high <= 1
    assert 0 <= trust.below_floor <= 1


@given(st.integers(0, 100), st.integers(1, 100))
@settings(deadline=None)
def test_a_right_answer_never_lowers_trust(right: int, wrong: int) -> None:
    before = gold_trust(right=right, answered=right + wrong)
    after = gold_trust(right=right + 1, answered=right + wrong)
    assert after.mean > before.mean
    assert after.below_floor <= before.below_floor


def test_four_wrong_answers_are_too_few_to_pause() -> None:
    assert not gold_trust(right=0, answered=4).should_pause


def test_five_wrong_answers_pause() -> None:
    assert gold_trust(right=0, answered=5).should_pause


def test_half_right_of_forty_pauses() -> None:
    assert gold_trust(right=20, answered=40).should_pause


def test_eight_of_ten_does_not_pause() -> None:
    assert not gold_trust(right=8, answered=10).should_pause


def chance_of_pause(accuracy: float, *, within: int) -> float:
    """Exactly: the chance that a rater of this accuracy is paused at or before `within` gold answers."""
    alive = {0: 1.0}
    for answered in range(1, within + 1):
        moved: dict[int, float] = {}
        for right, chance in alive.items():
            moved[right + 1] = moved.get(right + 1, 0) + chance * accuracy
            moved[right] = moved.get(right, 0) + chance * (1 - accuracy)
        alive = {r: c for r, c in moved.items() if not gold_trust(right=r, answered=answered).should_pause}
    return 1 - math.fsum(alive.values())


def test_good_raters_are_hardly_ever_paused_within_forty() -> None:
    assert chance_of_pause(0.95, within=40) < 0.0005
    assert chance_of_pause(0.85, within=40) < 0.01


def test_half_of_those_who_guess_are_paused_within_twenty_and_most_within_forty() -> None:
    assert chance_of_pause(0.5, within=20) > 0.5
    assert chance_of_pause(0.5, within=40) > 0.8


@pytest.mark.parametrize(("right", "answered"), [(-1, 3), (4, 3), (0, math.inf), (math.nan, 3)])
def test_counts_that_cannot_be_are_refused(right: float, answered: float) -> None:
    with pytest.raises(ValueError, match="right must be"):
        gold_trust(right=right, answered=answered)

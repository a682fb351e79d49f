"""When a comparison has been judged often enough: the rule by itself, and what it saves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc

from annotation.aggregation import StoppingRule, aggregate, chance_of_lead, wanted_slots

RULE = StoppingRule(least=2, most=7, certain=0.85)
PREFERENCES = st.lists(st.integers(-3, 3), max_size=9)


def rules() -> st.SearchStrategy[StoppingRule]:
    bounds = st.tuples(st.integers(1, 9), st.integers(1, 9)).map(sorted)
    return st.builds(
        lambda ends, certain: StoppingRule(least=ends[0], most=ends[1], certain=certain),
        bounds,
        st.floats(0.51, 0.999),
    )


class TestChanceOfLead:
    @pytest.mark.parametrize(
        ("leading", "second", "chance"),
        [(0, 0, 0.5), (1, 0, 0.75), (2, 0, 0.875), (2, 1, 0.6875), (3, 1, 0.8125), (4, 4, 0.5)],
    )
    def test_is_what_the_docstring_says(self, leading: int, second: int, chance: float) -> None:
        assert chance_of_lead(leading, second) == chance

    def test_is_the_upper_half_of_a_beta_distribution(self) -> None:
        for leading, second in itertools.product(range(10), repeat=2):
            expected = 1 - betainc(leading + 1, second + 1, 0.5)
            assert chance_of_lead(leading, second) == pytest.approx(expected, abs=1e-12)


class TestWantedSlots:
    @pytest.mark.parametrize(
        ("preferences", "wanted"),
        [
            ([], 2),
            ([3], 2),
            ([1, 3], 2),  # two agree, however strongly
            ([0, 0], 2),  # and so do two who call it a tie
            ([-1, 2], 5),  # one all: only four to one is certain enough
            ([-1, 2, 2], 5),
            ([-1, 2, 2, 2], 5),
            ([-1, 2, 2, -2], 7),  # two all: five to two
            ([-1, 2, 2, 2, 2], 5),
            ([-1, 2, 2, 2, -3], 7),  # never more than the most, certain or not
            ([-1, 2, 2, -2, 2, -2, 2], 7),
            ([-1, 0, 1], 6),  # three answers, one each: four to one among the two that lead
        ],
    )
    def test_asks_for_what_could_make_the_label_certain(self, preferences: list[int], wanted: int) -> None:
        assert wanted_slots(preferences, rules=RULE) == wanted

    def test_asks_for_more_than_the_least_when_even_agreement_would_not_be_enough(self) -> None:
        assert wanted_slots([], rules=StoppingRule(least=2, most=7, certain=0.95)) == 4

    def test_refuses_what_is_no_preference(self) -> None:
        with pytest.raises(ValueError, match="not a preference"):
            wanted_slots([4], rules=RULE)

    @given(PREFERENCES, rules())
    @settings(deadline=None)
    def test_stays_between_the_least_and_the_most(self, preferences: list[int], rule: StoppingRule) -> None:
        assert rule.least <= wanted_slots(preferences, rules=rule) <= rule.most

    @given(PREFERENCES, rules())
    @settings(deadline=None)
    def test_does_not_care_who_was_first_or_which_side_is_called_a(
        self, preferences: list[int], rule: StoppingRule
    ) -> None:
        wanted = wanted_slots(preferences, rules=rule)
        assert wanted_slots(preferences[::-1], rules=rule) == wanted
        assert wanted_slots([-said for said in preferences], rules=rule) == wanted

    @given(st.lists(st.integers(-3, 3), min_size=9, max_size=9), rules())
    @settings(deadline=None)
    def test_asking_for_several_at_once_costs_no_more_than_one_at_a_time(
        self, votes: list[int], rule: StoppingRule
    ) -> None:
        one_at_a_time = 0
        while one_at_a_time < wanted_slots(votes[:one_at_a_time], rules=rule):
            one_at_a_time += 1
        at_once = 0
        while at_once < (wanted := wanted_slots(votes[:at_once], rules=rule)):
            at_once = wanted
        assert at_once == one_at_a_time


class TestStoppingRule:
    @pytest.mark.parametrize(
        ("least", "most", "certain", "words"),
        [
            (0, 5, 0.8, "from 1 to 9"),
            (4, 3, 0.8, "the least first"),
            (2, 10, 0.8, "from 1 to 9"),
            (2, 5, 0.5, "above 0.5"),
            (2, 5, 1.0, "below 1"),
            (2, 5, float("nan"), "above 0.5"),
        ],
    )
    def test_refuses_what_cannot_work_in_words(self, least: int, most: int, certain: float, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            StoppingRule(least=least, most=most, certain=certain)


def test_adaptive_overlap_saves_a_third_at_the_accuracy_of_five_judgments_each() -> None:
    """Raters of four kinds, an eighth of them guessing; many pairs are nearly equal. See docs/experiments.md."""
    rule = StoppingRule(least=2, most=7, certain=0.8)
    asked, right = simulated_labels(rule, seed=4)
    fixed, right_of_fixed = simulated_labels(StoppingRule(least=5, most=5, certain=0.8), seed=4)

    assert fixed == 5
    assert asked < 0.7 * fixed
    assert right > right_of_fixed - 0.01


def simulated_labels(rule: StoppingRule, *, seed: int, comparisons: int = 6000) -> tuple[float, float]:
    """Judgments a comparison, and the share of labels on the right side, even ones counting half."""
    rng = np.random.default_rng(seed)
    asked, right = 0, 0.0
    for gap in rng.normal(size=comparisons):
        votes: list[int] = []
        while len(votes) < wanted_slots(votes, rules=rule):
            skill = rng.choice([0.0, 1.2, 1.8, 3.0], p=[0.12, 0.15, 0.6, 0.13])
            agrees = rng.random() < 1 / (1 + np.exp(-skill * abs(gap)))
            votes.append(1 if agrees == (gap > 0) else -1)
        soft = aggregate(votes).soft
        asked, right = asked + len(votes), right + (0.5 if soft == 0.5 else float((soft > 0.5) == (gap > 0)))
    return asked / comparisons, right / comparisons

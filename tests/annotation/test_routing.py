"""Pairs are balanced, sides are counterbalanced, and what was screened out is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation import routing
from annotation.routing import Candidate, choose_pairs, starting_orders, swapped


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def candidates(*texts: str) -> dict[int, list[Candidate]]:
    return {7: [Candidate(id=i, text=text) for i, text in enumerate(texts)]}


def test_slots_alternate_from_the_starting_order() -> None:
    assert [swapped(slot, starts_swapped=False) for slot in (1, 2, 3, 4)] == [False, True, False, True]
    assert [swapped(slot, starts_swapped=True) for slot in (1, 2, 3)] == [True, False, True]


def test_slots_count_from_one() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        swapped(0, starts_swapped=False)


@given(st.integers(0, 60), st.integers(0, 50))
@settings(deadline=None)
def test_starting_orders_are_balanced(count: int, seed: int) -> None:
    orders = starting_orders(count, rng=dice(seed))
    assert len(orders) == count
    assert abs(2 * sum(orders) - count) <= 1


def test_an_odd_comparison_out_starts_either_way() -> None:
    assert {sum(starting_orders(1, rng=dice(seed))) for seed in range(20)} == {0, 1}


def test_the_order_of_starting_orders_is_random() -> None:
    assert len({tuple(starting_orders(8, rng=dice(seed))) for seed in range(20)}) > 10


def test_a_pair_names_the_smaller_id_first() -> None:
    pair = choose_pairs({1: [Candidate(9, "x"), Candidate(4, "y")]}, rng=dice(), pairs_per_prompt=1).pairs[0]
    assert (pair.prompt, pair.a, pair.b) == (1, 4, 9)


def test_an_empty_response_is_never_compared() -> None:
    found = choose_pairs(candidates("a", " \n", "b"), rng=dice(), pairs_per_prompt=1)
    assert (found.pairs[0].a, found.pairs[0].b) == (0, 2)
    assert found.screened == {routing.EMPTY: 1}


def test_responses_with_the_same_words_are_never_compared() -> None:
    found = choose_pairs(candidates("a  b", "a b\n", "c"), rng=dice(), pairs_per_prompt=3)
    assert len(found.pairs) == 1
    assert found.screened == {routing.IDENTICAL: 1, routing.FEWER_PAIRS: 1}


def test_which_of_two_equal_responses_stays_is_random() -> None:
    kept = {choose_pairs(candidates("a", "a", "c"), rng=dice(s), pairs_per_prompt=1).pairs[0].a for s in range(20)}
    assert kept == {0, 1}


def test_a_prompt_with_one_response_yields_nothing_and_is_counted() -> None:
    found = choose_pairs(candidates("a"), rng=dice(), pairs_per_prompt=2)
    assert (found.pairs, found.screened) == ((), {routing.TOO_FEW: 1})


def test_no_candidates_make_an_empty_selection() -> None:
    assert choose_pairs({}, rng=dice(), pairs_per_prompt=1).pairs == ()


def test_at_least_one_pair_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        choose_pairs({}, rng=dice(), pairs_per_prompt=0)


@given(st.integers(2, 9), st.integers(1, 40), st.integers(0, 30))
@settings(deadline=None)
def test_every_response_is_compared_about_equally_often(responses: int, wanted: int, seed: int) -> None:
    offered = candidates(*(f"text {i}" for i in range(responses)))
    pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=wanted).pairs
    used = Counter(i for pair in pairs for i in (pair.a, pair.b))
    assert len(set(pairs)) == len(pairs) == min(wanted, responses * (responses - 1) // 2)
    assert max(used.values()) - min(used[i] for i in range(responses)) <= 2


@given(st.lists(st.sampled_from(["", " ", "a", "b", "b ", "c"]), max_size=7), st.integers(1, 6))
@settings(deadline=None)
def test_no_pair_has_equal_or_empty_texts(texts: list[str], wanted: int) -> None:
    for pair in choose_pairs(candidates(*texts), rng=dice(), pairs_per_prompt=wanted).pairs:
        assert texts[pair.a].split() != texts[pair.b].split()
        assert texts[pair.a].strip()
        assert texts[pair.b].strip()


def test_every_pair_is_equally_likely() -> None:
    offered = candidates("a", "b", "c", "d")
    seen = Counter(choose_pairs(offered, rng=dice(seed), pairs_per_prompt=1).pairs[0] for seed in range(1200))
    assert len(seen) == 6
    assert all(140 < times < 260 for times in seen.values())

"""Pairs are balanced, sides are counterbalanced, and what was screened out is counted."""

from __future__ import annotations

import random
import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation import routing
from annotation.routing import (
    Candidate,
    CheckRates,
    choose_batch,
    choose_pairs,
    draw_check,
    starting_orders,
    swapped,
)


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


def test_checks_come_as_often_as_asked_and_at_no_cadence() -> None:
    rng = random.Random(7)
    drawn = [draw_check(CheckRates(gold=0.05, silver=0.1, repeat=0.05), rng=rng).kind for _ in range(20_000)]
    counts = Counter(drawn)
    assert 850 < counts["gold"] < 1150
    assert 1800 < counts["silver"] < 2200
    assert 850 < counts["repeat"] < 1150
    at = [number for number, kind in enumerate(drawn) if kind == "gold"]
    gaps = [after - before for before, after in zip(at, at[1:], strict=False)]
    # geometric: the deviation is as large as the mean, and the next item is a check as often as any other
    assert 0.85 < statistics.pstdev(gaps) / statistics.fmean(gaps) < 1.15
    assert 0.03 < gaps.count(1) / len(gaps) < 0.07


def test_without_rates_nothing_is_checked() -> None:
    rng = random.Random(7)
    assert {draw_check(CheckRates(), rng=rng).kind for _ in range(1000)} == {""}


def test_chance_is_used_up_alike_whatever_it_decides() -> None:
    with_checks, without = random.Random(3), random.Random(3)
    for _ in range(100):
        draw_check(CheckRates(gold=0.5), rng=with_checks)
        draw_check(CheckRates(), rng=without)
    assert with_checks.random() == without.random()


def test_a_repeat_lies_at_least_150_items_back() -> None:
    rng = random.Random(7)
    back = [draw_check(CheckRates(repeat=0.5), rng=rng).back for _ in range(2000)]
    assert (min(back), max(back)) == (150, 199)


def test_batches_without_a_weight_come_in_turn() -> None:
    assert {choose_batch({8: None, 5: None, 9: None}, rng=random.Random(seed)) for seed in range(20)} == {5}


def test_a_batch_with_a_weight_shares_with_the_oldest_in_turn() -> None:
    rng = random.Random(7)
    chosen = Counter(choose_batch({5: None, 6: None, 9: 3.0}, rng=rng) for _ in range(4000))
    assert chosen[6] == 0
    assert 2800 < chosen[9] < 3200


def test_there_is_a_batch_to_choose() -> None:
    with pytest.raises(ValueError, match="no batch"):
        choose_batch({}, rng=random.Random(1))

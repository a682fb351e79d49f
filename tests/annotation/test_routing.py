"""Sides are counterbalanced: each comparison alternates, and half of them begin either way."""

from __future__ import annotations

import random
import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.routing import CheckRates, choose_batch, draw_check, starting_orders, swapped


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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


def test_checks_come_as_often_as_asked_and_at_no_cadence() -> None:
    rng = random.Random(7)
    checks = [draw_check(CheckRates(gold=0.05, silver=0.1, repeat=0.05), rng=rng) for _ in range(20_000)]
    drawn = [check.kind if check.is_due else "" for check in checks]
    counts = Counter(drawn)
    assert 850 < counts["gold"] < 1150
    assert 1800 < counts["silver"] < 2200
    assert 850 < counts["repeat"] < 1150
    at = [number for number, kind in enumerate(drawn) if kind == "gold"]
    gaps = [after - before for before, after in zip(at, at[1:], strict=False)]
    # geometric: the deviation is as large as the mean, and the next item is a check as often as any other
    assert 0.85 < statistics.pstdev(gaps) / statistics.fmean(gaps) < 1.15
    assert 0.03 < gaps.count(1) / len(gaps) < 0.07


def test_what_is_looked_for_does_not_tell_whether_it_is_shown() -> None:
    rng = random.Random(7)
    checks = [draw_check(CheckRates(gold=0.1, silver=0.2, repeat=0.1), rng=rng) for _ in range(20_000)]
    for due in (True, False):
        kinds = Counter(check.kind for check in checks if check.is_due is due)
        assert set(kinds) == {"gold", "silver", "repeat"}
        assert 0.47 < kinds["silver"] / kinds.total() < 0.53


def test_without_rates_nothing_is_checked() -> None:
    rng = random.Random(7)
    drawn = [draw_check(CheckRates(), rng=rng) for _ in range(1000)]
    assert {(check.kind, check.is_due) for check in drawn} == {("", False)}


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

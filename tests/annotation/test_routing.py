"""Sides are counterbalanced: each comparison alternates, and half of them begin either way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.routing import starting_orders, swapped


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

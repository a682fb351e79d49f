"""On which side, or in which order, each response is shown. Pure: chance comes in as `rng`.

Sides are counterbalanced, not only random: the judgments of one comparison alternate between A left and B left, and
half of the comparisons start with B left, so a habit of choosing the left side cancels out even at an overlap of 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def swapped(slot: int, *, starts_swapped: bool) -> bool:
    """Whether response B is shown on the left to the rater of this slot; slots count from 1.

    Slot 1 has the comparison's starting order, slot 2 the other, and so on. Raises ValueError for a slot below 1.
    """
    if slot < 1:
        raise ValueError(f"Slot {slot}: slots count from 1.")
    return starts_swapped ^ (slot % 2 == 0)


def starting_orders(count: int, *, rng: np.random.Generator) -> list[bool]:
    """`starts_swapped` for each of `count` comparisons: as many True as False, or one off, in random order."""
    spare = int(rng.integers(2))
    orders = np.arange(spare, count + spare) % 2 == 1
    return [bool(order) for order in rng.permutation(orders)]


def shuffle_seed(task: int, rater: int) -> int:
    """Seed of the order in which a task's responses are shown to a rater: another for each, the same every time."""
    return int.from_bytes(hashlib.sha256(f"{task}:{rater}".encode()).digest()[:4]) >> 1


def shuffled(ids: Iterable[int], *, seed: int) -> list[int]:
    """The ids in the order that the seed gives: every order about equally often over seeds, the same for ever."""
    return sorted(ids, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())

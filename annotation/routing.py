"""On which side, or in which order, responses are shown, and what a rater gets next. Pure: chance comes in as `rng`.

Sides are counterbalanced, not only random: the judgments of one comparison alternate between A left and B left, and
half of the comparisons start with B left, so a habit of choosing the left side cancels out even at an overlap of 1.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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


GOLD, SILVER, REPEAT = "gold", "silver", "repeat"
REPEAT_AFTER_ITEMS = 150
REPEAT_AFTER_DAYS = 7
REPEAT_SPREAD = 50


@dataclass(frozen=True, slots=True)
class CheckRates:
    """The chance that the next item is gold, silver, or a repeat of the rater's own. They add up to at most 1/2."""

    gold: float = 0.0
    silver: float = 0.0
    repeat: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """What check to look for, none when `kind` is empty, and where. It is shown when `is_due`, else only looked for.

    Checks lie in random order on [0, 1): the first that will do at or after `start` is shown, round the end. Of the
    rater's own items the one `back` items ago or an older one is repeated.
    """

    kind: str
    is_due: bool
    start: float
    back: int


def draw_check(rates: CheckRates, *, rng: random.Random) -> Check:
    """Whether the next item is a check. The intervals between checks are geometric: no count of items foretells one.

    Draws the same three numbers whatever comes of it, and a kind to look for also when none is due: an item that is no
    check takes the time of one that is.
    """
    chance, start, spread = rng.random(), rng.random(), rng.randrange(REPEAT_SPREAD)
    kinds = ((GOLD, rates.gold), (SILVER, rates.silver), (REPEAT, rates.repeat))
    total = rates.gold + rates.silver + rates.repeat
    is_due = chance < total
    place = chance if is_due else (chance - total) / (1 - total) * total
    for kind, rate in kinds:
        if place < rate:
            return Check(kind, is_due, start, REPEAT_AFTER_ITEMS + spread)
        place -= rate
    return Check("", False, start, REPEAT_AFTER_ITEMS + spread)


def choose_batch(weights: Mapping[int, float | None], *, rng: random.Random) -> int:
    """The batch that the next item comes from; `weights` are those with work, by id, and None for one in its turn.

    Batches without a weight are done one after the other, the oldest (lowest id) first. One with a weight shares the
    work with that oldest one, which weighs 1. Raises ValueError when there is none.
    """
    if not weights:
        raise ValueError("There is no batch to choose from.")
    in_turn = min((batch for batch, weight in weights.items() if weight is None), default=None)
    drawn = {batch: weight for batch, weight in weights.items() if weight is not None}
    if in_turn is not None:
        drawn[in_turn] = 1.0
    ids = sorted(drawn)
    return ids[0] if len(ids) == 1 else rng.choices(ids, [drawn[batch] for batch in ids])[0]

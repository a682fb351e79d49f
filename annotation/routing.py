"""Which pairs are compared, on which side each response is shown, and what a rater gets next. Pure: chance is `rng`.

Sides are counterbalanced, not only random: the judgments of one comparison alternate between A left and B left, and
half of the comparisons start with B left, so a habit of choosing the left side cancels out even at an overlap of 1.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

EMPTY = "empty response"
IDENTICAL = "same text as another response"
TOO_FEW = "prompt with fewer than two distinct responses"
FEWER_PAIRS = "prompt with fewer pairs than wanted"


@dataclass(frozen=True)
class Candidate:
    """A response that could be compared: its id and its text."""

    id: int
    text: str


@dataclass(frozen=True)
class Pair:
    """Two responses of one prompt, by id. A is the smaller id, which says nothing about who is shown where."""

    prompt: int
    a: int
    b: int


@dataclass(frozen=True)
class Selection:
    """The pairs to compare, and how many candidates or prompts were screened out, by reason."""

    pairs: tuple[Pair, ...]
    screened: dict[str, int]


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


def choose_pairs(
    candidates: Mapping[int, Sequence[Candidate]], *, rng: np.random.Generator, pairs_per_prompt: int
) -> Selection:
    """Random pairs among each prompt's responses (prompt id -> candidates), every response about equally often.

    Responses without text are left out, and of those with the same words a random one stays: a rater could not
    tell them apart. Raises ValueError when pairs_per_prompt is below 1.
    """
    if pairs_per_prompt < 1:
        raise ValueError(f"{pairs_per_prompt} pairs per prompt: use at least 1.")
    screened: Counter[str] = Counter()
    pairs: list[Pair] = []
    for prompt, offered in candidates.items():
        distinct = _distinct(offered, rng, screened)
        chosen = _balanced_pairs(distinct, rng, pairs_per_prompt)
        if len(distinct) < 2:
            screened[TOO_FEW] += 1
        elif len(chosen) < pairs_per_prompt:
            screened[FEWER_PAIRS] += 1
        pairs += [Pair(prompt, min(pair), max(pair)) for pair in chosen]
    return Selection(tuple(pairs), dict(screened))


def _distinct(offered: Sequence[Candidate], rng: np.random.Generator, screened: Counter[str]) -> list[int]:
    """Ids of responses with distinct words, in random order: the first of equals must not always be one model's."""
    by_words: dict[str, int] = {}
    for position in rng.permutation(len(offered)):
        words = " ".join(offered[position].text.split())
        if not words:
            screened[EMPTY] += 1
        elif words in by_words:
            screened[IDENTICAL] += 1
        else:
            by_words[words] = offered[position].id
    return list(by_words.values())


def _balanced_pairs(ids: Sequence[int], rng: np.random.Generator, wanted: int) -> list[tuple[int, int]]:
    """Up to `wanted` of all pairs, always next the one whose responses were used least; chance breaks ties."""
    everything = list(combinations(ids, 2))
    waiting = [everything[position] for position in rng.permutation(len(everything))]
    used: Counter[int] = Counter()
    chosen: list[tuple[int, int]] = []
    while waiting and len(chosen) < wanted:
        # The most used of the two comes first in the key: a pair of two middling responses beats one of extremes.
        least = min(waiting, key=lambda pair: (max(used[pair[0]], used[pair[1]]), used[pair[0]] + used[pair[1]]))
        waiting.remove(least)
        used.update(least)
        chosen.append(least)
    return chosen


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
    """What to look for instead of the next of the queue, and where: nothing when `kind` is empty.

    Checks lie in random order on [0, 1): the first that will do at or after `start` is shown, round the end. Of the
    rater's own items the one `back` items ago or an older one is repeated.
    """

    kind: str
    start: float
    back: int


def draw_check(rates: CheckRates, *, rng: random.Random) -> Check:
    """Whether the next item is a check. The intervals between checks are geometric: no count of items foretells one.

    Draws the same three numbers whatever comes of it.
    """
    chance, start, spread = rng.random(), rng.random(), rng.randrange(REPEAT_SPREAD)
    kinds = ((GOLD, rates.gold), (SILVER, rates.silver), (REPEAT, rates.repeat))
    for kind, rate in kinds:
        if chance < rate:
            return Check(kind, start, REPEAT_AFTER_ITEMS + spread)
        chance -= rate
    return Check("", start, REPEAT_AFTER_ITEMS + spread)


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

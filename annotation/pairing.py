"""Which responses of a prompt are compared. Pure: chance comes in as `rng`.

By chance, every response about equally often, unless a reason is given to do otherwise: pairs of like length, where a
taste for length is studied or must not decide; or, for half of them, the pairs that a reward model cannot tell apart.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

EMPTY = "empty response"
IDENTICAL = "same text as another response"
TOO_FEW = "prompt with fewer than two distinct responses"
FEWER_PAIRS = "prompt with fewer pairs than wanted"
FEWER_ALIKE = "prompt with fewer pairs of like length than wanted"

# Chinese and Japanese are written without spaces: there each character is about as long as a word.
WORD = re.compile(r"[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\s\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True)
class Candidate:
    """A response that could be compared: its id and its text."""

    id: int
    text: str


@dataclass(frozen=True)
class Pair:
    """Two responses of one prompt, by id. A is the smaller id, which says nothing about who is shown where.

    `by_margin`: a reward model could hardly tell them apart, and that is why they are here; otherwise it was chance.
    """

    prompt: int
    a: int
    b: int
    by_margin: bool = False


@dataclass(frozen=True)
class Selection:
    """The pairs to compare, and how many candidates or prompts were screened out, by reason."""

    pairs: tuple[Pair, ...]
    screened: dict[str, int]


@dataclass(frozen=True)
class ByChance:
    """Any pairs, every response about equally often."""


@dataclass(frozen=True)
class LikeLength:
    """Pairs by chance among those of like length: the longer has at most 1 / (1 - tolerance) times the words.

    A rater's or a reward model's taste for length cannot decide such a pair. `tolerance` is a share of the longer
    response, from 0 (equally long) to below 1. Raises ValueError for another.
    """

    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance={self.tolerance!r}: use a share from 0 to below 1.")


@dataclass(frozen=True)
class UncertainHalf:
    """Up to half of the pairs by how little a reward model's scores differ, the rest by chance.

    `scores` maps a response's id to its score; without a finite one a response is compared by chance only. What is
    chosen by chance stays at least half: a reward model that only ever saw what it asked for could not be checked.
    Uncertainty sampling is of Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994.
    """

    scores: Mapping[int, float] = field(default_factory=dict)


Pairing = ByChance | LikeLength | UncertainHalf
BY_CHANCE = ByChance()


def length_in_words(text: str) -> int:
    """How long a text is, in words, or in characters where words are written without spaces."""
    return len(WORD.findall(text))


def choose_pairs(
    candidates: Mapping[int, Sequence[Candidate]],
    *,
    rng: np.random.Generator,
    pairs_per_prompt: int,
    pairing: Pairing = BY_CHANCE,
) -> Selection:
    """Pairs among each prompt's responses (prompt id -> candidates), up to `pairs_per_prompt` of each, no pair twice.

    Responses without text are left out, and of those with the same words a random one stays: a rater could not
    tell them apart. Raises ValueError when pairs_per_prompt is below 1.
    """
    if pairs_per_prompt < 1:
        raise ValueError(f"{pairs_per_prompt} pairs per prompt: use at least 1.")
    screened: Counter[str] = Counter()
    chosen: dict[int, list[Pair]] = {}
    odd_ones = 0
    for prompt in _order(list(candidates), rng, pairing):
        distinct = _distinct(candidates[prompt], rng, screened)
        possible = _possible(distinct, pairing)
        wanted = min(pairs_per_prompt, len(possible))
        _count_missing(distinct, wanted, pairs_per_prompt, pairing, screened)
        by_margin = 0
        if isinstance(pairing, UncertainHalf):
            # of an odd number the one over is by chance at every other prompt: half of all, never less
            by_margin, odd_ones = (wanted + odd_ones) // 2, (odd_ones + wanted) % 2
        chosen[prompt] = _choose(prompt, possible, wanted, by_margin, rng, pairing)
    return Selection(tuple(pair for prompt in candidates for pair in chosen[prompt]), dict(screened))


def trim(pairs: Sequence[Pair], *, wanted: int, rng: np.random.Generator) -> list[Pair]:
    """`wanted` of the pairs in their order, or all there are: which ones is chance, and half of them stay by chance."""
    order = [int(place) for place in rng.permutation(len(pairs))]
    by_margin = [place for place in order if pairs[place].by_margin][: wanted // 2]
    by_chance = [place for place in order if not pairs[place].by_margin][: wanted - len(by_margin)]
    return [pairs[place] for place in sorted(by_margin + by_chance)]


def _order(prompts: list[int], rng: np.random.Generator, pairing: Pairing) -> list[int]:
    """Prompts take turns only where half of the pairs are chosen another way; whose turn it is must be chance."""
    if isinstance(pairing, UncertainHalf):
        return [prompts[place] for place in rng.permutation(len(prompts))]
    return prompts


def _distinct(offered: Sequence[Candidate], rng: np.random.Generator, screened: Counter[str]) -> list[Candidate]:
    """Responses with distinct words, in random order: the first of equals must not always be one model's."""
    by_words: dict[str, Candidate] = {}
    for position in rng.permutation(len(offered)):
        words = " ".join(offered[position].text.split())
        if not words:
            screened[EMPTY] += 1
        elif words in by_words:
            screened[IDENTICAL] += 1
        else:
            by_words[words] = offered[position]
    return list(by_words.values())


def _possible(distinct: Sequence[Candidate], pairing: Pairing) -> list[tuple[int, int]]:
    if not isinstance(pairing, LikeLength):
        return list(combinations([one.id for one in distinct], 2))
    lengths = [(one.id, length_in_words(one.text)) for one in distinct]
    return [
        (first, second)
        for (first, short), (second, long) in combinations(lengths, 2)
        if abs(long - short) <= pairing.tolerance * max(long, short)
    ]


def _count_missing(
    distinct: Sequence[Candidate], found: int, wanted: int, pairing: Pairing, screened: Counter[str]
) -> None:
    if len(distinct) < 2:
        screened[TOO_FEW] += 1
    elif found < min(wanted, math.comb(len(distinct), 2)):
        screened[FEWER_ALIKE] += 1
    elif found < wanted:
        screened[FEWER_PAIRS] += 1


def _choose(
    prompt: int,
    possible: Sequence[tuple[int, int]],
    wanted: int,
    by_margin: int,
    rng: np.random.Generator,
    pairing: Pairing,
) -> list[Pair]:
    """The closest of those that are left once chance has had its share, and chance again where scores are missing."""
    waiting = [possible[position] for position in rng.permutation(len(possible))]
    used: Counter[int] = Counter()
    by_chance = _balanced(waiting, used, wanted - by_margin)
    close: list[tuple[int, int]] = []
    if isinstance(pairing, UncertainHalf):
        close = _closest(waiting, pairing.scores)[:by_margin]
        waiting = [pair for pair in waiting if pair not in close]
    by_chance += _balanced(waiting, used, wanted - len(by_chance) - len(close))
    return [
        Pair(prompt, min(pair), max(pair), by_margin=margin)
        for pairs, margin in ((by_chance, False), (close, True))
        for pair in pairs
    ]


def _balanced(waiting: list[tuple[int, int]], used: Counter[int], wanted: int) -> list[tuple[int, int]]:
    """Take up to `wanted` out of `waiting`, always next the pair whose responses were used least; the first of equals.

    `waiting` comes in random order, so that chance breaks ties.
    """
    chosen: list[tuple[int, int]] = []
    while waiting and len(chosen) < wanted:
        # The most used of the two comes first in the key: a pair of two middling responses beats one of extremes.
        least = min(waiting, key=lambda pair: (max(used[pair[0]], used[pair[1]]), used[pair[0]] + used[pair[1]]))
        waiting.remove(least)
        used.update(least)
        chosen.append(least)
    return chosen


def _closest(pairs: Sequence[tuple[int, int]], scores: Mapping[int, float]) -> list[tuple[int, int]]:
    """Those of which both have a score, the smallest difference first; chance, which ordered them, breaks ties."""
    scored = [pair for pair in pairs if all(math.isfinite(scores.get(one, math.nan)) for one in pair)]
    return sorted(scored, key=lambda pair: abs(scores[pair[0]] - scores[pair[1]]))

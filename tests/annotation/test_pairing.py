"""Which pairs are compared: balanced, and for a reason where one is given; what was screened out is counted."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation import pairing
from annotation.pairing import (
    BY_CHANCE,
    Candidate,
    LikeLength,
    Pair,
    Pairing,
    UncertainHalf,
    choose_pairs,
    length_in_words,
    trim,
)


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def candidates(*texts: str) -> dict[int, list[Candidate]]:
    return {7: [Candidate(id=i, text=text) for i, text in enumerate(texts)]}


def world(seed: int, *, prompts: int = 60, each: int = 8) -> tuple[dict[int, list[Candidate]], dict[int, float]]:
    """Prompts with responses of 5 to 200 words and what a reward model says of each, ids in random order."""
    rng = dice(seed)
    ids = iter(int(one) for one in rng.permutation(prompts * each))
    offered = {
        prompt: [Candidate(next(ids), f"{words} " * words) for words in rng.choice(np.arange(5, 200), each, False)]
        for prompt in range(prompts)
    }
    scores = {one.id: float(rng.normal()) for all_of_it in offered.values() for one in all_of_it}
    return offered, scores


PAIRINGS = st.sampled_from(
    [BY_CHANCE, LikeLength(0.2), UncertainHalf({one: (one * 37 % 11) / 7 for one in range(0, 500, 2)})]
)


def test_a_pair_names_the_smaller_id_first() -> None:
    pair = choose_pairs({1: [Candidate(9, "x"), Candidate(4, "y")]}, rng=dice(), pairs_per_prompt=1).pairs[0]
    assert (pair.prompt, pair.a, pair.b) == (1, 4, 9)


def test_an_empty_response_is_never_compared() -> None:
    found = choose_pairs(candidates("a", " \n", "b"), rng=dice(), pairs_per_prompt=1)
    assert (found.pairs[0].a, found.pairs[0].b) == (0, 2)
    assert found.screened == {pairing.EMPTY: 1}


def test_responses_with_the_same_words_are_never_compared() -> None:
    found = choose_pairs(candidates("a  b", "a b\n", "c"), rng=dice(), pairs_per_prompt=3)
    assert len(found.pairs) == 1
    assert found.screened == {pairing.IDENTICAL: 1, pairing.FEWER_PAIRS: 1}


def test_which_of_two_equal_responses_stays_is_random() -> None:
    kept = {choose_pairs(candidates("a", "a", "c"), rng=dice(s), pairs_per_prompt=1).pairs[0].a for s in range(20)}
    assert kept == {0, 1}


def test_a_prompt_with_one_response_yields_nothing_and_is_counted() -> None:
    found = choose_pairs(candidates("a"), rng=dice(), pairs_per_prompt=2)
    assert (found.pairs, found.screened) == ((), {pairing.TOO_FEW: 1})


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


@given(st.integers(0, 40), st.integers(1, 12), PAIRINGS)
@settings(deadline=None, max_examples=60)
def test_no_pair_comes_twice_whatever_the_reason(seed: int, wanted: int, reason: Pairing) -> None:
    offered, _ = world(seed, prompts=5, each=5)
    pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=wanted, pairing=reason).pairs
    found = [(pair.a, pair.b) for pair in pairs]
    assert len(set(found)) == len(found)
    assert all(a < b for a, b in found)
    assert [pair.prompt for pair in pairs] == sorted(pair.prompt for pair in pairs)


@given(st.integers(0, 30))
@settings(deadline=None, max_examples=15)
def test_who_is_a_says_nothing_of_length_or_score(seed: int) -> None:
    """Ids are random here, so what chose a pair shows in `a` and `b` only if it decided which is which."""
    offered, scores = world(seed, prompts=200, each=4)
    words = {one.id: length_in_words(one.text) for all_of_it in offered.values() for one in all_of_it}
    for reason in (BY_CHANCE, LikeLength(0.5), UncertainHalf(scores)):
        pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=3, pairing=reason).pairs
        slack = 4.5 * math.sqrt(len(pairs)) / 2
        assert abs(sum(words[pair.a] > words[pair.b] for pair in pairs) - len(pairs) / 2) < slack
        assert abs(sum(scores[pair.a] > scores[pair.b] for pair in pairs) - len(pairs) / 2) < slack


class TestLikeLength:
    @given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(1, 40), st.floats(0, 0.9))
    @settings(deadline=None)
    def test_pairs_are_within_the_tolerance_or_counted_as_missing(
        self, lengths: list[int], wanted: int, tolerance: float
    ) -> None:
        offered = candidates(*(f"{place} " + "x " * (words - 1) for place, words in enumerate(lengths)))
        found = choose_pairs(offered, rng=dice(), pairs_per_prompt=wanted, pairing=LikeLength(tolerance))
        alike = [
            (one, other)
            for one, other in itertools.combinations(range(len(lengths)), 2)
            if abs(lengths[one] - lengths[other]) <= tolerance * max(lengths[one], lengths[other])
        ]
        assert {(pair.a, pair.b) for pair in found.pairs} <= set(alike)
        assert len(found.pairs) == min(wanted, len(alike))
        wished = min(wanted, math.comb(len(lengths), 2))
        assert found.screened.get(pairing.FEWER_ALIKE, 0) == (len(found.pairs) < wished)

    def test_more_than_halves_the_gap_in_length(self) -> None:
        offered, _ = world(3)
        words = {one.id: length_in_words(one.text) for all_of_it in offered.values() for one in all_of_it}

        def gap(reason: Pairing) -> float:
            pairs = choose_pairs(offered, rng=dice(3), pairs_per_prompt=3, pairing=reason).pairs
            assert len(pairs) > 60
            return sum(abs(words[pair.a] - words[pair.b]) for pair in pairs) / len(pairs)

        assert gap(LikeLength()) < gap(BY_CHANCE) / 2

    def test_uses_every_response_about_equally_often_where_all_are_alike(self) -> None:
        offered = candidates(*(f"{one} of the same length" for one in range(6)))
        pairs = choose_pairs(offered, rng=dice(), pairs_per_prompt=9, pairing=LikeLength(0.0)).pairs
        assert set(Counter(one for pair in pairs for one in (pair.a, pair.b)).values()) == {3}

    @pytest.mark.parametrize("tolerance", [-0.1, 1.0, float("nan")])
    def test_refuses_a_tolerance_that_is_no_share(self, tolerance: float) -> None:
        with pytest.raises(ValueError, match="a share from 0 to below 1"):
            LikeLength(tolerance)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one, two  three\n", 3),
        ("\u4f60\u597d\u4e16\u754c", 4),  # four characters, written without spaces
        ("GPT \u306f\u300c\u3044\u3044\u300d", 6),
        ("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", 2),
    ],
)
def test_length_counts_words_and_characters_where_words_have_no_spaces(text: str, words: int) -> None:
    assert length_in_words(text) == words


class TestUncertainHalf:
    @given(st.integers(1, 30), st.integers(1, 12), st.integers(2, 6), st.integers(0, 40))
    @settings(deadline=None, max_examples=60)
    def test_at_least_half_are_by_chance_and_as_many_as_that_allows_are_not(
        self, prompts: int, wanted: int, each: int, seed: int
    ) -> None:
        offered, scores = world(seed, prompts=prompts, each=each)
        pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=wanted, pairing=UncertainHalf(scores)).pairs
        assert sum(pair.by_margin for pair in pairs) == len(pairs) // 2

    @given(st.integers(0, 40), st.integers(2, 12))
    @settings(deadline=None, max_examples=40)
    def test_the_others_are_the_closest_of_those_that_chance_left(self, seed: int, wanted: int) -> None:
        offered, scores = world(seed, prompts=3, each=6)
        pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=wanted, pairing=UncertainHalf(scores)).pairs
        for prompt, responses in offered.items():
            mine = {(pair.a, pair.b): pair.by_margin for pair in pairs if pair.prompt == prompt}
            every = itertools.combinations(sorted(one.id for one in responses), 2)
            left_out = [abs(scores[a] - scores[b]) for a, b in every if (a, b) not in mine]
            close = [abs(scores[a] - scores[b]) for (a, b), by_margin in mine.items() if by_margin]
            assert not close or not left_out or max(close) <= min(left_out)

    def test_the_gap_in_score_is_a_fraction_of_what_chance_gives(self) -> None:
        offered, scores = world(5)
        pairs = choose_pairs(offered, rng=dice(5), pairs_per_prompt=4, pairing=UncertainHalf(scores)).pairs

        def gap(by_margin: bool) -> float:
            return float(np.mean([abs(scores[p.a] - scores[p.b]) for p in pairs if p.by_margin is by_margin]))

        assert gap(True) < gap(False) / 4

    def test_the_half_by_chance_uses_every_response_about_equally_often(self) -> None:
        offered, scores = world(6, prompts=40, each=6)
        pairs = choose_pairs(offered, rng=dice(6), pairs_per_prompt=6, pairing=UncertainHalf(scores)).pairs
        used = Counter(one for pair in pairs if not pair.by_margin for one in (pair.a, pair.b))
        assert max(used.values()) - min(used[one] for one in scores) <= 1

    def test_without_scores_all_are_by_chance(self) -> None:
        offered, _ = world(7, prompts=4)
        bad = UncertainHalf({one.id: math.nan for all_of_it in offered.values() for one in all_of_it})
        for reason in (UncertainHalf(), bad):
            pairs = choose_pairs(offered, rng=dice(7), pairs_per_prompt=5, pairing=reason).pairs
            assert [pair.by_margin for pair in pairs] == [False] * 20

    def test_which_prompt_gets_the_odd_one_is_chance(self) -> None:
        offered, scores = world(8, prompts=2)
        first = set()
        for seed in range(20):
            pairs = choose_pairs(offered, rng=dice(seed), pairs_per_prompt=1, pairing=UncertainHalf(scores)).pairs
            first.add(next(pair.prompt for pair in pairs if pair.by_margin))
        assert first == {0, 1}


class TestTrimming:
    @given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.integers(0, 20))
    @settings(deadline=None)
    def test_keeps_half_by_chance(self, by_chance: int, by_margin: int, wanted: int, seed: int) -> None:
        by_margin = min(by_margin, by_chance)
        pairs = [Pair(1, a, a + 1, by_margin=a >= by_chance) for a in range(by_chance + by_margin)]
        kept = trim(pairs, wanted=wanted, rng=dice(seed))
        assert len(kept) == min(wanted, len(pairs))
        assert kept == sorted(kept, key=pairs.index)
        assert 2 * sum(pair.by_margin for pair in kept) <= len(kept)

    def test_drops_any_of_them(self) -> None:
        pairs = [Pair(1, a, a + 1) for a in range(4)]
        assert {trim(pairs, wanted=1, rng=dice(seed))[0].a for seed in range(40)} == {0, 1, 2, 3}

"""Rankings and writings by themselves: what they accept, what they imply, and what changed between two texts."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.kinds import (
    EDIT,
    IMPLIED_STRENGTH,
    RANKING,
    SCALES,
    WORK,
    BadContent,
    Ranking,
    Unchanged,
    Writing,
    implied_pairs,
    read_content,
)
from annotation.routing import shuffle_seed, shuffled
from annotation.wording import word_changes

rankings = st.lists(st.integers(1, 10_000), min_size=3, max_size=9, unique=True).flatmap(
    lambda ids: st.fixed_dictionaries({one: st.integers(1, len(ids)) for one in ids})
)


@given(rankings)
def test_a_ranking_implies_each_pair_once_and_contradicts_itself_nowhere(ranks: dict[int, int]) -> None:
    pairs = implied_pairs(ranks)
    sign = {(pair.a, pair.b): pair.sign for pair in pairs} | {(pair.b, pair.a): -pair.sign for pair in pairs}

    assert len(pairs) == len(ranks) * (len(ranks) - 1) // 2
    assert all(pair.a < pair.b for pair in pairs)
    for one, two, three in permutations(ranks, 3):  # at least as good as is transitive, and strictly where one step is
        if sign[one, two] <= 0 and sign[two, three] <= 0:
            assert sign[one, three] == min(sign[one, two], sign[two, three])


@given(rankings)
def test_a_ranking_closes_gaps_and_keeps_the_order(ranks: dict[int, int]) -> None:
    made = Ranking.of(ranks, responses=list(ranks))

    assert set(made.ranks.values()) == set(range(1, len(set(ranks.values())) + 1))
    assert implied_pairs(made.ranks) == implied_pairs(ranks)
    assert read_content(RANKING, made.write()) == made


@given(st.sets(st.integers(1, 10**9), min_size=1, max_size=9), st.integers(0, 2**31 - 1))
def test_a_shuffle_is_the_same_for_ever_whatever_order_the_ids_come_in(ids: set[int], seed: int) -> None:
    assert shuffled(sorted(ids), seed=seed) == shuffled(sorted(ids, reverse=True), seed=seed)
    assert set(shuffled(ids, seed=seed)) == ids


def test_every_response_is_shown_first_about_equally_often() -> None:
    firsts = [
        shuffled([11, 12, 13, 14], seed=shuffle_seed(task, rater))[0] for task in range(80) for rater in range(50)
    ]

    assert all(900 < firsts.count(one) < 1100 for one in (11, 12, 13, 14))
    assert all(0 <= shuffle_seed(task, 1) < 2**31 for task in range(1000))


def test_an_implied_preference_is_as_strong_as_one_on_the_scale_that_asks_the_same() -> None:
    assert [step.value for step in SCALES[3]] == [-IMPLIED_STRENGTH, 0, IMPLIED_STRENGTH]


@pytest.mark.parametrize("ranks", [{}, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3, 4: 4}, {1: 0, 2: 1, 3: 2}, {1: 1, 2: 2, 3: 4}])
def test_ranks_are_for_just_the_responses_of_the_task(ranks: dict[int, int]) -> None:
    with pytest.raises(BadContent):
        Ranking.of(ranks, responses=[1, 2, 3])


@pytest.mark.parametrize("text", ["", " \n\t", "a\0b", "x" * 40_001])
def test_a_writing_is_something_that_can_be_kept(text: str) -> None:
    with pytest.raises(BadContent):
        Writing.of(text)


@pytest.mark.parametrize("text", ["It is 4.\r\nOr so.", "It is 4.\nOr so.\n\n", "It is 4.\rOr so. "])
def test_an_edit_that_differs_in_line_ends_alone_is_the_original(text: str) -> None:
    with pytest.raises(Unchanged):
        Writing.of(text, original="It is 4.\nOr so.")


def test_every_kind_says_how_many_responses_it_takes() -> None:
    assert [work.responses for work in WORK.values()] == ["3 to 9 responses", "no response", "one response"]
    assert read_content(EDIT, {"text": "Better."}) == Writing("Better.")


@given(st.text(max_size=200), st.text(max_size=200))
def test_changes_read_as_both_texts(before: str, after: str) -> None:
    pieces = word_changes(before, after)

    assert "".join(piece.text for piece in pieces if piece.kind != "ins") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "del") == after


def test_changes_in_a_long_text_are_told_by_lines() -> None:
    lines = [f"Line {n} of many, with a few words in it.\n" for n in range(1000)]
    pieces = word_changes("".join(lines), "".join([*lines[:500], "Something else.\n", *lines[501:]]))

    assert [piece.text for piece in pieces if piece.kind != "same"] == [lines[500], "Something else.\n"]

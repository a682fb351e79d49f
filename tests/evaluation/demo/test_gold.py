"""Raters see the gold function through noise of a stated size, and planted biases move them as stated."""

from __future__ import annotations

import math
import random

import pytest

from evaluation.demo import world
from evaluation.demo.gold import EDGES, Rater, gold

SUM = world.prompt_of("What is 3 plus 4?")
LIST = world.prompt_of("List two metals.")
RIGHT, POLITE, WRONG = "3 plus 4 is 7.", "Sure. 3 plus 4 is 7.", "3 plus 4 is 9."
TRIES = 4000


def _chance(difference: float, *, edge: float, noise: float, flip: float) -> float:
    """P(a rater says B, by more than `edge`), by Bradley and Terry with slips."""
    heard = 1 / (1 + math.exp(-(difference - edge) / noise))
    opposite = 1 / (1 + math.exp((difference + edge) / noise))
    return (1 - flip) * heard + flip * opposite


@pytest.mark.parametrize(("noise", "flip"), [(0.35, 0.03), (1.0, 0.0), (0.2, 0.2)])
@pytest.mark.parametrize("edge", range(3))
def test_a_rater_prefers_the_better_as_often_as_stated(noise: float, flip: float, edge: int) -> None:
    rater = Rater(random.Random(7), noise=noise, flip=flip)
    difference = gold(SUM, POLITE).value - gold(SUM, RIGHT).value
    assert difference == pytest.approx(0.5)
    said = sum(rater.judge(SUM, RIGHT, POLITE) > edge for _ in range(TRIES)) / TRIES
    expected = _chance(difference, edge=EDGES[edge], noise=noise, flip=flip)
    assert said == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / TRIES))


def test_which_side_is_a_does_not_matter() -> None:
    rater, other = (Rater(random.Random(seed)) for seed in (1, 2))
    forth = sum(rater.judge(SUM, RIGHT, POLITE) for _ in range(TRIES)) / TRIES
    back = sum(other.judge(SUM, POLITE, RIGHT) for _ in range(TRIES)) / TRIES
    assert forth == pytest.approx(-back, abs=0.15)


def test_the_same_dice_judge_alike() -> None:
    one, again = (Rater(random.Random(3)) for _ in range(2))
    assert [one.judge(SUM, RIGHT, WRONG) for _ in range(50)] == [again.judge(SUM, RIGHT, WRONG) for _ in range(50)]


def test_a_taste_for_length_adds_by_ten_words() -> None:
    plain, biased = Rater(random.Random(0)), Rater(random.Random(0), length_bias=0.8)
    long = " ".join([RIGHT, *world.PADDING])
    assert plain.utility(SUM, long) < plain.utility(SUM, RIGHT)
    assert biased.utility(SUM, long) - plain.utility(SUM, long) == pytest.approx(0.8 * len(long.split()) / 10)
    assert biased.utility(SUM, long) > biased.utility(SUM, RIGHT)


def test_a_taste_for_flattery_counts_three_at_most() -> None:
    biased, flattered = Rater(random.Random(0), flattery_bias=1.0), " ".join([*world.FLATTERY, RIGHT])
    assert biased.utility(SUM, flattered) - gold(SUM, flattered).value == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("iron, gold.", True),
        ("Gold and zinc.", True),
        ("iron.", False),
        ("iron, gold, tin.", False),
        ("iron, iron.", False),
        ("iron, apple.", False),
        ("", False),
    ],
)
def test_a_list_is_right_when_it_has_as_many_members_as_asked_and_none_twice(text: str, correct: bool) -> None:
    assert gold(LIST, text).correct is correct


def test_a_second_sum_that_is_wrong_spoils_the_first() -> None:
    assert gold(SUM, RIGHT).correct
    assert not gold(SUM, f"{RIGHT} {WRONG}").correct
    assert not gold(SUM, "7.").correct


def test_rudeness_counts_twice_at_most_and_flattery_each_time() -> None:
    rude, flattery = " ".join([*world.RUDE_OPENINGS, *world.RUDE_CLOSINGS]), " ".join(world.FLATTERY[:2])
    assert gold(None, rude).rude == 4
    assert gold(None, rude).value == pytest.approx(-1.6)
    assert gold(None, flattery).value == pytest.approx(-0.7)

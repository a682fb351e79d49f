"""Accuracy, calibration and the length baseline on small sets."""

import math

import pytest

from training.learn.calibration import calibration, length_baseline, preference_accuracy
from training.records import Pair


def _pair(a: str, b: str, label: float) -> Pair:
    return Pair(id="1", messages=[{"role": "user", "content": "?"}], a=a, b=b, soft_label=label)


def test_ties_have_no_right_side() -> None:
    assert preference_accuracy([0.9, 0.1, 0.9], [1.0, 0.5, 0.0]) == 0.5


def test_a_model_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    assert calibration([0.75] * 4, [1.0, 1.0, 1.0, 0.0])["ece"] == pytest.approx(0.0)


def test_a_model_that_is_sure_and_wrong_half_the_time_is_off_by_half() -> None:
    found = calibration([0.999999] * 2, [1.0, 0.0])
    assert found["ece"] == pytest.approx(0.5, abs=1e-3)
    assert found["bins"][-1]["n"] == 2


def test_the_log_loss_of_not_knowing_is_ln_2() -> None:
    assert calibration([0.5, 0.5], [1.0, 0.0])["log_loss"] == pytest.approx(math.log(2))


def test_every_pair_is_in_one_bin() -> None:
    found = calibration([0.0, 0.5, 0.55, 0.62, 1.0], [0.0, 0.5, 1.0, 1.0, 1.0])
    assert sum(entry["n"] for entry in found["bins"]) == 5


def test_the_length_baseline_takes_its_direction_from_the_training_pairs() -> None:
    shorter_wins = [_pair("one two", "one", 1.0), _pair("one", "one two", 0.0)]
    assert length_baseline(shorter_wins, [_pair("a b c", "a", 1.0)]) == 1.0
    assert length_baseline(shorter_wins, [_pair("a b c", "a", 0.0)]) == 0.0

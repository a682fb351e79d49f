"""What a round may be asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from annotation.aggregation import StoppingRule
from evaluation.plan import LIMITS, BadConfig, RoundConfig


def test_survives_a_round_trip_through_json() -> None:
    config = RoundConfig(pairs=600, ppo={"iterations": 5, "kl_target": 2.0}, limits={"kl": 6.0})
    assert RoundConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_usual_limits_hold_where_a_round_has_none() -> None:
    config = RoundConfig(limits={"kl": 6.0})
    assert (config.limit("kl"), config.limit("length_ratio")) == (6.0, LIMITS["length_ratio"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"samples": 1}, "samples=1: use a whole number from 2 to 512"),
        ({"pairs": "many"}, "pairs='many': use a whole number"),
        ({"pairs": True}, "pairs=True: use a whole number"),
        ({"temperature": 0}, "temperature=0: use a number from 0.01 to 5"),
        ({"temperature": float("nan")}, "temperature=nan: use a number"),
        ({"split_panels": "yes"}, "split_panels='yes': use true or false"),
        ({"overlap": 3}, "overlap=3: two panels share it evenly"),
        ({"suite": "../secrets"}, "use the name of a probe suite"),
        ({"overlap_most": 6}, "overlap_most and overlap_certain go together"),
        ({"overlap_certain": 0.8}, "overlap_most and overlap_certain go together"),
        ({"overlap_most": 5, "overlap_certain": 0.8}, "overlap_most=5: two panels share it evenly"),
        ({"overlap": 4, "overlap_most": 2, "overlap_certain": 0.8}, "overlap_most=2: use a whole number from 4 to 9"),
        ({"overlap_most": 6, "overlap_certain": 1}, "overlap_certain=1: use a number from 0.51 to 0.999"),
        ({"pairing": "best"}, "pairing='best': use one of chance, like-length, uncertain-half"),
        ({"pairing": ["chance"]}, "pairing=['chance']: use one of chance"),
        ({"length_tolerance": 2}, "length_tolerance=2: use a number from 0 to 0.9"),
        ({"reward": {"epochs": 0}}, "reward: epochs=0"),
        ({"reward": {"model": "/models/mine"}}, "reward.model: the round decides this itself"),
        ({"ppo": {"warmup": 3}}, "ppo: warmup is not a field"),
        ({"ppo": []}, "use an object of the ppo recipe's fields"),
        ({"limits": {"speed": 1.0}}, "limits.speed is not a limit"),
        ({"limits": {"kl": None}}, "limits.kl=None: use a number"),
        ({"colour": "red"}, "colour is not a setting of a round"),
    ],
)
def test_refuses_what_cannot_work_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadConfig) as refusal:
        RoundConfig.from_json(wrong)
    assert words in str(refusal.value)


def test_an_odd_overlap_is_fine_when_the_panels_are_not_split() -> None:
    assert RoundConfig(overlap=3, split_panels=False).overlap == 3


def test_pairs_are_chosen_by_chance_and_judged_as_often_as_said_unless_a_round_says_otherwise() -> None:
    usual = RoundConfig()
    assert (usual.pairing, usual.stopping_rule) == ("chance", None)


def test_an_adaptive_round_begins_with_its_overlap() -> None:
    rule = RoundConfig(overlap=2, overlap_most=6, overlap_certain=0.8).stopping_rule
    assert rule == StoppingRule(least=2, most=6, certain=0.8)

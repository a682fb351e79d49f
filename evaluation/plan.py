"""What one round is to do: how much to ask, how to train, how to evaluate, and what must hold in the end. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from annotation.aggregation import StoppingRule
from training.records import BadRecipe, read_recipe

# A gate's limit: the smallest value that passes for a share, the largest for a distance, a ratio or a count.
LIMITS: dict[str, float] = {
    "reward_over_length": 0.0,  # reward model's held-out accuracy less that of "the shorter answer is better"
    "audit_win_rate": 0.5,  # low end of the interval, judged by the reward model of the other raters
    "kl": 10.0,  # nats per response from the reference
    "length_ratio": 1.5,  # mean words, policy to reference
    "probes_failed": 0.5,  # share of the suite
    "probe_tolerance": 0.2,  # share of one probe's responses that may fail before the probe does
}
# What the round knows and a recipe must not say: paths, and the seed that makes the round repeatable.
OURS = frozenset({"kind", "seed", "model", "reference", "reward_model", "audit_model"})
# How the training pairs of a round are chosen; see annotation.pairing.
CHANCE, LIKE_LENGTH, UNCERTAIN_HALF = PAIRINGS = ("chance", "like-length", "uncertain-half")


class BadConfig(ValueError):
    """A round was asked for with a setting that cannot work; the message names it and says what to use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundConfig:
    """One round's settings. The defaults suit the demo's model and world on two cores.

    `samples` candidates are drawn for every prompt at `temperature`; of these `pairs` comparisons are opened on
    training prompts and `held_out_pairs` on held-out ones, each judged `overlap` times, by both panels when
    `split_panels`. With `overlap_most` and `overlap_certain` that is only how often at first: where a label is not yet
    certain, the comparison is judged more often, up to the most.

    `pairing` says how the training pairs are chosen: by "chance"; of "like-length", where the shorter response has at
    most the share `length_tolerance` fewer words; or "uncertain-half", up to half of them where the reward model of an
    earlier round can hardly tell the two apart, and by chance while there is none.

    `reward` and `ppo` are fields of those recipes. `evaluation_samples` responses per held-out prompt and model are
    compared in the end, and `probe_samples` per probe of `suite`. `limits` are the gates'.
    """

    samples: int = 8
    pairs: int = 2800
    held_out_pairs: int = 400
    overlap: int = 2
    split_panels: bool = True
    overlap_most: int | None = None
    overlap_certain: float | None = None
    pairing: str = CHANCE
    length_tolerance: float = 0.1
    temperature: float = 1.0
    max_new_tokens: int = 72
    reward: dict[str, Any] = field(default_factory=dict)
    ppo: dict[str, Any] = field(default_factory=dict)
    evaluation_samples: int = 20
    probe_samples: int = 5
    suite: str = "first"
    limits: dict[str, float] = field(default_factory=dict)
    time_limit: int = 3600
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _WHOLE:
            _whole(name, getattr(self, name), low, high)
        _number("temperature", self.temperature, 0.01, 5.0)
        if not isinstance(self.split_panels, bool):
            raise BadConfig(f"split_panels={self.split_panels!r}: use true or false.")
        if self.split_panels and self.overlap % 2:
            raise BadConfig(f"overlap={self.overlap}: two panels share it evenly, so use an even number.")
        self._check_overlap()
        if self.pairing not in PAIRINGS:
            raise BadConfig(f"pairing={self.pairing!r}: use one of {', '.join(PAIRINGS)}.")
        _number("length_tolerance", self.length_tolerance, 0.0, 0.9)
        if not isinstance(self.suite, str) or not self.suite.replace("-", "").isalnum():
            raise BadConfig(f"suite={self.suite!r}: use the name of a probe suite, such as 'first'.")
        _recipe("reward", self.reward, model="x")
        _recipe("ppo", self.ppo, model="x", reference="x", reward_model="x")
        _limits(self.limits)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoundConfig:
        """The settings out of `Round.config`, or of a person's JSON. Raises BadConfig, also for an unknown name."""
        known = {entry.name for entry in fields(cls)}
        for name in data:
            if name not in known:
                raise BadConfig(f"{name} is not a setting of a round; the settings are {', '.join(sorted(known))}.")
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """As kept in `Round.config`: `RoundConfig.from_json(c.to_json()) == c`."""
        return asdict(self)

    @property
    def stopping_rule(self) -> StoppingRule | None:
        """When a comparison of the round has been judged often enough; None where the overlap is fixed."""
        if self.overlap_most is None or self.overlap_certain is None:
            return None
        return StoppingRule(least=self.overlap, most=self.overlap_most, certain=self.overlap_certain)

    def _check_overlap(self) -> None:
        if (self.overlap_most is None) != (self.overlap_certain is None):
            raise BadConfig("overlap_most and overlap_certain go together: give both, or leave both out.")
        if self.overlap_most is None:
            return
        _whole("overlap_most", self.overlap_most, self.overlap, 9)
        _number("overlap_certain", self.overlap_certain, 0.51, 0.999)
        if self.split_panels and self.overlap_most % 2:
            raise BadConfig(f"overlap_most={self.overlap_most}: two panels share it evenly, so use an even number.")

    def limit(self, name: str) -> float:
        """A gate's limit: the round's own, else the usual one."""
        return self.limits.get(name, LIMITS[name])


_WHOLE = (
    ("samples", 2, 512),
    ("pairs", 1, 1_000_000),
    ("held_out_pairs", 1, 1_000_000),
    ("overlap", 1, 9),
    ("max_new_tokens", 1, 8192),
    ("evaluation_samples", 1, 512),
    ("probe_samples", 1, 64),
    ("time_limit", 1, 14 * 24 * 3600),
    ("seed", 0, 2**31 - 1),
)


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadConfig(f"{name}={value!r}: use a whole number from {low} to {high}.")


def _number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadConfig(f"{name}={value!r}: use a number from {low:g} to {high:g}.")


def _recipe(kind: str, data: object, **paths: str) -> None:
    """Refuse a recipe's fields now, in words, rather than when its run is queued an hour later."""
    if not isinstance(data, dict):
        raise BadConfig(f"{kind}={data!r}: use an object of the {kind} recipe's fields.")
    for name in sorted(OURS & data.keys()):
        raise BadConfig(f"{kind}.{name}: the round decides this itself; leave it out.")
    try:
        read_recipe({"kind": kind, **paths, **data})
    except BadRecipe as refusal:
        raise BadConfig(f"{kind}: {refusal}") from refusal


def _limits(limits: object) -> None:
    if not isinstance(limits, dict):
        raise BadConfig(f"limits={limits!r}: use an object of names and numbers.")
    for name, value in limits.items():
        if name not in LIMITS:
            raise BadConfig(f"limits.{name} is not a limit; the limits are {', '.join(LIMITS)}.")
        _number(f"limits.{name}", value, -math.inf, math.inf)

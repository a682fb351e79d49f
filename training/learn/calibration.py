"""How well predicted preferences match labels. Plain arithmetic on lists.

`chances` are predicted probabilities that B is preferred, `labels` the labelled ones (a tie is 0.5).
"""

import math
from typing import Any

from training.records import Pair

BINS = 10


def preference_accuracy(chances: list[float], labels: list[float]) -> float:
    """The share of pairs with a preference whose preferred side is the predicted one; 0.5 if there are none.

    A chance of exactly 0.5 predicts neither side and counts as half right.
    """
    judged = [(p, label) for p, label in zip(chances, labels, strict=True) if label != 0.5]
    right = [0.5 if p == 0.5 else float((p > 0.5) == (label > 0.5)) for p, label in judged]
    return sum(right) / len(right) if right else 0.5


def calibration(chances: list[float], labels: list[float]) -> dict[str, Any]:
    """Accuracy, log loss, expected calibration error and its bins over confidence from 0.5 to 1.

    A pair's confidence is the probability given to the predicted side, and it is right to the degree that the label
    is on that side, so ties and soft labels count as what they are. ECE is the mean over pairs of their bin's
    |accuracy - confidence| (Naeini et al. 2015; Guo et al. 2017).
    """
    confident = [max(p, 1 - p) for p in chances]
    right = [label if p > 0.5 else 1 - label for p, label in zip(chances, labels, strict=True)]
    bins = [_bin(place, confident, right) for place in range(BINS)]
    error = sum(entry["n"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return {
        "accuracy": preference_accuracy(chances, labels),
        "ece": error / len(chances),
        "log_loss": sum(map(_log_loss, chances, labels)) / len(chances),
        "bins": bins,
    }


def _bin(place: int, confident: list[float], right: list[float]) -> dict[str, Any]:
    """The pairs whose confidence lies in [lo, hi), the last bin's hi included."""
    width = 0.5 / BINS
    members = [at for at, p in enumerate(confident) if min(int((p - 0.5) / width), BINS - 1) == place]
    count = len(members)
    return {
        "lo": 0.5 + place * width,
        "hi": 0.5 + (place + 1) * width,
        "n": count,
        "confidence": sum(confident[at] for at in members) / count if count else 0.0,
        "accuracy": sum(right[at] for at in members) / count if count else 0.0,
    }


def _log_loss(p: float, label: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return -label * math.log(p) - (1 - label) * math.log(1 - p)


def length_baseline(train: list[Pair], test: list[Pair]) -> float:
    """The test accuracy of the rule "longer is better" or "shorter is better", whichever the training pairs favour.

    A reward model that is not better than this has learnt to count words.
    """
    sign = 1 if preference_accuracy(_longer(train), [pair.soft_label for pair in train]) >= 0.5 else -1
    chances = [0.5 + sign * (p - 0.5) for p in _longer(test)]
    return preference_accuracy(chances, [pair.soft_label for pair in test])


def _longer(pairs: list[Pair]) -> list[float]:
    """1 where B has more words, 0 where A has, and the half where they are level."""
    differences = [len(pair.b.split()) - len(pair.a.split()) for pair in pairs]
    return [0.5 + 0.5 * ((difference > 0) - (difference < 0)) for difference in differences]

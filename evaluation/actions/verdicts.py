"""Record who did better: a reward model's verdict, or people's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.models import ModelComparison

if TYPE_CHECKING:
    from evaluation.models import Round
    from evaluation.ranking import WinRate
    from training.models import ModelVersion


class NoVerdict(Exception):
    """The two models share no prompt, so there is nothing to record."""


def record_verdict(
    round: Round, *, name: str, judge: str, first: ModelVersion, second: ModelVersion, win: WinRate
) -> ModelComparison:
    """Keep how often `first` did better than `second` in the eyes of `judge`: proxy, audit, human or gold.

    One verdict per name and judge: the same again replaces it. Without an interval it may be anything from 0 to 1.
    Raises NoVerdict.
    """
    if win.value is None:
        raise NoVerdict(win.reason)
    verdict, _ = ModelComparison.objects.update_or_create(
        round=round,
        name=name,
        judge=judge,
        defaults={
            "first": first,
            "second": second,
            "win_rate": win.value,
            "low": 0.0 if win.low is None else win.low,
            "high": 1.0 if win.high is None else win.high,
            "prompts": win.prompts,
            "samples": win.pairs,
        },
    )
    return verdict

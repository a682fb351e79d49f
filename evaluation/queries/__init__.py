"""Questions about rounds: what was asked and answered, and the pages of the loop."""

from evaluation.queries.loop import LoopPage, loop_page
from evaluation.queries.report import RoundPage, round_page
from evaluation.queries.rounds import (
    GUIDELINE,
    OVER,
    SETS,
    SUITE,
    NotEvaluated,
    alerts_in,
    asked_as,
    config_of,
    guideline_of,
    policy_of,
    probes_of,
    round_of,
    samples_of,
    scored_samples,
    start_of_next,
)

__all__ = [
    "GUIDELINE",
    "OVER",
    "SETS",
    "SUITE",
    "LoopPage",
    "NotEvaluated",
    "RoundPage",
    "alerts_in",
    "asked_as",
    "config_of",
    "guideline_of",
    "loop_page",
    "policy_of",
    "probes_of",
    "round_of",
    "round_page",
    "samples_of",
    "scored_samples",
    "start_of_next",
]

"""Verbs of evaluation: start a round, take it forward, judge what came out, answer an alert."""

from evaluation.actions.advancing import advance_rounds
from evaluation.actions.alerts import AlreadyResolved, NoReason, resolve_alert
from evaluation.actions.starting import (
    NoPrompts,
    NotFailed,
    RoundIsRunning,
    UnusableGuideline,
    UnusableModel,
    UnusableSuite,
    resume_round,
    start_next_round,
    start_round,
)
from evaluation.actions.suites import SuiteChanged, load_suite
from evaluation.actions.verdicts import NoVerdict, record_verdict
from evaluation.plan import BadConfig, RoundConfig
from evaluation.probes import BadSuite

__all__ = [
    "AlreadyResolved",
    "BadConfig",
    "BadSuite",
    "NoPrompts",
    "NoReason",
    "NoVerdict",
    "NotFailed",
    "RoundConfig",
    "RoundIsRunning",
    "SuiteChanged",
    "UnusableGuideline",
    "UnusableModel",
    "UnusableSuite",
    "advance_rounds",
    "load_suite",
    "record_verdict",
    "resolve_alert",
    "resume_round",
    "start_next_round",
    "start_round",
]

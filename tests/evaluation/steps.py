"""How a round is walked, one stage after the other."""

from __future__ import annotations

from annotation.models import Batch
from evaluation import actions
from evaluation.models import Round
from tests import make
from tests.evaluation import paper


def advance() -> int:
    return actions.advance_rounds(now=make.now())


def to_collecting(round: Round) -> Batch:
    """The round waits for judgments."""
    advance()
    paper.finish_runs()
    advance()
    round.refresh_from_db()
    assert round.batch is not None
    return round.batch


def to_evaluation(round: Round, script: paper.Script | None = None) -> None:
    """The round has its policy and has asked for its evaluation."""
    paper.judge_all(to_collecting(round))
    advance()
    paper.build_snapshots()
    for _ in range(2):
        advance()
        paper.finish_runs(script)
    advance()
    round.refresh_from_db()


def to_the_end(round: Round, script: paper.Script | None = None) -> Round:
    """The round is over."""
    to_evaluation(round, script)
    for _ in range(2):
        paper.finish_runs(script)
        advance()
    round.refresh_from_db()
    return round

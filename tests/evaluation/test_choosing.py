"""Which candidates of a round are compared, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from annotation.models import Batch, Comparison
from annotation.pairing import length_in_words
from evaluation import actions
from evaluation.models import Round
from raters.models import Project
from tests import make
from tests.evaluation import paper
from tests.evaluation.steps import advance, to_collecting
from training.models import ModelVersion, Run

Start = Callable[..., Round]


def settings(**more: Any) -> actions.RoundConfig:
    """As many samples as give a choice."""
    return replace(paper.SMALL, samples=8, **more)


def longer_and_longer(model: str, question: str, sample: int) -> str:
    return f"{question} {sample} " + "more " * sample**2


def open_batch(round: Round, script: paper.Script | None = None) -> Batch:
    advance()
    paper.finish_runs(script)
    advance()
    round.refresh_from_db()
    assert round.batch is not None, round.reason
    return round.batch


def gap(comparison: Comparison) -> float:
    lengths = [length_in_words(one.text) for one in (comparison.response_a, comparison.response_b)]
    return abs(lengths[0] - lengths[1]) / max(lengths)


class TestLikeLength:
    def test_training_pairs_are_alike_and_held_out_pairs_are_by_chance(self, start: Start) -> None:
        round = start(config=settings(pairing="like-length", length_tolerance=0.3, held_out_pairs=30, pairs=30))
        batch = open_batch(round, paper.Script(answer=longer_and_longer))
        rows = list(batch.comparisons.select_related("prompt", "response_a", "response_b"))
        training = [gap(row) for row in rows if not row.prompt.held_out]
        held_out = [gap(row) for row in rows if row.prompt.held_out]
        assert training
        assert max(training) <= 0.3
        assert max(held_out) > 0.3

    def test_says_so_when_no_two_are_alike(self, start: Start) -> None:
        round = start(config=settings(pairing="like-length", length_tolerance=0.0))
        advance()
        paper.finish_runs(paper.Script(answer=longer_and_longer))
        advance()
        round.refresh_from_db()
        assert round.state == Round.State.FAILED
        assert "raise length_tolerance" in round.reason


class TestUncertainHalf:
    def test_the_first_round_has_no_reward_model_and_leaves_it_to_chance(self, start: Start) -> None:
        to_collecting(start(config=settings(pairing="uncertain-half")))
        assert not Run.objects.filter(name="r1-score-candidates").exists()

    def test_asks_the_reward_model_of_the_round_before(self, start: Start, project: Project) -> None:
        """It can tell all samples apart but the first two: half of the training pairs are of those."""
        script = paper.Script(answer=numbered, score=by_number)
        paper.walk(start(config=settings(pairing="uncertain-half", pairs=12)), script)
        round = actions.start_next_round(project, by=None, now=make.now())

        advance()
        paper.finish_runs(script)
        advance()
        round.refresh_from_db()
        assert round.state == Round.State.CANDIDATES
        asked = Run.objects.get(name="r2-score-candidates")
        assert asked.inputs["reward_models"] == {"proxy": ModelVersion.objects.get(run__name="r1-rm").pk}

        paper.finish_runs(script)
        advance()
        round.refresh_from_db()
        assert round.batch is not None
        training = round.batch.comparisons.filter(prompt__held_out=False).select_related("response_a", "response_b")
        closest = [row for row in training if {row.response_a.text[-1], row.response_b.text[-1]} == {"0", "1"}]
        assert (training.count(), len(closest)) == (12, 6)  # chance alone makes one pair in 28 of the two


def numbered(model: str, question: str, sample: int) -> str:
    return f"{question} {sample}"


def by_number(judge: str, text: str) -> float:
    return float(text[-1]) ** 2 if int(text[-1]) > 1 else 0.0


def test_a_round_may_ask_again_where_labels_are_not_certain(start: Start) -> None:
    batch = open_batch(start(config=settings(overlap_most=6, overlap_certain=0.8)))
    assert (batch.overlap_least, batch.overlap_most, batch.overlap_certain) == (2, 6, 0.8)
    assert set(batch.comparisons.values_list("overlap", flat=True)) == {2}

"""What a round concludes from its answers: verdicts, gates, alerts, findings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Prompt
from evaluation import actions, queries
from evaluation.models import BehaviourReport, Finding, Gate, ModelComparison, Round, RoundRun
from raters.models import Project, User
from snapshots.models import Snapshot
from tests import make
from tests.evaluation import paper
from tests.evaluation.steps import advance, to_evaluation, to_the_end
from training.models import Run

SMALL = paper.SMALL


class TestConcluding:
    def test_both_panels_judge_the_policy_and_the_cool_reference(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start())
        named = set(ModelComparison.objects.filter(round=round).values_list("name", "judge"))
        assert named == {(name, judge) for name in ("policy", "sft-t03") for judge in ("proxy", "audit")}

    def test_a_policy_that_scores_higher_wins(self, start: Callable[..., Round]) -> None:
        def score(judge: str, text: str) -> float:
            return 1.0 if text.startswith("Better") else 0.0

        def answer(model: str, question: str, sample: int) -> str:
            return ("Better " if model.startswith("r1-ppo") else "") + paper.an_answer(model, question, sample)

        to_the_end(start(), paper.Script(answer=answer, score=score))
        assert ModelComparison.objects.get(name="policy", judge="audit").win_rate == 1.0

    def test_a_gate_that_holds_is_passed_and_one_that_does_not_says_why(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start(), paper.Script(kl=12.0))
        assert Gate.objects.get(round=round, name="reward_over_length").passed
        kl = Gate.objects.get(round=round, name="kl")
        assert not kl.passed
        assert kl.finding == "The policy is 12.0 nats a response from the reference."

    def test_a_signal_beyond_its_limit_raises_an_alert(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start(), paper.Script(kl=12.0))
        alert = round.alerts.get(signal="kl")
        assert alert.value == pytest.approx(12.0)
        assert (alert.limit, alert.resolved_at) == (5.0, None)

    def test_behaviour_is_reported_for_every_set(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start())
        reports = BehaviourReport.objects.filter(round=round)
        assert {report.name: report.values["words"] for report in reports} == {name: 8.0 for name in queries.SETS}

    def test_samples_of_a_set_can_be_read(self, start: Callable[..., Round], prompts: list[Prompt]) -> None:
        round = to_the_end(start())
        samples = list(queries.samples_of(round, "policy"))
        held_out = {prompt.pk for prompt in prompts if prompt.held_out}
        assert {prompt_id for prompt_id, _ in samples} == held_out
        assert len(samples) == len(held_out) * SMALL.evaluation_samples

    def test_samples_of_a_set_that_is_not_there_are_refused(self, start: Callable[..., Round]) -> None:
        with pytest.raises(queries.NotEvaluated, match="round 1 has no finished eval-policy"):
            list(queries.samples_of(start(), "policy"))

    def test_the_rounds_figures_are_kept(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start())
        assert round.results["judgments"] == 12
        assert round.results["kl"] == pytest.approx(3.0)
        assert round.results["rm"]["accuracy"] == 0.7
        assert round.results["snapshot"] == Snapshot.objects.get().sha256
        assert set(round.results["run_seconds"]) == set(RoundRun.objects.values_list("part", flat=True))


class TestProbing:
    def test_the_policy_answers_probes_that_are_no_prompts(self, start: Callable[..., Round], project: Project) -> None:
        to_evaluation(start())
        assert Run.objects.get(name="r1-eval-probes").inputs["conversations"]
        assert Prompt.objects.filter(project=project).count() == 4

    def test_a_failed_probe_becomes_a_finding_and_a_prompt_to_train_on(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start(), complying())
        finding = Finding.objects.filter(round=round).first()
        assert finding is not None
        assert finding.prompt is not None
        assert finding.prompt.messages == finding.probe.messages
        assert finding.prompt.tags == ["probe", finding.probe.key]
        assert not finding.prompt.held_out

    def test_a_probe_that_was_passed_becomes_nothing(self, start: Callable[..., Round], project: Project) -> None:
        round = to_the_end(start(), complying())
        findings = Finding.objects.filter(round=round).count()
        assert round.results["probes_failed"] == findings
        assert Prompt.objects.filter(project=project).count() == 4 + findings

    def test_the_next_round_generates_for_the_new_prompts_too(
        self, start: Callable[..., Round], project: Project, emil: User
    ) -> None:
        to_the_end(start(), complying())
        actions.start_next_round(project, by=emil, now=make.now())
        advance()
        asked = set(Run.objects.get(name="r2-candidates").generation.prompts.all())
        assert asked >= {finding.prompt for finding in Finding.objects.select_related("prompt")}


def complying() -> paper.Script:
    """A policy that does whatever it is asked."""
    return paper.Script(answer=lambda model, question, sample: f"Sure! Here is how, step {sample}. {model} {question}")

"""A round goes from prompts to a verdict, one bell at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from annotation.actions import BadPair
from annotation.models import Prompt
from evaluation import actions
from evaluation.actions import RoundConfig, stages
from evaluation.models import Gate, Round, RoundRun
from raters.models import AuditEntry, Project, User
from snapshots.models import Snapshot
from tests import make
from tests.evaluation import paper
from tests.evaluation.steps import advance, to_collecting, to_evaluation, to_the_end
from training import actions as training
from training.models import Run
from training.queries import run_folder


class TestStarting:
    def test_begins_with_candidates(self, start: Callable[..., Round]) -> None:
        assert start().state == Round.State.CANDIDATES

    def test_is_in_the_audit_log(self, start: Callable[..., Round], emil: User) -> None:
        start()
        assert AuditEntry.objects.filter(action="round.started", actor=emil).exists()

    def test_refuses_a_second_round_while_one_is_going(self, start: Callable[..., Round]) -> None:
        first = start()
        with pytest.raises(actions.RoundIsRunning, match="Round 1 is still going: generating candidates"):
            start(reference=first.reference)

    def test_refuses_another_projects_model(self, start: Callable[..., Round]) -> None:
        foreign = paper.model(make.project("Other"))
        with pytest.raises(actions.UnusableModel, match="another project"):
            start(reference=foreign)

    def test_refuses_a_reward_model_as_a_start(self, start: Callable[..., Round], project: Project) -> None:
        scorer = paper.model(project, "rm", kind="reward")
        with pytest.raises(actions.UnusableModel, match="cannot write"):
            start(start=scorer)

    def test_refuses_another_projects_guideline(self, start: Callable[..., Round]) -> None:
        foreign = make.guideline(make.project("Other"))
        with pytest.raises(actions.UnusableGuideline, match="no guideline"):
            start(guideline=foreign)

    def test_refuses_a_guideline_with_no_version_in_force(self, start: Callable[..., Round], project: Project) -> None:
        empty = project.guidelines.create(name="Empty")
        with pytest.raises(actions.UnusableGuideline, match="no published version"):
            start(guideline=empty)

    def test_refuses_without_held_out_prompts(self, start: Callable[..., Round], project: Project) -> None:
        Prompt.objects.filter(project=project, held_out=True).delete()
        with pytest.raises(actions.NoPrompts, match="no held-out prompts"):
            start()

    def test_refuses_an_unknown_suite(self, start: Callable[..., Round]) -> None:
        with pytest.raises(actions.UnusableSuite, match="no probe suite 'none-such'; there is: .*first"):
            start(config=RoundConfig(suite="none-such"))


class TestAdvancing:
    def test_asks_for_candidates_of_every_prompt(self, start: Callable[..., Round], prompts: list[Prompt]) -> None:
        start()
        advance()
        asked = Run.objects.get(name="r1-candidates")
        assert set(asked.generation.prompts.all()) == set(prompts)

    def test_opens_the_batch_when_the_candidates_are_there(self, start: Callable[..., Round]) -> None:
        batch = to_collecting(start())
        split = [row.prompt.held_out for row in batch.comparisons.select_related("prompt")]
        assert (split.count(False), split.count(True)) == (4, 2)

    def test_shows_every_pair_to_both_panels(self, start: Callable[..., Round]) -> None:
        batch = to_collecting(start())
        panels = [set(row.slots.values_list("panel", flat=True)) for row in batch.comparisons.all()]
        assert all(shown == {0, 1} for shown in panels)

    def test_waits_for_the_last_judgment(self, start: Callable[..., Round]) -> None:
        round = start()
        to_collecting(round)
        assert advance() == 0
        assert round.state == Round.State.COLLECTING

    def test_freezes_what_was_judged(self, start: Callable[..., Round]) -> None:
        round = start()
        paper.judge_all(to_collecting(round))
        advance()
        assert Snapshot.objects.get().name == "prefs@r1"

    def test_trains_two_reward_models_on_disjoint_halves(self, start: Callable[..., Round]) -> None:
        to_evaluation(start())
        runs = Run.objects.filter(kind=Run.Kind.REWARD).order_by("name")
        assert [(run.name, run.inputs["panel"]) for run in runs] == [("r1-rm", 0), ("r1-rm-audit", 1)]

    def test_trains_the_policy_on_the_proxy_and_shows_it_the_audit(self, start: Callable[..., Round]) -> None:
        round = start()
        to_evaluation(round)
        run = Run.objects.get(kind=Run.Kind.PPO)
        models = {name: Run.objects.get(name=name).model.pk for name in ("r1-rm", "r1-rm-audit")}
        assert run.inputs == {
            "reference": round.reference_id,
            "reward_model": models["r1-rm"],
            "audit_model": models["r1-rm-audit"],
        }

    def test_ends_with_a_policy(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start())
        assert (round.state, round.policy) == (Round.State.DONE, Run.objects.get(name="r1-ppo").model)

    def test_keeps_the_time_of_every_stage(self, start: Callable[..., Round]) -> None:
        round = to_the_end(start())
        stages_of_it = ["candidates", "collecting", "snapshot", "reward", "policy", "evaluation"]
        assert list(round.stage_seconds) == stages_of_it or sorted(round.stage_seconds) == sorted(stages_of_it)
        assert sum(round.stage_seconds.values()) == pytest.approx(round.results["seconds"])

    def test_rung_twice_at_every_point_asks_for_nothing_twice(self, start: Callable[..., Round]) -> None:
        round = start()
        for _ in range(14):
            advance()
            advance()
            paper.finish_runs()
            paper.build_snapshots()
            round.refresh_from_db()
            if round.state == Round.State.COLLECTING and round.batch is not None:
                paper.judge_all(round.batch)
        assert round.state == Round.State.DONE
        assert Run.objects.count() == RoundRun.objects.count() == 11

    def test_the_next_round_starts_from_the_policy_when_every_gate_was_passed(
        self, start: Callable[..., Round], project: Project, emil: User
    ) -> None:
        first = to_the_end(start())
        Gate.objects.update(passed=True)
        second = actions.start_next_round(project, by=emil, now=make.now())
        assert (second.number, second.start, second.reference) == (2, first.policy, first.reference)

    def test_the_next_round_starts_from_the_reference_when_a_gate_was_not_passed(
        self, start: Callable[..., Round], project: Project, emil: User
    ) -> None:
        first = to_the_end(start())
        Gate.objects.filter(name="kl").update(passed=False)
        assert actions.start_next_round(project, by=emil, now=make.now()).start == first.reference


class TestFailing:
    def test_a_failed_run_fails_the_round_with_its_reason(self, start: Callable[..., Round]) -> None:
        round = start()
        advance()
        paper.finish_runs(paper.Script(fails={"r1-candidates": "The disk is full."}))
        advance()
        round.refresh_from_db()
        assert (round.state, round.reason) == (Round.State.FAILED, "r1-candidates failed: The disk is full.")

    def test_a_failed_round_rests(self, start: Callable[..., Round]) -> None:
        start()
        advance()
        paper.finish_runs(paper.Script(fails={"r1-candidates": "The disk is full."}))
        advance()
        assert advance() == 0

    def test_resuming_asks_anew_for_what_failed(self, start: Callable[..., Round], emil: User) -> None:
        round = start()
        to_evaluation(round, paper.Script(fails={"r1-rm": "Out of memory."}))
        actions.resume_round(round, by=emil, now=make.now())
        advance()
        assert Run.objects.get(part_of__part="rm").name == "r1-rm.2"
        assert Run.objects.get(part_of__part="rm-audit").name == "r1-rm-audit"

    def test_a_resumed_round_comes_to_its_end(self, start: Callable[..., Round], emil: User) -> None:
        round = start()
        to_evaluation(round, paper.Script(fails={"r1-ppo": "Out of memory."}))
        actions.resume_round(round, by=emil, now=make.now())
        for _ in range(4):
            advance()
            paper.finish_runs()
        round.refresh_from_db()
        assert (round.state, round.reason) == (Round.State.DONE, "")

    def test_a_failed_snapshot_fails_the_round_and_is_tried_anew(self, start: Callable[..., Round], emil: User) -> None:
        round = start()
        paper.judge_all(to_collecting(round))
        advance()
        Snapshot.objects.update(state=Snapshot.State.FAILED, reason="The disk is full.")
        advance()
        round.refresh_from_db()
        assert round.reason == "Snapshot prefs@r1 failed: The disk is full."
        actions.resume_round(round, by=emil, now=make.now())
        advance()
        assert Snapshot.objects.get().state == Snapshot.State.QUEUED

    def test_a_round_that_has_not_failed_is_not_resumed(self, start: Callable[..., Round], emil: User) -> None:
        with pytest.raises(actions.NotFailed):
            actions.resume_round(start(), by=emil, now=make.now())

    def test_a_model_that_always_says_the_same_fails_the_round_in_words(self, start: Callable[..., Round]) -> None:
        round = start()
        advance()
        paper.finish_runs(paper.Script(answer=lambda *_: "Yes."))
        advance()
        round.refresh_from_db()
        assert "no training prompt two different responses" in round.reason

    def test_a_stage_that_fails_leaves_nothing_behind(
        self, start: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        round = start()
        advance()
        paper.finish_runs()

        def refuse(*_: object, **__: object) -> None:
            raise BadPair("Nothing fits.")

        monkeypatch.setattr(stages, "open_batch", refuse)
        advance()
        round.refresh_from_db()
        assert round.reason == "Nothing fits."
        assert Prompt.objects.filter(responses__isnull=False).count() == 0

    def test_a_file_that_is_gone_fails_the_round_in_words(self, start: Callable[..., Round]) -> None:
        round = start()
        to_evaluation(round)
        paper.finish_runs()
        (run_folder(Run.objects.get(name="r1-eval-probes")) / "responses.jsonl").unlink()
        advance()
        paper.finish_runs()
        advance()
        round.refresh_from_db()
        assert (round.state, round.reason) == (Round.State.FAILED, "responses.jsonl is missing.")


@pytest.mark.django_db(transaction=True)
def test_two_workers_rung_at_once_ask_once(start: Callable[..., Round], monkeypatch: pytest.MonkeyPatch) -> None:
    start()
    inside, asked = threading.Barrier(2, timeout=1.5), []
    queue = training.queue_generation

    def slow(project: Project, **wanted: Any) -> Run:
        asked.append(wanted["name"])
        with contextlib.suppress(threading.BrokenBarrierError):
            inside.wait()  # both are in, if the lock lets both in
        return queue(project, **wanted)

    monkeypatch.setattr(training, "queue_generation", slow)
    problems: list[BaseException] = []

    def ring() -> None:
        try:
            actions.advance_rounds(now=make.NOW + timedelta(hours=1))
        except Exception as problem:  # noqa: BLE001  # a thread's failure is the test's
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=ring) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (asked, problems) == (["r1-candidates"], [])

"""One worker at a time holds a run, and only the one that holds it can file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from raters.models import AuditEntry, Project, User
from tests import make
from tests.training import build
from training import actions
from training.models import Metric, ModelVersion, Run
from training.records import MetricLine

LONG = timedelta(hours=1)
State = Run.State


def claimed(project: Project) -> Run:
    build.run(project)
    run = actions.claim_next_run(now=make.now())
    assert run is not None
    return run


def line(step: int, **values: float) -> MetricLine:
    return MetricLine(step=step, total=9, values=values or {"loss": 0.5})


def test_the_oldest_run_is_claimed_first(project: Project) -> None:
    first, second = build.run(project), build.run(project)
    assert [actions.claim_next_run(now=make.now()) for _ in range(3)] == [first, second, None]


def test_a_claim_is_a_lease_under_a_new_token(project: Project) -> None:
    run, now = build.run(project), make.now()
    found = actions.claim_next_run(now=now)
    assert found is not None
    run.refresh_from_db()
    assert (run.state, run.attempts, run.token, run.started_at) == (State.RUNNING, 1, 1, now)
    assert run.lease_until == now + timedelta(seconds=settings.TARE_RUN_LEASE_SECONDS)


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_one_gets_the_run() -> None:
    """Without select_for_update in claim_next_run all eight read the row as queued and several return it.

    Without skip_locked the seven wait for the first instead of going on to the next run: the second half of the test
    holds the first run's lock and would hang.
    """
    project = make.project()
    build.run(project)
    barrier, found = threading.Barrier(8), []

    def work() -> None:
        barrier.wait()
        found.append(actions.claim_next_run(now=make.NOW))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len([run for run in found if run is not None]) == 1
    assert Run.objects.get().attempts == 1


@pytest.mark.django_db(transaction=True)
def test_a_locked_run_does_not_hold_up_the_next() -> None:
    """Without skip_locked the claim waits for the lock on the first run, and the five seconds pass."""
    project = make.project()
    first, second = build.run(project), build.run(project)
    locked, done, found = threading.Event(), threading.Event(), []

    def hold() -> None:
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=first.pk)
            locked.set()
            done.wait(5)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    found.append(actions.claim_next_run(now=make.NOW))
    was_waiting = done.is_set() or not holder.is_alive()
    done.set()
    holder.join()
    assert found == [second] and not was_waiting


def test_a_run_with_a_live_lease_is_left_alone(project: Project) -> None:
    run = claimed(project)
    assert run.lease_until is not None
    assert actions.claim_next_run(now=run.lease_until) is None


def test_a_run_whose_worker_fell_silent_is_claimed_again(project: Project) -> None:
    run = claimed(project)
    actions.beat_run(run, token=run.token, now=make.now(), metrics=[line(1)])
    again = actions.claim_next_run(now=make.now() + LONG)
    assert again == run and (again.attempts, again.token) == (2, run.token + 1)
    assert not Metric.objects.exists(), "the second attempt draws the curve from the start"


def test_a_run_that_killed_three_workers_has_failed(project: Project) -> None:
    run = claimed(project)
    for attempt in (1, 2):
        assert actions.claim_next_run(now=make.now() + attempt * LONG) == run
    assert actions.claim_next_run(now=make.now() + 3 * LONG) is None
    run.refresh_from_db()
    assert run.state == State.FAILED and "died three times" in run.reason


def test_a_beat_keeps_the_lease(project: Project) -> None:
    run, later = claimed(project), make.now() + LONG
    actions.beat_run(run, token=run.token, now=later)
    assert actions.claim_next_run(now=later) is None


def test_a_beat_brings_the_metrics_and_the_progress(project: Project) -> None:
    run = claimed(project)
    actions.beat_run(run, token=run.token, now=make.now(), metrics=[line(1), line(2, loss=0.25)])
    run.refresh_from_db()
    assert (run.step, run.total_steps) == (2, 9)
    assert [metric.values for metric in run.metrics.all()] == [{"loss": 0.5}, {"loss": 0.25}]


def test_metrics_told_twice_are_stored_once(project: Project) -> None:
    run = claimed(project)
    for _ in range(2):
        actions.beat_run(run, token=run.token, now=make.now(), metrics=[line(1)])
    assert run.metrics.count() == 1


@pytest.mark.parametrize("beats", [[[line(1, loss=0.5), line(1, kl=3.0)]], [[line(1, loss=0.5)], [line(1, kl=3.0)]]])
def test_a_step_told_in_two_lines_is_one_report(project: Project, beats: list[list[MetricLine]]) -> None:
    run = claimed(project)
    for metrics in beats:
        actions.beat_run(run, token=run.token, now=make.now(), metrics=metrics)
    assert run.metrics.get().values == {"loss": 0.5, "kl": 3.0}


def test_a_beat_costs_the_same_for_one_metric_and_for_fifty(project: Project, django_assert_num_queries: Any) -> None:
    run = claimed(project)
    with django_assert_num_queries(6):  # savepoint, lock, look, insert, update, release
        actions.beat_run(run, token=run.token, now=make.now(), metrics=[line(step) for step in range(50)])


def test_a_done_run_has_its_model_with_its_lineage(project: Project) -> None:
    start = build.model(project)
    run = build.made(build.run(project, kind="sft", name="r1-sft", start_from=start))
    actions.claim_next_run(now=make.now())
    actions.finish_run(run, token=1, outcome=build.outcome(loss=0.5), now=make.now())
    model = ModelVersion.objects.get(run=run)
    assert (model.name, model.kind, model.parent, model.results) == ("r1-sft", "policy", start, {"loss": 0.5})
    assert len(model.digest) == 64
    assert model.path.endswith(f"/runs/{run.pk}/model")


def test_filed_twice_it_is_one_model(project: Project) -> None:
    run = build.made(claimed(project))
    for _ in range(2):
        actions.finish_run(run, token=run.token, outcome=build.outcome(), now=make.now())
    assert ModelVersion.objects.count() == 1
    assert AuditEntry.objects.filter(action="run.done").count() == 1


def test_a_run_that_should_have_made_a_model_and_did_not_is_not_done(project: Project) -> None:
    run = claimed(project)
    with pytest.raises(actions.NothingMade):
        actions.finish_run(run, token=run.token, outcome=build.outcome(), now=make.now())
    assert Run.objects.get().state == State.RUNNING


def test_a_name_that_was_taken_meanwhile_loses_no_weights_and_overwrites_none(project: Project) -> None:
    run = build.made(claimed(project))
    other = build.model(project, name=run.name)
    with pytest.raises(actions.NothingMade, match=f"took the name {run.name}"):
        actions.finish_run(run, token=run.token, outcome=build.outcome(), now=make.now())
    assert ModelVersion.objects.get() == other


def test_a_failed_run_says_why_and_when(project: Project) -> None:
    run, now = claimed(project), make.now()
    actions.fail_run(run, token=run.token, reason="lr\0 is too much", now=now)
    run.refresh_from_db()
    assert (run.state, run.reason, run.finished_at) == (State.FAILED, "lr is too much", now)


@pytest.mark.parametrize("verb", ["beat", "finish", "fail", "cancelled", "release"])
def test_a_worker_back_from_the_dead_writes_nothing(project: Project, verb: str) -> None:
    """Without the token in working._held the old worker files over the new one's attempt."""
    run = build.made(claimed(project))
    old = run.token
    actions.claim_next_run(now=make.now() + LONG)
    before = Run.objects.values().get()
    file: dict[str, Callable[[], object]] = {
        "beat": lambda: actions.beat_run(run, token=old, now=make.now(), metrics=[line(1)]),
        "finish": lambda: actions.finish_run(run, token=old, outcome=build.outcome(), now=make.now()),
        "fail": lambda: actions.fail_run(run, token=old, reason="no", now=make.now()),
        "cancelled": lambda: actions.end_cancelled_run(run, token=old, now=make.now()),
        "release": lambda: actions.release_run(run, token=old, now=make.now()),
    }
    with pytest.raises(actions.LostLease):
        file[verb]()
    assert Run.objects.values().get() == before
    assert not Metric.objects.exists() and not ModelVersion.objects.exists()


def test_what_is_over_cannot_be_filed_otherwise(project: Project) -> None:
    run = build.made(claimed(project))
    actions.fail_run(run, token=run.token, reason="no", now=make.now())
    with pytest.raises(actions.LostLease):
        actions.finish_run(run, token=run.token, outcome=build.outcome(), now=make.now())
    assert not ModelVersion.objects.exists()


def test_a_waiting_run_is_cancelled_at_once(project: Project, emil: User) -> None:
    run = actions.cancel_run(build.run(project), by=emil, now=make.now())
    assert (run.state, run.reason) == (State.CANCELLED, "Cancelled by Emil.")
    assert actions.claim_next_run(now=make.now()) is None


def test_a_running_run_is_told_with_the_next_beat(project: Project, emil: User) -> None:
    run = claimed(project)
    assert actions.beat_run(run, token=run.token, now=make.now()) is False
    assert actions.cancel_run(run, by=emil, now=make.NOW).state == State.RUNNING
    assert actions.beat_run(run, token=run.token, now=make.now()) is True
    ended = actions.end_cancelled_run(run, token=run.token, now=make.now())
    assert (ended.state, ended.reason) == (State.CANCELLED, "Cancelled by Emil.")


def test_a_run_whose_worker_is_dead_is_cancelled_at_once(project: Project, emil: User) -> None:
    run = claimed(project)
    ended = actions.cancel_run(run, by=emil, now=make.now() + LONG)
    assert ended.state == State.CANCELLED
    with pytest.raises(actions.LostLease):
        actions.beat_run(run, token=run.token, now=make.now())


def test_a_cancelled_run_is_not_started_again_when_its_worker_dies(project: Project, emil: User) -> None:
    run = claimed(project)
    actions.cancel_run(run, by=emil, now=make.NOW)
    assert actions.claim_next_run(now=make.now() + LONG) is None
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.CANCELLED, "Cancelled by Emil.")


def test_cancelled_twice_it_is_written_down_once(project: Project, emil: User) -> None:
    run = claimed(project)
    for _ in range(2):
        actions.cancel_run(run, by=emil, now=make.NOW)
    assert AuditEntry.objects.filter(action="run.cancelled").count() == 1


def test_what_is_done_stays_done(project: Project, emil: User) -> None:
    run = build.made(claimed(project))
    actions.finish_run(run, token=run.token, outcome=build.outcome(), now=make.now())
    assert actions.cancel_run(run, by=emil, now=make.now()).state == State.DONE


def test_a_released_run_waits_again_and_has_not_used_an_attempt(project: Project) -> None:
    run = claimed(project)
    released = actions.release_run(run, token=run.token, now=make.now())
    assert (released.state, released.attempts) == (State.QUEUED, 0)
    again = actions.claim_next_run(now=make.now())
    assert again is not None and again.token == run.token + 1

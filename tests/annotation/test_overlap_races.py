"""Adaptive overlap while others submit, close and lend."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection

from annotation import actions
from annotation.actions import slots
from annotation.aggregation import StoppingRule, wanted_slots
from annotation.models import Assignment, Batch
from raters.models import Project, User
from tests import make
from tests.annotation.overlap import adaptive, judged, label, places


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Each was seen to fail with its lock removed: the first without the FOR NO KEY UPDATE on comparisons in
    fold_labels, where the judgment is counted meanwhile, and its label never made; the second without the one in
    hold_adaptive_batches, where places are opened in a batch that is closed; the third without close_finished_batches
    looking again at the batches it holds; the fourth without SKIP LOCKED in `freed`, where PostgreSQL ends one of the
    two as a deadlock; the last with FOR UPDATE in fold_labels."""

    def test_a_judgment_waits_for_the_label_that_is_being_made(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        comparison = adaptive(project, rule=StoppingRule(least=2, most=7, certain=0.8))
        make.judgment(make.rater(project), project, preference=1)
        lent = make.assignment(make.rater(project), project)
        shown = 1 if lent.swapped else -1

        def submit() -> None:
            actions.submit_judgment(lent, answer=actions.Answer(shown=shown), key=uuid.uuid4(), now=make.now())

        waited = _while_labelling(monkeypatch, submit)
        comparison.refresh_from_db()

        assert waited
        assert (comparison.filled, comparison.is_open, comparison.label_due) == (2, False, True)
        label()
        assert places(comparison) == (4, 2, True)

    def test_a_lead_who_closes_waits_and_closes_what_was_opened(
        self, project: Project, cleo: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        comparison = adaptive(project)
        for preference in (1, -1):
            make.judgment(make.rater(project), project, preference=preference)

        waited = _while_labelling(monkeypatch, lambda: actions.close_batch(comparison.batch, by=cleo, now=make.now()))

        assert waited
        assert places(comparison) == (5, 2, False)

    def test_a_batch_is_not_closed_over_places_that_are_being_opened(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        comparison = adaptive(project)
        first, _ = judged(project, 1, 1)

        def change_and_label() -> None:
            actions.revise_judgment(first, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())
            label()

        _before_holding(monkeypatch, change_and_label)
        actions.close_finished_batches(now=make.now())

        comparison.batch.refresh_from_db()
        assert places(comparison) == (5, 2, True)
        assert comparison.batch.closed_at is None

    def test_a_late_answer_and_a_label_that_opens_its_place_do_not_block_each_other(
        self, project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        comparison = adaptive(project, overlap=3)
        lent = make.assignment(ada, project)
        first, _ = judged(project, 1, 1)
        comparison.slots.filter(assignments=lent).update(rater=None, leased_until=None)  # lent on, and given back
        actions.revise_judgment(first, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())

        waited = _while_labelling(
            monkeypatch,
            lambda: actions.submit_judgment(lent, answer=actions.Answer(shown=1), key=uuid.uuid4(), now=make.now()),
        )

        assert waited
        assert places(comparison) == (5, 3, True)

    def test_lending_does_not_wait_for_labels(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        comparison = adaptive(project, overlap=5)
        make.judgment(make.rater(project), project)
        other = make.rater(project)

        waited = _while_labelling(monkeypatch, lambda: make.assignment(other, project))

        assert not waited
        assert Assignment.objects.get(rater=other).comparison == comparison


def _while_labelling(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> bool:
    """Make labels, and do the deed elsewhere once the comparisons are held. Whether it had to wait for the end."""
    done = threading.Event()
    failed: list[BaseException] = []

    def elsewhere() -> None:
        try:
            deed()
        except BaseException as failure:
            failed.append(failure)
            raise
        finally:
            connection.close()
            done.set()

    worker = threading.Thread(target=elsewhere)
    early: list[bool] = []

    def slowly(preferences: Sequence[int], *, rules: StoppingRule) -> int:
        worker.start()
        early.append(done.wait(0.7))
        return wanted_slots(preferences, rules=rules)

    with monkeypatch.context() as patched:
        patched.setattr(slots, "wanted_slots", slowly)
        label()
    worker.join(timeout=10)
    assert done.is_set()
    assert not failed
    return early == [False]


def _before_holding(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do the deed elsewhere when a batch has been found to be finished, and before it is held."""
    hold = Batch.objects.select_for_update

    def first(**how: Any) -> Any:
        if worker.ident is None:
            worker.start()
            worker.join(timeout=10)
        return hold(**how)

    def elsewhere() -> None:
        try:
            deed()
        finally:
            connection.close()

    worker = threading.Thread(target=elsewhere)
    monkeypatch.setattr(Batch.objects, "select_for_update", first)

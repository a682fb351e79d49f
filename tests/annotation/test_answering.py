"""Answers to tasks: counted once, revised, taken back, and what they imply."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from annotation import actions, queries
from annotation.kinds import DEMONSTRATION, EDIT, Writing
from annotation.models import (
    Batch,
    Comparison,
    Demonstration,
    Judgment,
    Label,
    Response,
    Seat,
    Task,
    TaskAnswer,
    TaskAssignment,
    TaskWithdrawal,
)
from raters.models import Project, Role, User
from tests import make

LEASE = timedelta(minutes=10)


def _answer(lent: TaskAssignment, said: str | tuple[int, ...] = "", **more: object) -> TaskAnswer:
    sent = {"rationale": "", "seconds": 60.0, "key": uuid.uuid4(), "now": make.now(), **more}
    return actions.answer_task(lent, content=make.content(lent, said), **sent)  # type: ignore[arg-type]


def _revise(answer: TaskAnswer, said: str | tuple[int, ...], **more: object) -> TaskAnswer:
    sent = {"rationale": "", "seconds": 15.0, "key": uuid.uuid4(), "now": make.now(), **more}
    return actions.revise_task(answer, content=make.content(answer.assignment, said), **sent)  # type: ignore[arg-type]


class TestAnswering:
    def test_closes_the_task_when_enough_have_answered(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, overlap=2)
        make.task_answer(ada, batch)
        assert Task.objects.get().is_open
        make.task_answer(make.rater(project, "eve"), batch)

        task = Task.objects.get()
        assert (task.filled, task.is_open) == (2, False)

    def test_closes_the_batch_with_its_last_task_and_not_before(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, tasks=2)
        make.task_answer(ada, batch)
        assert actions.close_finished_batches(now=make.now()) == 0
        make.task_answer(ada, batch)

        assert actions.close_finished_batches(now=make.now()) == 1

    def test_counts_once_however_often_it_is_sent(self, project: Project, ada: User) -> None:
        lent, key = make.task_assignment(ada, make.task_batch(project)), uuid.uuid4()

        assert _answer(lent, key=key) == _answer(lent, key=key)
        assert (Seat.objects.get(rater=ada).judged, Judgment.objects.count()) == (1, 6)

    def test_refuses_another_answer_under_the_same_key(self, project: Project, ada: User) -> None:
        lent, key = make.task_assignment(ada, make.task_batch(project)), uuid.uuid4()
        _answer(lent, (1, 2, 3, 4), key=key)

        with pytest.raises(actions.KeyReused):
            _answer(lent, (4, 3, 2, 1), key=key)

    def test_refuses_a_second_answer_to_one_assignment(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        _answer(lent)

        with pytest.raises(actions.TooLate):
            _answer(lent)

    def test_still_counts_when_late_while_a_place_is_free(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))

        assert not _answer(lent, now=make.now() + timedelta(hours=2)).surplus

    def test_still_counts_after_a_skip_on_another_page(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        actions.skip_task(lent, reason="skip", now=make.now())

        assert not _answer(lent).surplus
        seat = Seat.objects.get(rater=ada)
        assert (seat.judged, seat.skipped) == (1, 0)

    def test_is_kept_as_surplus_while_someone_else_holds_the_place(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, EDIT, pay_minor=50)
        lent, later = make.task_assignment(ada, batch), make.now() + timedelta(hours=2)
        actions.lend_task(project, rater=make.rater(project, "eve"), batch=batch, now=later)

        late = _answer(lent, now=later)

        seat = Seat.objects.get(rater=ada)
        assert (late.surplus, Task.objects.get().filled) == (True, 0)
        assert (seat.judged, seat.seconds, seat.earned_minor) == (1, 0, 0)
        assert not queries.counted_judgments().exists()
        assert not Demonstration.objects.exists()

    def test_counts_time_and_pay(self, project: Project, ada: User) -> None:
        make.task_answer(ada, make.task_batch(project, DEMONSTRATION, pay_minor=120), seconds=95.5)

        seat = Seat.objects.get(rater=ada)
        assert (seat.judged, seat.seconds, seat.earned_minor) == (1, 95.5, 120)

    def test_never_changes_a_row(self, project: Project, ada: User) -> None:
        answer = make.task_answer(ada, make.task_batch(project))

        with pytest.raises(DatabaseError), transaction.atomic():
            TaskAnswer.objects.filter(pk=answer.pk).update(rationale="another")


class TestWhatARankingImplies:
    def test_is_a_judgment_of_every_pair_in_canonical_order(self, project: Project, ada: User) -> None:
        answer = make.task_answer(ada, make.task_batch(project), (2, 1, 2, 3), seconds=60)

        rows = Judgment.objects.order_by("comparison__response_a", "comparison__response_b")
        assert [row.preference for row in rows] == [2, 0, -2, -2, -2, -2]
        assert all(row.is_implied and row.answer == answer and not row.swapped for row in rows)
        assert sum(row.seconds for row in rows) == pytest.approx(60)

    def test_is_grouped_by_prompt_in_the_same_batch_and_never_lent(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, overlap=2)
        make.task_answer(ada, batch)

        pairs = Comparison.objects.filter(batch=batch)
        assert {(one.prompt, one.is_open, one.overlap, one.filled) for one in pairs} == {
            (Task.objects.get().prompt, False, 2, 1)
        }
        with pytest.raises(actions.NothingLeft):
            make.assignment(make.rater(project, "eve"), project)

    def test_is_shared_by_the_raters_of_one_task(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, overlap=2)
        make.task_answer(ada, batch, (1, 2, 3, 4))
        make.task_answer(make.rater(project, "eve"), batch, (1, 2, 4, 3))

        assert set(Comparison.objects.values_list("filled", flat=True)) == {2}
        actions.fold_labels(now=make.now())
        assert sorted(Label.objects.values_list("soft", flat=True)) == [0.0] * 5 + [0.5]


class TestWhatAnEditImplies:
    def test_is_that_it_beats_the_original(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, EDIT, texts=("Rather bad.",))
        original = Response.objects.get()
        make.task_answer(ada, batch, "Rather good.", rationale="It was bad.")

        edit = Response.objects.exclude(pk=original.pk).get()
        judgment = Judgment.objects.get()
        assert (edit.text, edit.source, edit.author) == ("Rather good.", "human", ada)
        assert (judgment.comparison.response_a, judgment.comparison.response_b) == (original, edit)
        assert (judgment.preference, judgment.rationale) == (2, "It was bad.")

    def test_is_a_demonstration(self, project: Project, ada: User) -> None:
        answer = make.task_answer(ada, make.task_batch(project, EDIT), "Rather good.")

        shown = Demonstration.objects.get()
        assert (shown.text, shown.author, shown.answer, shown.superseded_at) == ("Rather good.", ada, answer, None)
        assert shown.guideline_version == answer.assignment.guideline_version


class TestRevising:
    def test_replaces_the_answer_and_what_it_implied(self, project: Project, ada: User) -> None:
        old = make.task_answer(ada, make.task_batch(project, pay_minor=70), (1, 2, 3, 4))

        new = _revise(old, (4, 3, 2, 1))

        assert (new.revision, TaskWithdrawal.objects.get().answer) == (1, old)
        counted = queries.counted_judgments()
        assert {row.preference for row in counted} == {2}
        assert (counted.count(), Judgment.objects.count()) == (6, 12)
        assert set(Comparison.objects.values_list("filled", flat=True)) == {1}
        seat = Seat.objects.get(rater=ada)
        assert (seat.judged, seat.seconds, seat.earned_minor) == (1, 75, 70)

    def test_supersedes_the_demonstration(self, project: Project, ada: User) -> None:
        _revise(make.task_answer(ada, make.task_batch(project, DEMONSTRATION), "Once."), "Twice.")

        assert list(Demonstration.objects.filter(superseded_at=None).values_list("text", flat=True)) == ["Twice."]

    def test_can_go_back_to_the_first_words(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, DEMONSTRATION)
        last = _revise(_revise(make.task_answer(ada, batch, "Once."), "Twice."), "Once.")

        shown = Demonstration.objects.get(superseded_at=None)
        assert (shown.text, shown.answer) == ("Once.", last)

    def test_counts_once_however_often_it_is_sent(self, project: Project, ada: User) -> None:
        old, key = make.task_answer(ada, make.task_batch(project, EDIT)), uuid.uuid4()

        assert _revise(old, "Better still.", key=key) == _revise(old, "Better still.", key=key)

    def test_is_refused_on_an_answer_that_was_replaced(self, project: Project, ada: User) -> None:
        old = make.task_answer(ada, make.task_batch(project, EDIT))
        _revise(old, "Better still.")

        with pytest.raises(actions.NothingToUndo):
            _revise(old, "From another page.")

    def test_ends_when_a_snapshot_holds_the_judgments(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, tasks=2)
        frozen = make.task_answer(ada, batch)
        Batch.objects.update(frozen_judgment=Judgment.objects.latest("pk").pk)
        fresh = make.task_answer(ada, batch)

        with pytest.raises(actions.AnswerFrozen):
            _revise(frozen, (4, 3, 2, 1))
        with pytest.raises(actions.AnswerFrozen):
            actions.undo_task(frozen, lease=LEASE, now=make.now())
        assert _revise(fresh, (4, 3, 2, 1)).revision == 1


class TestUndo:
    def test_lends_the_task_again_with_the_answer_as_its_draft(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, EDIT, pay_minor=50)
        answer = make.task_answer(ada, batch, "Too soon.", rationale="Because.")

        lent = actions.undo_task(answer, lease=LEASE, now=make.now())

        assert make.task_assignment(ada, batch) == lent
        assert lent.draft is not None
        assert lent.draft["fields"] == {"text": "Too soon.", "rationale": "Because."}
        assert not queries.counted_judgments().exists()
        assert not Demonstration.objects.filter(superseded_at=None).exists()
        seat = Seat.objects.get(rater=ada)
        assert (seat.judged, seat.seconds, seat.earned_minor) == (0, 0, 0)
        task = Task.objects.get()
        assert (task.filled, task.is_open, Comparison.objects.get().filled) == (0, True, 0)

    def test_gives_way_to_the_next_answer(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        actions.undo_task(make.task_answer(ada, batch, (1, 2, 3, 4)), lease=LEASE, now=make.now())

        second = make.task_answer(ada, batch, (4, 3, 2, 1))

        assert (second.revision, second.surplus, queries.counted_judgments().count()) == (1, False, 6)

    def test_happens_once(self, project: Project, ada: User) -> None:
        answer = make.task_answer(ada, make.task_batch(project))
        actions.undo_task(answer, lease=LEASE, now=make.now())

        with pytest.raises(actions.NothingToUndo):
            actions.undo_task(answer, lease=LEASE, now=make.now())

    def test_of_a_surplus_answer_takes_nobodys_place(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        lent, later = make.task_assignment(ada, batch), make.now() + timedelta(hours=2)
        eve = make.rater(project, "eve")
        hers = actions.lend_task(project, rater=eve, batch=batch, now=later)
        late = _answer(lent, now=later)

        actions.undo_task(late, lease=LEASE, now=later)

        assert not _answer(hers, now=later + timedelta(minutes=1)).surplus

    def test_keeps_a_demonstration_that_another_rater_wrote_too(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, DEMONSTRATION, overlap=2)
        eve = make.rater(project, "eve")
        hers = make.task_answer(ada, batch, "Paris.")
        same = make.task_answer(eve, batch, "Paris.")

        actions.undo_task(hers, lease=LEASE, now=make.now())

        shown = Demonstration.objects.get()
        assert (shown.superseded_at, shown.answer, shown.author) == (None, same, eve)


class TestWhoReadsWhatIsImplied:
    def test_habits_and_agreement_rest_on_what_was_given_side_by_side(self, project: Project, ada: User) -> None:
        make.comparison(project)
        make.judgment(ada, project)
        before = queries.quality_page(project, now=make.NOW)
        for _ in range(6):  # 36 implied judgments, all for A as stored: a habit, had they had sides
            make.task_answer(ada, make.task_batch(project), (1, 2, 3, 4), seconds=0.6)

        after = queries.quality_page(project, now=make.NOW)

        assert list(after.raters)[0] == next(line for line in before.raters if line.id == after.raters[0].id)
        assert (after.kpis, after.scale, after.sides) == (before.kpis, before.scale, before.sides)

    def test_the_compare_page_neither_undoes_nor_times_them(self, project: Project, ada: User) -> None:
        make.task_answer(ada, make.task_batch(project))

        assert queries.undo_of(ada, project) is None
        assert not queries.judgments_of(ada, project).exists()

    def test_a_reviewer_who_ranked_it_does_not_settle_it(self, project: Project, ada: User) -> None:
        make.task_answer(ada, make.task_batch(project))
        make.user("otto", Role.REVIEWER, project=project)

        with pytest.raises(actions.JudgedItThemselves):
            actions.adjudicate(Comparison.objects.first(), reviewer=ada, preference=1)  # type: ignore[arg-type]


def test_an_imported_demonstration_counts_again_after_its_writer_took_it_back(project: Project, ada: User) -> None:
    answer = make.task_answer(ada, make.task_batch(project, DEMONSTRATION), "Paris.")
    actions.undo_task(answer, lease=LEASE, now=make.now())
    question = answer.assignment.task.prompt.question.encode()
    line = b'{"prompt": "%s", "completion": "Paris."}' % question

    done = actions.import_demonstrations(project, lines=[line], source="test", now=make.now())

    shown = Demonstration.objects.get()
    assert (done.created, shown.superseded_at, shown.answer) == (1, None, None)


def test_a_text_is_evened_out_before_it_is_kept() -> None:
    assert Writing.of("One.\r\nTwo. \n\n") == Writing("One.\nTwo.")

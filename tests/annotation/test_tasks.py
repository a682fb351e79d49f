"""Tasks from the batch to the rater: opened, lent once, kept as a draft, handed back; and many raters at once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from annotation import actions, queries
from annotation.kinds import DEMONSTRATION, EDIT, RANKING
from annotation.models import (
    Batch,
    Judgment,
    Seat,
    Task,
    TaskAnswer,
    TaskAssignment,
)
from raters.models import Project, Standing, User
from tests import make

LEASE = timedelta(minutes=10)


def _answer(lent: TaskAssignment, **more: object) -> TaskAnswer:
    sent = {"content": make.content(lent), "rationale": "", "seconds": 60.0, "key": uuid.uuid4(), "now": make.now()}
    return actions.answer_task(lent, **(sent | more))  # type: ignore[arg-type]


class TestOpening:
    @pytest.mark.parametrize(("kind", "count"), [(RANKING, 2), (RANKING, 10), (EDIT, 0), (EDIT, 2), (DEMONSTRATION, 1)])
    def test_refuses_another_number_of_responses(self, project: Project, kind: str, count: int) -> None:
        prompt = make.prompt(project)
        found = make.responses(prompt, *(f"text {n}" for n in range(count))) if count else []

        with pytest.raises(actions.BadTask, match=rf"comes with {count} responses; it takes"):
            _open(project, kind, [(prompt.pk, [response.pk for response in found])])
        assert not Batch.objects.exists()

    def test_refuses_a_response_twice(self, project: Project) -> None:
        prompt = make.prompt(project)
        first, second = make.responses(prompt)

        with pytest.raises(actions.BadTask, match="named twice"):
            _open(project, RANKING, [(prompt.pk, [first.pk, second.pk, second.pk])])

    def test_refuses_a_response_of_another_prompt(self, project: Project) -> None:
        prompt = make.prompt(project)
        foreign = make.responses(make.prompt(project))[0]

        with pytest.raises(actions.BadTask, match="is not of prompt"):
            _open(project, EDIT, [(prompt.pk, [foreign.pk])])

    def test_refuses_a_prompt_of_another_project(self, project: Project) -> None:
        with pytest.raises(actions.BadTask, match="is not of Helpfulness"):
            _open(project, DEMONSTRATION, [(make.prompt(make.project()).pk, [])])

    def test_refuses_a_prompt_twice(self, project: Project) -> None:
        prompt = make.prompt(project)

        with pytest.raises(actions.BadTask, match="twice"):
            _open(project, DEMONSTRATION, [(prompt.pk, []), (prompt.pk, [])])

    def test_takes_two_responses_of_one_prompt_to_improve_each(self, project: Project) -> None:
        prompt = make.prompt(project)
        tasks = [(prompt.pk, [response.pk]) for response in make.responses(prompt)]

        assert _open(project, EDIT, tasks).tasks.count() == 2

    @pytest.mark.parametrize("overlap", [0, 10])
    def test_refuses_an_overlap_that_cannot_be(self, project: Project, overlap: int) -> None:
        with pytest.raises(actions.BadTask, match="1 to 9 times"):
            _open(project, DEMONSTRATION, [(make.prompt(project).pk, [])], overlap=overlap)

    @pytest.mark.parametrize("kind", ["pairwise", "live", "poetry"])
    def test_refuses_what_is_no_task(self, project: Project, kind: str) -> None:
        with pytest.raises(actions.BadTask, match="no kind of task"):
            _open(project, kind, [(make.prompt(project).pk, [])])

    def test_happens_once_by_name(self, project: Project) -> None:
        first = make.task_batch(project, DEMONSTRATION, name="ideal")

        assert make.task_batch(project, DEMONSTRATION, name="ideal") == first
        assert Task.objects.count() == 1
        with pytest.raises(actions.BadTask, match="of another kind"):
            make.task_batch(project, EDIT, name="ideal")

    def test_keeps_the_questions_and_the_terms(self, project: Project) -> None:
        batch = make.task_batch(project, EDIT, pay_minor=80, instructions="Keep it short.")

        assert (batch.pay_minor, batch.instructions, batch.asks["steps"]) == (80, "Keep it short.", 7)


def _open(project: Project, kind: str, tasks: list[tuple[int, list[int]]], overlap: int = 1) -> Batch:
    guideline = make.guideline(project)
    return actions.open_task_batch(
        project, name="a batch", guideline=guideline, kind=kind, tasks=tasks, overlap=overlap
    )


class TestLending:
    def test_gives_the_same_task_again_until_it_is_answered(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, tasks=3)

        assert make.task_assignment(ada, batch) == make.task_assignment(ada, batch)

    def test_never_gives_a_rater_the_same_task_twice(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, DEMONSTRATION, tasks=3, overlap=2)

        seen = {make.task_answer(ada, batch).assignment.task_id for _ in range(3)}

        assert len(seen) == 3
        with pytest.raises(actions.NothingLeft):
            make.task_assignment(ada, batch)

    def test_keeps_a_place_for_the_rater_who_holds_it(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        make.task_assignment(ada, batch)

        with pytest.raises(actions.NothingLeft):
            make.task_assignment(make.rater(project, "eve"), batch)

    def test_gives_an_abandoned_task_to_the_next_rater(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        hers = make.task_assignment(ada, batch)
        eve, later = make.rater(project, "eve"), make.now() + timedelta(hours=1)

        lent = actions.lend_task(project, rater=eve, batch=batch, now=later)

        assert lent.task == hers.task
        with pytest.raises(actions.NothingLeft):  # ada comes back: her place is gone while eve holds it
            actions.lend_task(project, rater=ada, batch=batch, now=later)

    def test_renews_a_lease_that_ran_out_while_nobody_took_the_place(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        first = make.task_assignment(ada, batch)

        again = actions.lend_task(project, rater=ada, batch=batch, now=make.now() + timedelta(hours=1))

        assert again == first
        assert again.expires_at > first.expires_at

    def test_asks_for_the_guideline_first(self, project: Project, ben: User) -> None:
        with pytest.raises(actions.MustReadFirst):
            make.task_assignment(ben, make.task_batch(project))

    def test_does_not_lend_to_a_paused_rater(self, project: Project, ada: User) -> None:
        Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")

        with pytest.raises(actions.Paused, match="Let us talk"):
            make.task_assignment(ada, make.task_batch(project))

    def test_gives_distressing_work_only_to_those_who_chose_it(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, is_sensitive=True)
        with pytest.raises(actions.NeedsOptIn):
            make.task_assignment(ada, batch)
        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)

        assert make.task_assignment(ada, batch).task.batch == batch

    def test_shows_the_responses_in_another_order_to_another_rater(self, project: Project) -> None:
        batch = make.task_batch(project, overlap=9)
        orders = set()
        for n in range(9):
            lent = make.task_assignment(make.rater(project, f"rater{n}"), batch)
            assert queries.order_of(lent) == queries.order_of(lent)
            orders.add(tuple(queries.order_of(lent)))

        assert len(orders) > 4


class TestSkipping:
    def test_frees_the_place_for_others_and_never_comes_back(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        skipped = actions.skip_task(make.task_assignment(ada, batch), reason="knowledge", now=make.now())

        assert (skipped.skip_reason, Seat.objects.get(rater=ada).skipped) == ("knowledge", 1)
        assert make.task_assignment(make.rater(project, "eve"), batch).task == skipped.task
        with pytest.raises(actions.NothingLeft):
            make.task_assignment(ada, batch)

    def test_happens_once(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        actions.skip_task(lent, reason="skip", now=make.now())

        with pytest.raises(actions.AlreadyEnded):
            actions.skip_task(lent, reason="skip", now=make.now())


class TestDrafts:
    def test_keep_the_newest(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, DEMONSTRATION))

        assert actions.save_task_draft(lent, fields={"text": "two"}, at=2000, now=make.NOW)
        assert not actions.save_task_draft(lent, fields={"text": "one"}, at=1000, now=make.NOW)

        lent.refresh_from_db()
        assert lent.draft == {"fields": {"text": "two"}, "at": 2000}

    def test_trust_no_clock_that_is_ahead(self, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, DEMONSTRATION))
        actions.save_task_draft(lent, fields={"text": "one"}, at=10**15, now=make.NOW)

        assert actions.save_task_draft(lent, fields={"text": "two"}, at=10**15, now=make.NOW + timedelta(seconds=1))

    def test_are_not_kept_once_it_is_answered(self, project: Project, ada: User) -> None:
        lent = make.task_answer(ada, make.task_batch(project, DEMONSTRATION)).assignment

        with pytest.raises(actions.AlreadyEnded):
            actions.save_task_draft(lent, fields={}, at=1, now=make.NOW)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Each was seen to fail with its lock removed: the first without the second count in `_has_place`, the second
    and third without the FOR UPDATE of `take_seat`, the last without the row held in `place_for`."""

    def test_two_raters_and_the_last_place(self, project: Project) -> None:
        make.guideline(project)
        raters = [make.rater(project) for _ in range(8)]
        batch = make.task_batch(project, tasks=2, overlap=2)
        waiting = iter(raters)

        lent = [one for one in _together(lambda: _lent(next(waiting), batch), times=8) if one]

        assert sorted(one.task_id for one in lent) == sorted([*Task.objects.values_list("pk", flat=True)] * 2)

    def test_two_tabs_get_one_task(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, tasks=8)
        make.task_answer(ada, batch)  # her seat exists: making one would make the others wait all the same

        lent = _together(lambda: _lent(ada, batch), times=8)

        assert {one.pk for one in lent if one} == {TaskAssignment.objects.get(state="open").pk}

    def test_one_answer_sent_eight_times_is_one(self, project: Project, ada: User) -> None:
        batch = make.task_batch(project, tasks=2)
        make.task_answer(ada, batch)
        lent, key = make.task_assignment(ada, batch), uuid.uuid4()

        stored = _together(lambda: _answer(TaskAssignment.objects.get(pk=lent.pk), key=key, now=make.NOW), times=8)

        assert {answer.pk for answer in stored} == {lent.answers.get().pk}
        assert Judgment.objects.count() == 12

    def test_late_answers_together_fill_each_place_once(self, project: Project) -> None:
        make.guideline(project)
        batch = make.task_batch(project, DEMONSTRATION)
        lent = []
        for hour in range(4):  # each came when the lease before had run out
            later = make.NOW + timedelta(hours=hour)
            lent.append(actions.lend_task(project, rater=make.rater(project), batch=batch, now=later))
        waiting, end = iter(lent), make.NOW + timedelta(days=1)

        stored = _together(lambda: _answer(next(waiting), now=end), times=4)

        assert sorted(answer.surplus for answer in stored) == [False, True, True, True]


def _lent(rater: User, batch: Batch) -> TaskAssignment | None:
    try:
        return actions.lend_task(batch.project, rater=rater, batch=batch, now=make.NOW)
    except actions.NothingLeft:
        return None


def _together(deed: object, *, times: int) -> list:  # type: ignore[type-arg]
    def once(_: int) -> object:
        try:
            return deed()  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(once, range(times)))

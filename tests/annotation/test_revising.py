"""A better answer in the place of one that was sent: counted once, never after a snapshot, never twice."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from annotation import actions, queries
from annotation.models import Batch, Judgment, Label, Seat, Slot, Withdrawal
from raters.models import Project, Standing, User
from snapshots.actions import build_next_snapshot, request_snapshot
from tests import make


def _revise(judgment: Judgment, *, preference: int = -2, key: uuid.UUID | None = None, **more: object) -> Judgment:
    """The rater changes it; `preference` is canonical."""
    shown = -preference if judgment.swapped else preference
    answer = actions.Answer(shown=shown, seconds=45.0, **more)  # type: ignore[arg-type]  # a test's own words
    return actions.revise_judgment(judgment, answer=answer, key=key or uuid.uuid4(), now=make.now())


class TestRevising:
    @pytest.mark.parametrize("swapped", [False, True])
    def test_keeps_the_old_row_and_counts_the_new_one(self, project: Project, ada: User, swapped: bool) -> None:
        comparison = make.comparison(project)
        Slot.objects.update(swapped=swapped)
        first = make.judgment(ada, project, preference=1, rationale="At first.")

        second = _revise(first, preference=-2, rationale="After all.")

        assert list(queries.counted_judgments()) == [second]
        assert (second.preference, second.swapped, second.revision) == (-2, swapped, 1)
        first.refresh_from_db()
        assert (first.preference, first.rationale) == (1, "At first.")
        assert Withdrawal.objects.get().judgment == first
        comparison.refresh_from_db()
        assert (comparison.filled, comparison.is_open) == (1, False)

    def test_keeps_every_counter_right(self, project: Project, ada: User) -> None:
        comparison = make.gold(make.comparison(project), 2)
        Batch.objects.update(pay_minor=62)
        first = make.judgment(ada, project, preference=-1, seconds=30.0)

        second = _revise(first, preference=1)
        _revise(second, preference=3)

        seat = Seat.objects.get(rater=ada)
        assert (seat.judged, seat.seconds, seat.earned_minor) == (1, 45.0, 62)
        standing = Standing.objects.get(user=ada)
        assert (standing.gold_right, standing.gold_seen) == (1, 1)
        assert comparison.judgments.count() == 3

    def test_is_followed_by_the_label(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project, preference=3)
        actions.fold_labels(now=make.now())

        _revise(first, preference=-3)
        actions.fold_labels(now=make.now())

        assert (Label.objects.get().soft, Label.objects.get().judgments) == (0.0, 1)

    def test_keeps_all_that_was_said_about_the_sides(self, project: Project, ada: User) -> None:
        make.comparison(project)
        Slot.objects.update(swapped=True)
        rule = make.guideline(project).versions.get().rules.first()
        assert rule is not None

        second = _revise(make.judgment(ada, project), qualities={"clear": -1}, flags_left=("unsafe",), rules=(rule.pk,))

        assert (second.qualities, second.flags_a, second.flags_b) == ({"clear": 1}, [], ["unsafe"])
        assert list(second.rules.all()) == [rule]

    def test_counts_once_however_often_it_is_sent(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first, key = make.judgment(ada, project), uuid.uuid4()

        assert _revise(first, key=key) == _revise(first, key=key)
        assert Judgment.objects.count() == 2

    def test_refuses_another_answer_under_the_same_key(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first, key = make.judgment(ada, project), uuid.uuid4()
        _revise(first, key=key)

        with pytest.raises(actions.KeyReused):
            _revise(first, key=key, preference=3)

    def test_refuses_a_rule_of_another_guideline_and_leaves_all_as_it_was(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)
        foreign = make.guideline_version(project, name="Safety").rules.first()
        assert foreign is not None

        with pytest.raises(actions.ForeignRule):
            _revise(first, rules=(foreign.pk,))

        assert list(queries.counted_judgments()) == [first]

    def test_refuses_an_older_revision(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)
        _revise(first)

        with pytest.raises(actions.NotRevisable, match="A newer answer"):
            _revise(first, preference=3)

    def test_refuses_what_was_taken_back(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)
        actions.undo_judgment(first, lease=timedelta(minutes=10), now=make.now())

        with pytest.raises(actions.NotRevisable, match="You took this answer back"):
            _revise(first)

    def test_refuses_what_a_reviewer_settled(self, project: Project, ada: User, rhea: User) -> None:
        comparison = make.comparison(project)
        first = make.judgment(ada, project)
        actions.adjudicate(comparison, reviewer=rhea, preference=3)

        with pytest.raises(actions.NotRevisable, match="A reviewer has settled"):
            _revise(first, preference=3)

    def test_refuses_a_turn_that_the_conversation_went_on_from(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)
        Batch.objects.update(kind=Batch.Kind.LIVE)

        with pytest.raises(actions.NotRevisable, match="The conversation went on"):
            _revise(first)

    def test_a_revision_can_be_taken_back(self, project: Project, ada: User) -> None:
        comparison = make.comparison(project)
        second = _revise(make.judgment(ada, project))

        actions.undo_judgment(second, lease=timedelta(minutes=10), now=make.now())

        comparison.refresh_from_db()
        assert (comparison.filled, comparison.is_open) == (0, True)
        assert Seat.objects.get(rater=ada).seconds == 0.0
        assert make.judgment(ada, project).revision == 2


class TestFreezing:
    def test_a_snapshot_ends_the_changing(self, project: Project, ada: User, emil: User) -> None:
        make.batch(project, comparisons=2)
        before = make.judgment(ada, project)
        request_snapshot(project, name="one", by=emil, filters={})
        build_next_snapshot(now=make.now())
        after = make.judgment(ada, project)

        with pytest.raises(actions.Frozen, match="in a snapshot"):
            _revise(before)
        assert _revise(after).revision == 1

    def test_a_snapshot_of_one_batch_leaves_the_others_open(self, project: Project, ada: User, emil: User) -> None:
        frozen, free = make.batch(project), make.batch(project)
        first, second = make.judgment(ada, project), make.judgment(ada, project)
        request_snapshot(project, name="one", by=emil, filters={"batches": [frozen.pk]})
        build_next_snapshot(now=make.now())

        assert second.comparison.batch == free
        with pytest.raises(actions.Frozen):
            _revise(first)
        assert _revise(second).revision == 1

    def test_the_mark_never_moves_back(self, project: Project) -> None:
        batch = make.batch(project)
        actions.freeze_judgments(project, upto=9)
        actions.freeze_judgments(project, upto=4)

        batch.refresh_from_db()
        assert batch.frozen_judgment == 9


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Seen to fail without their locks: the first without `take_seat` in revise_judgment (the constraint on revisions
    then answers with an IntegrityError), the second without `while_no_freeze`, where the revision does not wait."""

    def test_two_changes_at_once_become_one(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)

        def change(preference: int) -> str:
            try:
                _revise(first, preference=preference)
            except actions.NotRevisable:
                return "refused"
            finally:
                connection.close()
            return "changed"

        with ThreadPoolExecutor(4) as pool:
            outcomes = sorted(pool.map(change, (-3, -2, 2, 3)))

        assert outcomes == ["changed", "refused", "refused", "refused"]
        assert queries.counted_judgments().count() == 1

    def test_a_change_waits_for_a_freeze_and_is_then_refused(self, project: Project, ada: User) -> None:
        make.comparison(project)
        first = make.judgment(ada, project)

        def change() -> str:
            try:
                _revise(first)
            except actions.Frozen:
                return "frozen"
            finally:
                connection.close()
            return "changed"

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [actions.lending.SUBMITS, project.pk])
                waiting = pool.submit(change)
                with pytest.raises(TimeoutError):
                    waiting.result(timeout=0.5)
                actions.freeze_judgments(project, upto=first.pk)
            assert waiting.result(timeout=10) == "frozen"

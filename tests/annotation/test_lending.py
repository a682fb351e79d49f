"""What a rater is lent next: in order, once, whatever is freed behind them, and at a cost that does not grow."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import actions
from annotation.actions import finding
from annotation.models import Assignment, Batch, Bookmark, Comparison, Judgment, Slot
from guidelines.models import GuidelineVersion
from raters.models import Project, Role, Standing, User
from tests import make

LEASE = timedelta(seconds=600)


def lent(rater: User, project: Project, *, now: datetime | None = None, **more: Any) -> int:
    """The comparison that the rater is lent, and skips nothing for."""
    return actions.lend_next(project, rater=rater, now=now or make.now(), **more).comparison_id


def pairs_of_one_prompt(project: Project, *, prompts: int, each: int, name: str = "") -> Batch:
    """A batch with several comparisons of each prompt, one prompt after the other."""
    pairs = []
    for _ in range(prompts):
        texts = [f"Text {number}" for number in range(each + 1)]
        first, *others = make.responses(make.prompt(project), *texts)
        pairs += [(first.pk, other.pk) for other in others]
    return actions.open_batch(
        project,
        name=name or "clusters",
        guideline=make.guideline(project),
        pairs=pairs,
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
    )


class TestOrder:
    def test_is_the_order_in_which_they_were_made(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=4)

        seen = [make.judgment(ada, project).comparison_id for _ in range(4)]

        assert seen == sorted(batch.comparisons.values_list("pk", flat=True))

    def test_follows_priority_first(self, project: Project, ada: User, cleo: User) -> None:
        batch = make.batch(project, comparisons=4)
        first, *_, last = sorted(batch.comparisons.values_list("pk", flat=True))
        make.judgment(ada, project)

        actions.prioritise(batch, comparisons=[last, first], priority=-5, by=cleo)

        assert make.judgment(ada, project).comparison_id == last
        assert make.judgment(ada, project).comparison_id == first + 1

    def test_begins_again_once_when_priorities_change(self, project: Project, ada: User, cleo: User) -> None:
        batch = make.batch(project, comparisons=6, overlap=2)
        for _ in range(4):
            make.judgment(ada, project)
        ids = sorted(batch.comparisons.values_list("pk", flat=True))

        actions.prioritise(batch, comparisons=[ids[5]], priority=-1, by=cleo)
        seen = [make.judgment(ada, project).comparison_id for _ in range(2)]

        assert seen == [ids[5], ids[4]]
        mark = Bookmark.objects.get()
        assert (mark.epoch, mark.after) == (1, ids[4])

    def test_shows_another_prompt_after_each(self, project: Project, ada: User) -> None:
        pairs_of_one_prompt(project, prompts=2, each=3)

        seen = [make.judgment(ada, project).comparison.prompt_id for _ in range(6)]

        assert all(before != after for before, after in zip(seen[:5], seen[1:], strict=False))

    def test_shows_the_same_prompt_when_there_is_no_other(self, project: Project, ada: User) -> None:
        pairs_of_one_prompt(project, prompts=1, each=3)

        assert len({make.judgment(ada, project).comparison_id for _ in range(3)}) == 3


class TestFreedPlaces:
    """Behind the bookmark: found by since when they are free."""

    def test_come_back_to_those_who_are_past_them(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=3)
        eve = make.rater(project, "eve")
        hers = actions.lend_next(project, rater=eve, now=make.now())
        make.judgment(ada, project)
        make.judgment(ada, project)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        later = make.now() + LEASE

        assert lent(ada, project, now=later) == hers.comparison_id

    def test_come_before_anything_new(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=9)
        eve = make.rater(project, "eve")
        make.judgment(ada, project)
        hers = actions.lend_next(project, rater=eve, now=make.now())
        make.judgment(ada, project)

        actions.skip(hers, reason="skip", now=make.now())

        assert lent(ada, project) == hers.comparison_id < Bookmark.objects.get(seat__rater=ada).after

    def test_of_ones_own_are_passed_once(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=8)
        for _ in range(5):
            actions.skip(actions.lend_next(project, rater=ada, now=make.now()), reason="skip", now=make.now())
        lent(ada, project, now=make.now() + timedelta(minutes=1))

        passed = Bookmark.objects.get(seat__rater=ada)
        assert passed.freed_at
        skipped = Slot.objects.filter(assignments__state="skipped").values_list("leased_until", flat=True)
        assert passed.freed_at > max(at for at in skipped if at)

    def test_beyond_many_of_ones_own_are_found(
        self, project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make.batch(project, comparisons=10)
        hers = actions.lend_next(project, rater=make.rater(project, "eve"), now=make.now())
        for _ in range(9):
            actions.skip(actions.lend_next(project, rater=ada, now=make.now()), reason="skip", now=make.now())

        monkeypatch.setattr(finding, "WINDOW", 4)

        assert lent(ada, project, now=make.now() + LEASE) == hers.comparison_id

    def test_are_shown_again_when_somebody_undoes_and_leaves(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        eve = make.rater(project, "eve")
        undone = make.judgment(eve, project)
        make.judgment(ada, project)
        actions.undo_judgment(undone, lease=LEASE, now=make.now())

        assert lent(ada, project, now=make.now() + LEASE) == undone.comparison_id

    def test_are_offered_when_a_comparison_gets_more_of_them(self, project: Project, ada: User) -> None:
        comparison = make.comparison(project)
        eve = make.rater(project, "eve")
        make.judgment(eve, project)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)
        make.batch(project, comparisons=1)
        make.judgment(ada, project)

        Comparison.objects.filter(pk=comparison.pk).update(overlap=2, is_open=True)
        Slot.objects.create(comparison=comparison, number=2, swapped=False, leased_until=make.now())

        assert lent(ada, project) == comparison.pk

    def test_reopen_a_finished_batch(self, project: Project, ada: User) -> None:
        batch = make.batch(project)
        judgment = make.judgment(make.rater(project, "eve"), project)
        actions.close_finished_batches(now=make.now())

        actions.undo_judgment(judgment, lease=LEASE, now=make.now())

        batch.refresh_from_db()
        assert batch.closed_at is None
        assert lent(ada, project, now=make.now() + LEASE) == judgment.comparison_id


class TestTheEnd:
    def test_is_marked_and_then_costs_no_search(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=3, overlap=2)
        for _ in range(3):
            make.judgment(ada, project)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        with CaptureQueriesContext(connection) as asked, pytest.raises(actions.NothingLeft):
            lent(ada, project)

        assert Bookmark.objects.get().exhausted_at is not None
        assert len([query for query in asked if "SAVEPOINT" not in query["sql"]]) == 2

    def test_is_not_the_end_of_another_batch(self, project: Project, ada: User) -> None:
        make.batch(project)
        make.judgment(ada, project)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        new = make.comparison(project)

        assert lent(ada, project) == new.pk

    def test_is_looked_at_again_after_an_hour(self, project: Project, ada: User) -> None:
        """A row that another transaction held, and gave back unchanged, lies behind the bookmark."""
        comparison = make.comparison(project, overlap=2)
        Slot.objects.update(leased_until=make.NOW + LEASE * 90)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)
        Slot.objects.update(leased_until=None)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        assert lent(ada, project, now=make.now() + timedelta(minutes=61)) == comparison.pk

    def test_is_reached_through_stretches_without_a_place(
        self, project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = make.batch(project, comparisons=9)
        monkeypatch.setattr(finding, "WINDOW", 2)
        *taken, last = sorted(batch.comparisons.values_list("pk", flat=True))
        Slot.objects.filter(comparison__in=taken).update(leased_until=make.NOW + LEASE * 90)

        assert lent(ada, project) == last


class TestWhoMayHaveIt:
    def test_only_those_who_opted_in_are_lent_distressing_content(self, project: Project, ada: User) -> None:
        Batch.objects.filter(pk=make.batch(project).pk).update(is_sensitive=True)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        Standing.objects.update(sensitive_since=make.NOW)

        assert lent(ada, project)

    @pytest.mark.parametrize(
        ("wanted", "has"),
        [
            ({"needs_qualification": True}, {"qualified_at": make.NOW}),
            ({"language": "de"}, {"languages": ["en", "de"]}),
            ({"skill": "law"}, {"skills": ["law"]}),
        ],
    )
    def test_only_those_who_can_are_lent_it(
        self, project: Project, ada: User, wanted: dict[str, Any], has: dict[str, Any]
    ) -> None:
        Batch.objects.filter(pk=make.batch(project).pk).update(**wanted)
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)

        Standing.objects.filter(user=ada).update(**has)

        assert lent(ada, project)

    def test_one_rater_judges_no_more_than_their_share(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=10)
        Batch.objects.filter(pk=batch.pk).update(rater_share=0.3)
        actions.skip(actions.lend_next(project, rater=ada, now=make.now()), reason="skip", now=make.now())
        for _ in range(3):
            make.judgment(ada, project)

        with pytest.raises(actions.NothingLeft):
            lent(ada, project)
        assert lent(make.rater(project, "eve"), project)

    @pytest.mark.parametrize("freed", [False, True])
    def test_one_rater_judges_no_more_of_a_prompt_than_the_batch_allows(
        self, project: Project, ada: User, freed: bool
    ) -> None:
        batch = make.batch(project, comparisons=5)
        first, *rest = batch.comparisons.order_by("pk")
        same = [first, *rest[:3]]
        batch.comparisons.filter(pk__in=[one.pk for one in same]).update(prompt=first.prompt)
        Batch.objects.filter(pk=batch.pk).update(most_per_prompt=2)
        if freed:  # somebody else skipped them all: they are looked for elsewhere than the queue
            eve = make.rater(project, "eve")
            Batch.objects.filter(pk=batch.pk).update(most_per_prompt=None)
            for _ in range(5):
                actions.skip(actions.lend_next(project, rater=eve, now=make.now()), reason="skip", now=make.now())
            Batch.objects.filter(pk=batch.pk).update(most_per_prompt=2)

        judged = [make.judgment(ada, project).comparison_id for _ in range(3)]

        assert len({one.pk for one in same} & {*judged}) == 2
        assert rest[3].pk in judged
        with pytest.raises(actions.NothingLeft):
            lent(ada, project)
        assert lent(make.rater(project, "joe"), project)

    def test_an_unread_guideline_holds_up_only_its_own_batches(self, project: Project) -> None:
        read, unread = make.guideline_version(project), make.guideline_version(project, name="Safety")
        fay = make.user("fay", Role.RATER, project=project)
        make.acknowledgement(fay, read)
        hers, other = make.batch(project), make.batch(project)
        Batch.objects.filter(pk=other.pk).update(guideline=unread.guideline)
        assert lent(fay, project) == hers.comparisons.get().pk

        with pytest.raises(actions.MustReadFirst) as refused:
            lent(fay, project, batch=other.pk)

        assert refused.value.version == GuidelineVersion.objects.get(pk=unread.pk)


class TestBatches:
    def test_come_one_after_the_other(self, project: Project, ada: User) -> None:
        first, second = make.batch(project, comparisons=2), make.batch(project, comparisons=2)

        seen = [make.judgment(ada, project).comparison.batch_id for _ in range(4)]

        assert seen == [first.pk, first.pk, second.pk, second.pk]

    def test_with_a_weight_share_the_work(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=30)
        heavy = make.batch(project, comparisons=30)
        Batch.objects.filter(pk=heavy.pk).update(weight=3.0)
        rng = random.Random(2)

        seen = []
        for _ in range(20):
            assignment = actions.lend_next(project, rater=ada, now=make.now(), rng=rng)
            seen.append(assignment.comparison.batch_id)
            actions.skip(assignment, reason="skip", now=make.now())

        assert 10 < seen.count(heavy.pk) < 20

    def test_can_be_worked_on_alone(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        chosen = make.batch(project, comparisons=2)

        queue = actions.lend_ahead(project, rater=ada, ahead=5, batch=chosen.pk, now=make.now())

        assert set(Assignment.objects.values_list("comparison__batch", flat=True)) == {chosen.pk}
        assert len(queue.ids) == 2

    def test_keep_their_own_bookmarks(self, project: Project, ada: User) -> None:
        first, second = make.batch(project, comparisons=3), make.batch(project, comparisons=3)
        actions.skip(
            actions.lend_next(project, rater=ada, batch=second.pk, now=make.now()), reason="skip", now=make.now()
        )

        assert lent(ada, project) == min(first.comparisons.values_list("pk", flat=True))

    def test_count_the_places_they_were_opened_with(self, project: Project) -> None:
        assert make.batch(project, comparisons=3, overlap=2).places == 6


class TestLeases:
    def test_follow_the_databases_clock(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (before,) = cursor.fetchone()

        assignment = actions.lend_next(project, rater=ada)

        slot = Slot.objects.get(assignments=assignment)
        assert slot.leased_until == assignment.expires_at
        assert LEASE <= assignment.expires_at - before < LEASE + timedelta(seconds=30)

    def test_last_as_long_as_nine_of_ten_answers_take(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=21)
        for number in range(20):
            make.judgment(ada, project, seconds=300.0 if number >= 17 else 30.0)

        assert actions.fold_leases() == 1
        assert actions.fold_leases() == 0

        batch.refresh_from_db()
        assert batch.lease_seconds == 300
        queue = actions.lend_ahead(project, rater=ada, ahead=1, now=make.NOW + timedelta(hours=1))
        assert queue.lease == 300
        assert Assignment.objects.get(state="open").expires_at == make.NOW + timedelta(hours=1, seconds=300)

    def test_are_never_shorter_than_three_minutes(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=20)
        for _ in range(20):
            make.judgment(ada, project, seconds=3.0)

        actions.fold_leases()

        batch.refresh_from_db()
        assert batch.lease_seconds == 180

    def test_are_renewed_for_as_long_as_their_batch_has_them(self, project: Project, ada: User) -> None:
        quick, slow = make.batch(project), make.batch(project)
        Batch.objects.filter(pk=quick.pk).update(lease_seconds=200)
        queue = actions.lend_ahead(project, rater=ada, ahead=2, now=make.NOW)

        at = make.NOW + timedelta(seconds=100)
        assert actions.keep_leases(project, rater=ada, assignments=queue.ids, now=at) == set(queue.ids)

        until = dict(Assignment.objects.values_list("comparison__batch", "expires_at"))
        assert until == {quick.pk: at + timedelta(seconds=200), slow.pk: at + timedelta(seconds=600)}


def test_judgments_of_the_label_say_so(project: Project, ada: User) -> None:
    make.comparison(project)

    assert make.judgment(ada, project).purpose == Judgment.objects.get().purpose == "label"

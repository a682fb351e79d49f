"""Gold, silver and repeats: at random moments, once to each rater, and of no weight for any label."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import actions, queries
from annotation.models import Assignment, Batch, Bookmark, Comparison, Judgment, Label, RoutingRules, Seat
from raters.models import Project, Standing, User
from tests import make

LEASE = timedelta(minutes=10)


@pytest.fixture
def rules(project: Project) -> RoutingRules:
    """Half of all items are gold, as far as there is any."""
    return RoutingRules.objects.create(project=project, gold_rate=0.5)


def reserve(batch: Batch, lead: User, *, how_many: int = 1, preference: int = 2) -> list[int]:
    """Gold of the batch, out of its queue."""
    chosen = list(batch.comparisons.order_by("-pk")[:how_many])
    for number, comparison in enumerate(chosen):
        actions.mark_gold(
            comparison,
            preference=preference,
            reason="It is known.",
            by=lead,
            reserved=True,
            rng=random.Random(number),
        )
    return [comparison.pk for comparison in chosen]


def judge(rater: User, project: Project, *, rng: random.Random, preference: int = 1) -> Judgment:
    """What the rater is lent next by this chance, judged."""
    lent = actions.lend_next(project, rater=rater, now=make.now(), rng=rng)
    shown = -preference if lent.swapped else preference
    return actions.submit_judgment(
        lent, answer=actions.Answer(shown=shown, seconds=30.0), key=uuid.uuid4(), now=make.now()
    )


class TestGold:
    def test_leaves_the_queue_and_comes_in_between(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=30)
        gold = reserve(batch, cleo, how_many=4)
        rng = random.Random(5)

        said = [judge(ada, project, rng=rng) for _ in range(20)]

        checks = [judgment.comparison_id for judgment in said if judgment.purpose == "gold"]
        assert sorted(checks) == sorted(gold)
        assert Standing.objects.get(user=ada).gold_seen == 4
        assert Bookmark.objects.get().checks == 4

    def test_is_never_shown_twice_to_one_rater(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=30)
        (gold,) = reserve(batch, cleo)
        rng = random.Random(5)
        for _ in range(25):
            lent = actions.lend_next(project, rater=ada, now=make.now(), rng=rng)
            actions.skip(lent, reason="skip", now=make.now())

        assert Assignment.objects.filter(comparison=gold).count() == 1

    def test_does_not_come_by_default_when_none_is_kept_apart(self, project: Project, ada: User) -> None:
        make.gold(make.comparison(project), 2)

        assert make.judgment(ada, project).purpose == "label"

    def test_counts_on_the_gold_score_and_on_pay_but_fills_no_place(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=3)
        Batch.objects.filter(pk=batch.pk).update(pay_minor=25)
        (gold,) = reserve(batch, cleo)
        rng = random.Random(5)

        said = judge(ada, project, rng=rng)
        while said.purpose != "gold":
            said = judge(ada, project, rng=rng)

        comparison, seat = Comparison.objects.get(pk=gold), Seat.objects.get(rater=ada)
        assert (comparison.filled, comparison.is_open, comparison.label_due) == (0, False, False)
        assert (said.surplus, said in queries.counted_judgments()) == (False, True)
        assert (seat.judged, seat.earned_minor) == (Judgment.objects.count(), 25 * Judgment.objects.count())
        assert Standing.objects.get(user=ada).gold_right == 1

    def test_is_shown_with_each_side_as_often(self, project: Project, cleo: User, rules: RoutingRules) -> None:
        batch = make.batch(project, comparisons=40)
        (gold,) = reserve(batch, cleo)
        for number in range(8):
            rater, rng = make.rater(project), random.Random(number)
            while not Assignment.objects.filter(comparison=gold, rater=rater).exists():
                actions.lend_ahead(project, rater=rater, ahead=4, now=make.now(), rng=rng)
                judge(rater, project, rng=rng)

        sides = Counter(Assignment.objects.filter(comparison=gold).values_list("swapped", flat=True))
        assert sides == {True: 4, False: 4}

    def test_is_shown_no_more_often_than_allowed(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=30)
        reserve(batch, cleo, how_many=6)
        RoutingRules.objects.update(most_per_rater=2, most_per_item=1)
        rng = random.Random(5)
        for _ in range(16):
            judge(ada, project, rng=rng)
        eve = make.rater(project, "eve")
        for _ in range(8):
            judge(eve, project, rng=rng)

        shown = Counter(Assignment.objects.filter(purpose="gold").values_list("rater__name", flat=True))
        assert shown == {"Ada": 2, "Eve": 2}
        assert max(Comparison.objects.values_list("shown_as_check", flat=True)) == 1

    def test_of_another_batch_is_never_mixed_in(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        """A card names its batch: gold of another one would show."""
        make.batch(project, comparisons=10)
        reserve(make.batch(project, comparisons=3), cleo, how_many=3)
        rng = random.Random(5)

        assert {judge(ada, project, rng=rng).purpose for _ in range(10)} == {"label"}

    def test_is_held_renewed_undone_and_skipped_like_any_other(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=3)
        (gold,) = reserve(batch, cleo)
        lent = actions.lend_next(project, rater=ada, now=make.now(), rng=Certain(0.0))
        assert (lent.purpose, lent.comparison_id) == ("gold", gold)

        assert actions.lend_next(project, rater=ada, now=make.now()) == lent
        assert actions.keep_leases(project, rater=ada, assignments=[lent.pk], now=make.now()) == {lent.pk}
        said = actions.submit_judgment(lent, answer=actions.Answer(shown=1), key=uuid.uuid4(), now=make.now())
        actions.undo_judgment(said, lease=LEASE, now=make.now())
        assert actions.lend_next(project, rater=ada, now=make.now()) == lent
        actions.skip(lent, reason="skip", now=make.now())
        actions.undo_answer(lent, key=None, lease=LEASE, now=make.now())
        assert actions.lend_next(project, rater=ada, now=make.now()) == lent

        comparison, seat = Comparison.objects.get(pk=gold), Seat.objects.get(rater=ada)
        assert (comparison.filled, comparison.is_open, seat.judged, seat.skipped) == (0, False, 0, 0)
        assert Standing.objects.get(user=ada).gold_seen == 0

    def test_goes_when_a_lead_closes_the_batch(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=3)
        reserve(batch, cleo)
        actions.lend_next(project, rater=ada, now=make.now(), rng=Certain(0.0))

        actions.close_batch(batch, by=cleo, now=make.now())

        with pytest.raises(actions.NothingLeft):
            make.assignment(ada, project)

    def test_costs_as_many_statements_as_any_other(
        self, project: Project, ada: User, cleo: User, rules: RoutingRules
    ) -> None:
        batch = make.batch(project, comparisons=9)
        reserve(batch, cleo, how_many=3)
        judge(ada, project, rng=Certain(0.99))
        costs: dict[str, list[int]] = {}

        for chance in (0.0, 0.99):
            with CaptureQueriesContext(connection) as lending:
                lent = actions.lend_next(project, rater=ada, now=make.now(), rng=Certain(chance))
            with CaptureQueriesContext(connection) as sending:
                actions.submit_judgment(lent, answer=actions.Answer(shown=1), key=uuid.uuid4(), now=make.now())
            costs[lent.purpose] = [len(lending), len(sending)]

        assert costs["gold"] == costs["label"]


class Certain(random.Random):
    """Chance that always falls the same way."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def random(self) -> float:
        """The chance it was made with."""
        return self.chance

    def randrange(self, *_: Any) -> int:
        """The smallest number."""
        return 0


class TestRepeats:
    @pytest.fixture(autouse=True)
    def rates(self, project: Project) -> None:
        """Items may be repeated; whether one is, is for the test's chance to say."""
        RoutingRules.objects.create(project=project, gold_rate=0.0, repeat_rate=0.5)

    def test_come_a_week_later_with_the_sides_swapped(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=3)
        first = make.judgment(ada, project)
        early = actions.lend_next(project, rater=ada, now=make.now() + timedelta(days=6), rng=Certain(0.0))
        actions.skip(early, reason="skip", now=make.now())

        again = actions.lend_next(project, rater=ada, now=make.now() + timedelta(days=8), rng=Certain(0.0))

        assert early.purpose == "label"
        assert (again.purpose, again.occasion) == ("repeat", 1)
        assert (again.comparison_id, again.swapped) == (first.comparison_id, not first.swapped)

    def test_come_after_a_hundred_and_fifty_items(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=153)
        first = make.judgment(ada, project)
        for _ in range(149):
            actions.skip(make.assignment_by(ada, project, Certain(0.99)), reason="skip", now=make.now())
        assert make.assignment_by(ada, project, Certain(0.0)).purpose == "label"
        actions.skip(make.assignment(ada, project), reason="skip", now=make.now())

        again = make.assignment_by(ada, project, Certain(0.0))

        assert (again.purpose, again.comparison_id) == ("repeat", first.comparison_id)

    def test_come_once_and_count_for_no_label(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=3, overlap=2)
        first = make.judgment(ada, project, preference=2)
        later = make.now() + timedelta(days=8)
        again = actions.lend_next(project, rater=ada, now=later, rng=Certain(0.0))
        repeat = actions.submit_judgment(again, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=later)
        actions.fold_labels(now=later)

        comparison = Comparison.objects.get(pk=first.comparison_id)
        assert (comparison.filled, comparison.is_open, repeat.surplus) == (1, True, False)
        assert list(queries.counted_judgments()) == [first]
        assert Label.objects.get().judgments == 1
        assert Seat.objects.get(rater=ada).judged == 2
        then = actions.lend_next(project, rater=ada, now=later + timedelta(days=20), rng=Certain(0.0))
        assert then.purpose == "label"


class TestSilver:
    @pytest.fixture(autouse=True)
    def rates(self, project: Project) -> None:
        """Items with a certain label may be shown."""
        RoutingRules.objects.create(project=project, gold_rate=0.0, silver_rate=0.5)

    def test_is_what_three_agreed_on(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=2, overlap=3)
        sure, doubtful = sorted(batch.comparisons.values_list("pk", flat=True))
        for preference in (1, 1, -1):
            eve = make.rater(project)
            make.judgment(eve, project, preference=1)
            make.judgment(eve, project, preference=preference)

        actions.fold_labels(now=make.now())

        assert Comparison.objects.get(pk=sure).check_as == "silver"
        assert Comparison.objects.get(pk=doubtful).check_as == ""

    def test_is_shown_to_others_and_changes_no_label(self, project: Project, ada: User) -> None:
        batch = make.batch(project, comparisons=2, overlap=3)
        sure = min(batch.comparisons.values_list("pk", flat=True))
        for _ in range(3):
            make.judgment(make.rater(project), project)
        actions.fold_labels(now=make.now())

        lent = actions.lend_next(project, rater=ada, now=make.now(), rng=Certain(0.0))
        said = actions.submit_judgment(lent, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())

        assert (lent.purpose, lent.comparison_id, said.purpose) == ("silver", sure, "silver")
        assert said not in queries.counted_judgments()
        comparison = Comparison.objects.get(pk=sure)
        assert (comparison.filled, comparison.label_due) == (3, False)

    def test_is_none_any_more_when_an_answer_is_taken_back(self, project: Project) -> None:
        batch = make.batch(project, comparisons=1, overlap=3)
        said = [make.judgment(make.rater(project), project) for _ in range(3)]
        actions.fold_labels(now=make.now())
        assert batch.comparisons.get().check_as == "silver"

        actions.undo_judgment(said[0], lease=LEASE, now=make.now())
        actions.fold_labels(now=make.now())

        assert batch.comparisons.get().check_as == ""

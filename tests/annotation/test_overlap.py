"""Adaptive overlap: what a label does to the places of its comparison."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from annotation import actions
from annotation.aggregation import StoppingRule
from annotation.models import Batch, Comparison, Judgment, Label, Slot
from annotation.tasks import fold
from evaluation.models import Round
from evaluation.queries.stages import Standing as RoundStanding
from raters.models import Project, Standing, User
from tests import make
from tests.annotation.overlap import RULE, adaptive, judged, label, places
from tests.evaluation import paper


class TestFollowingTheLabel:
    def test_two_who_agree_are_enough(self, project: Project) -> None:
        comparison = adaptive(project)
        judged(project, 1, 3)
        assert places(comparison) == (2, 2, False)

    def test_two_who_disagree_are_asked_about_with_more(self, project: Project) -> None:
        comparison = adaptive(project)
        judged(project, 1, -1)
        assert places(comparison) == (5, 2, True)

    def test_it_ends_when_the_others_agree(self, project: Project) -> None:
        comparison = adaptive(project)
        judged(project, 1, -1, 1, 1, 2)
        assert places(comparison) == (5, 5, False)
        assert Label.objects.get().judgments == 5

    def test_it_ends_at_the_most(self, project: Project) -> None:
        comparison = adaptive(project)
        judged(project, 1, -1, 1, -1, 1, -1, 1)
        assert places(comparison) == (7, 7, False)

    def test_a_large_overlap_ends_early(self, project: Project) -> None:
        comparison = adaptive(project, overlap=5)
        judged(project, 2, 2)
        assert places(comparison) == (5, 2, False)

    def test_a_fixed_overlap_stays_as_it_is(self, project: Project) -> None:
        agreed = make.comparison(project, overlap=3)
        judged(project, 1, 1)
        assert places(agreed) == (3, 2, True)
        judged(project, -1)
        assert places(agreed) == (3, 3, False)

    def test_a_reviewers_verdict_is_enough(self, project: Project, rhea: User) -> None:
        comparison = adaptive(project)
        judged(project, 1, -1)
        actions.adjudicate(comparison, reviewer=rhea, preference=2)
        label()
        assert places(comparison) == (5, 2, False)

    def test_a_known_answer_is_asked_as_often_as_planned(self, project: Project) -> None:
        comparison = make.gold(adaptive(project), 2)
        judged(project, 1, -1)
        assert places(comparison) == (2, 2, False)

    def test_a_change_of_mind_opens_it_again(self, project: Project) -> None:
        comparison = adaptive(project)
        first, _ = judged(project, 1, 1)
        actions.revise_judgment(first, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())
        label()
        assert places(comparison) == (5, 2, True)
        judged(project, 1)
        assert places(comparison) == (5, 3, True)

    def test_places_that_open_are_known_to_be_free_since_then(self, project: Project) -> None:
        """Raters who went past a comparison find what was given back, not what was never lent."""
        comparison = adaptive(project, overlap=3)
        first, _ = judged(project, 1, 1)
        assert places(comparison) == (3, 2, False)
        assert comparison.slots.get(number=3).leased_until is None

        actions.revise_judgment(first, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())
        opened_at = make.now()
        actions.fold_labels(now=opened_at)

        assert places(comparison) == (5, 2, True)
        free = comparison.slots.filter(filled_at=None, rater=None, leased_until=opened_at)
        assert list(free.order_by("number").values_list("number", flat=True)) == [3, 4, 5]

    def test_sides_go_on_in_turn(self, project: Project) -> None:
        comparisons = list(make.batch(project, comparisons=2, overlap=2, adaptive=RULE).comparisons.all())
        for rater in (make.rater(project), make.rater(project)):
            for comparison in comparisons:
                judge(rater, comparison, preference=1 if rater.pk % 2 else -1)
        label()
        for comparison in comparisons:
            shown = list(comparison.slots.order_by("number").values_list("swapped", flat=True))
            assert shown == [shown[0], not shown[0]] * 2 + [shown[0]]

    def test_many_comparisons_cost_no_more_statements_than_one(
        self, project: Project, django_assert_max_num_queries: Callable[..., Any]
    ) -> None:
        make.batch(project, comparisons=12, overlap=2, adaptive=RULE)
        one, other = make.rater(project), make.rater(project)
        for _ in range(12):
            make.judgment(one, project, preference=1)
            make.judgment(other, project, preference=-1)
        with django_assert_max_num_queries(15):
            label()
        assert Comparison.objects.filter(overlap=5, is_open=True).count() == 12


def judge(rater: User, comparison: Comparison, *, preference: int) -> Judgment:
    lent = actions.lend_next(comparison.project, rater=rater, now=make.now(), batch=comparison.batch_id)
    assert lent.comparison_id == comparison.pk
    shown = -preference if lent.swapped else preference
    return actions.submit_judgment(lent, answer=actions.Answer(shown=shown), key=uuid.uuid4(), now=make.now())


class TestWorkInHand:
    def test_an_answer_to_a_comparison_that_ended_still_counts(self, project: Project, ada: User) -> None:
        comparison = adaptive(project, overlap=5)
        held = make.assignment(ada, project)
        judged(project, 2, 2)
        assert places(comparison) == (5, 2, False)

        late = actions.submit_judgment(held, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())
        label()

        assert not late.surplus
        assert Label.objects.get().judgments == 3

    def test_and_opens_it_again_when_it_makes_the_label_less_certain(self, project: Project, ada: User) -> None:
        comparison = adaptive(project, overlap=5)
        held = make.assignment(ada, project)
        judged(project, 2, 2)
        shown = 2 if held.swapped else -2
        actions.submit_judgment(held, answer=actions.Answer(shown=shown), key=uuid.uuid4(), now=make.now())
        label()
        assert places(comparison) == (5, 3, True)

    def test_nobody_is_lent_a_comparison_that_ended(self, project: Project, ada: User) -> None:
        adaptive(project, overlap=5)
        judged(project, 2, 2)
        with pytest.raises(actions.NothingLeft):
            make.assignment(ada, project)

    def test_who_takes_an_answer_back_may_answer_again(self, project: Project) -> None:
        comparison = adaptive(project, overlap=3)
        _, second = judged(project, 2, 2)
        again = actions.undo_judgment(second, lease=timedelta(minutes=10), now=make.now())
        label()
        actions.submit_judgment(again, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.now())
        assert places(comparison)[:2] == (3, 2)


class TestPanels:
    RULE = StoppingRule(least=2, most=6, certain=0.85)

    def of_panel(self, project: Project, panel: int) -> User:
        rater = make.rater(project)
        Standing.objects.filter(user=rater).update(panel=panel)
        return rater

    def judged(self, project: Project, *said: tuple[int, int]) -> None:
        for panel, preference in said:
            make.judgment(self.of_panel(project, panel), project, preference=preference)
            label()

    def test_share_the_further_places_evenly(self, project: Project) -> None:
        comparison = adaptive(project, rule=self.RULE, split_panels=True)
        self.judged(project, (0, 1), (1, -1))
        assert places(comparison) == (6, 2, True)
        shared = list(comparison.slots.order_by("number").values_list("panel", flat=True))
        assert shared == [0, 1, 0, 1, 0, 1]

    def test_both_are_asked_before_it_ends(self, project: Project) -> None:
        comparison = adaptive(project, overlap=4, rule=self.RULE, split_panels=True)
        self.judged(project, (0, 1), (0, 1))
        assert places(comparison) == (4, 2, True)
        self.judged(project, (1, 1))
        assert places(comparison)[2] is True  # three, shared evenly, are four
        self.judged(project, (1, 1))
        assert places(comparison) == (4, 4, False)


class TestClosing:
    def test_a_batch_stays_open_while_a_label_is_due(self, project: Project) -> None:
        batch = adaptive(project).batch
        for preference in (1, -1):
            make.judgment(make.rater(project), project, preference=preference)
        assert not batch.comparisons.get().is_open
        assert actions.close_finished_batches(now=make.now()) == 0

    def test_the_bell_opens_places_before_it_closes_batches(self, project: Project) -> None:
        batch = adaptive(project).batch
        for preference in (1, -1):
            make.judgment(make.rater(project), project, preference=preference)
        fold()
        batch.refresh_from_db()
        assert batch.closed_at is None
        assert batch.comparisons.get().is_open

    def test_the_bell_closes_a_batch_that_is_certain(self, project: Project) -> None:
        batch = adaptive(project, overlap=5).batch
        for _ in range(2):
            make.judgment(make.rater(project), project)
        fold()
        batch.refresh_from_db()
        assert batch.closed_at is not None

    def test_what_a_lead_closed_stays_closed(self, project: Project, cleo: User) -> None:
        comparison = adaptive(project)
        for preference in (1, -1):
            make.judgment(make.rater(project), project, preference=preference)
        actions.close_batch(comparison.batch, by=cleo, now=make.now())
        label()
        assert places(comparison) == (2, 2, False)
        assert Label.objects.get().judgments == 2

    def test_a_round_shows_what_is_still_wanted(self, project: Project) -> None:
        model = paper.model(project)
        comparison = adaptive(project, overlap=5)
        round = Round.objects.create(project=project, number=1, reference=model, start=model, batch=comparison.batch)
        judged(project, 1)
        assert (RoundStanding.of(round, {}).judged, RoundStanding.of(round, {}).wanted) == (1, 5)
        judged(project, 1)
        assert (RoundStanding.of(round, {}).judged, RoundStanding.of(round, {}).wanted) == (2, 2)


class TestRefusals:
    @pytest.mark.parametrize("overlap", [1, 8])
    def test_an_overlap_to_begin_with_that_the_rule_does_not_allow(self, project: Project, overlap: int) -> None:
        with pytest.raises(actions.BadOverlap, match="Begin with 2 to 7 judgments"):
            adaptive(project, overlap=overlap)
        assert not Batch.objects.exists()

    def test_an_odd_most_for_two_panels(self, project: Project) -> None:
        with pytest.raises(actions.BadOverlap, match="two panels share them evenly"):
            adaptive(project, split_panels=True)

    @pytest.mark.parametrize(
        "columns",
        [
            {"overlap_least": 2},
            {"overlap_least": 0, "overlap_most": 5, "overlap_certain": 0.8},
            {"overlap_least": 5, "overlap_most": 4, "overlap_certain": 0.8},
            {"overlap_least": 2, "overlap_most": 10, "overlap_certain": 0.8},
            {"overlap_least": 2, "overlap_most": 5, "overlap_certain": 1.0},
            {"overlap_least": 2, "overlap_most": 5, "overlap_certain": 0.8, "kind": "ranking"},
        ],
    )
    def test_the_database_keeps_half_a_rule_out(self, project: Project, columns: dict[str, Any]) -> None:
        batch = make.batch(project)
        with pytest.raises(IntegrityError, match="adaptive_overlap_is_whole"):
            Batch.objects.filter(pk=batch.pk).update(**columns)


def test_a_further_slot_is_never_a_second_one_of_a_number(project: Project) -> None:
    comparison = adaptive(project)
    judged(project, 1, -1)
    with pytest.raises(IntegrityError, match="slot_numbers_are_unique"):
        Slot.objects.create(comparison=comparison, number=5, swapped=False)

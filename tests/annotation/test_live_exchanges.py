"""A turn of a live conversation as a worker and a rater see it: claimed, answered twice, judged, and counted once."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from annotation import actions, queries
from annotation.models import Assignment, Comparison, Conversation, Exchange, Judgment, Response
from raters.models import Project, User
from tests import make
from tests.snapshots import cut


@pytest.fixture
def talk(project: Project, ada: User) -> Conversation:
    """Ada in a conversation, before her first turn."""
    return make.conversation(ada, make.live_batch(project))


class TestOffering:
    def test_two_answers_are_lent_to_this_rater_alone(self, project: Project, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer("Yes.", "No.")

        comparison = Comparison.objects.get()
        lent = Assignment.objects.get()
        assert lent.slot is not None
        assert (comparison.batch, comparison.overlap, comparison.is_gold) == (talk.batch, 1, False)
        assert (lent.rater, lent.slot.rater, lent.guideline_version) == (talk.rater, talk.rater, talk.guideline_version)
        assert offered.state == Exchange.State.OFFERED
        assert {response.model_digest for response in Response.objects.all()} == {"d" * 64}

    def test_chance_decides_the_sides(self, project: Project, talk: Conversation) -> None:
        for _ in range(12):
            make.turn(talk)
            make.live_judgment(make.offer())

        assert set(Assignment.objects.values_list("swapped", flat=True)) == {True, False}

    @pytest.mark.parametrize("texts", [("Yes.", "Yes."), ("Yes.", " Yes.\n"), ("", "No."), ("  ", "No.")])
    def test_no_choice_is_tried_again_and_then_said_in_words(self, talk: Conversation, texts: tuple[str, str]) -> None:
        exchange = make.turn(talk)
        states = [make.offer(*texts).state for _ in range(3)]

        exchange.refresh_from_db()
        assert states == ["waiting", "waiting", "failed"]
        assert "no two different answers" in exchange.reason
        assert not Comparison.objects.exists()

    def test_raters_who_begin_alike_judge_one_comparison(self, project: Project, talk: Conversation) -> None:
        zoe = make.rater(project, "zoe")
        hers = make.conversation(zoe, talk.batch)
        for held in (talk, hers):
            make.turn(held, "Hi.")
        for exchange in (make.offer("Hello!", "Yes?"), make.offer("Yes?", "Hello!")):
            make.live_judgment(exchange)

        comparison = Comparison.objects.get()
        assert (comparison.overlap, comparison.filled, comparison.is_open) == (2, 2, False)
        assert Judgment.objects.filter(surplus=False).count() == 2

    def test_a_rater_never_gets_the_same_pair_twice(self, talk: Conversation) -> None:
        make.turn(talk, "Hi.")
        make.live_judgment(make.offer("Hello!", "Yes?"))
        actions.end_conversation(talk, now=make.now())
        make.turn(make.conversation(talk.rater, talk.batch), "Hi.")

        assert make.offer("Hello!", "Yes?").state == Exchange.State.WAITING

    def test_what_postgresql_cannot_keep_is_replaced(self, talk: Conversation) -> None:
        make.turn(talk)
        make.offer("nul \0 byte", "half \ud83d of one")

        assert set(Response.objects.values_list("text", flat=True)) == {"nul � byte", "half � of one"}


class TestClaiming:
    def test_the_longest_wait_is_claimed_first_and_once(self, project: Project, talk: Conversation) -> None:
        first = make.turn(talk)
        make.turn(make.conversation(make.rater(project, "zoe"), talk.batch))

        claimed = [actions.claim_exchange(now=make.now()) for _ in range(3)]

        assert claimed[0] == first
        assert claimed[1] is not None and claimed[2] is None

    def test_a_worker_that_fell_silent_has_no_say_any_more(self, talk: Conversation) -> None:
        make.turn(talk)
        lost = actions.claim_exchange(now=make.NOW)
        taken = actions.claim_exchange(now=make.NOW + timedelta(minutes=1))
        assert lost is not None and taken is not None and taken.token > lost.token

        for deed in (
            lambda: actions.renew_claim(lost, token=lost.token, now=make.now()),
            lambda: actions.put_back_exchange(lost, token=lost.token, spent=True),
            lambda: actions.fail_exchange(lost, token=lost.token, reason="No."),
            lambda: actions.offer_candidates(
                lost,
                token=lost.token,
                model_digest="d" * 64,
                candidates=(actions.Candidate("Yes."), actions.Candidate("No.")),
                rng=random.Random(1),
                now=make.now(),
            ),
        ):
            with pytest.raises(actions.LostClaim):
                deed()
        assert not Response.objects.exists()

    def test_a_renewed_claim_is_kept(self, talk: Conversation) -> None:
        make.turn(talk)
        held = actions.claim_exchange(now=make.NOW)
        assert held is not None
        actions.renew_claim(held, token=held.token, now=make.NOW + timedelta(seconds=15))

        assert actions.claim_exchange(now=make.NOW + timedelta(seconds=30)) is None

    def test_the_third_worker_that_dies_is_the_last(self, talk: Conversation) -> None:
        exchange = make.turn(talk)
        claims = [actions.claim_exchange(now=make.NOW + timedelta(minutes=n)) for n in range(4)]

        exchange.refresh_from_db()
        assert [claim is not None for claim in claims] == [True, True, True, False]
        assert (exchange.state, exchange.reason) == (Exchange.State.FAILED, "No answer came after three tries.")

    def test_a_worker_that_only_had_to_go_costs_no_attempt(self, talk: Conversation) -> None:
        make.turn(talk)
        for _ in range(5):
            held = actions.claim_exchange(now=make.now())
            assert held is not None
            actions.put_back_exchange(held, token=held.token, spent=False)

        assert make.offer().state == Exchange.State.OFFERED


class TestJudging:
    @pytest.mark.parametrize(("preference", "better"), [(-3, "a"), (-1, "a"), (1, "b"), (3, "b")])
    def test_the_better_answer_goes_on(self, talk: Conversation, preference: int, better: str) -> None:
        make.turn(talk)
        offered = make.offer()
        make.live_judgment(offered, preference=preference)

        offered.refresh_from_db()
        assert offered.comparison is not None
        assert offered.went_on == getattr(offered.comparison, f"response_{better}")
        assert offered.state == Exchange.State.JUDGED

    def test_of_two_alike_chance_takes_one(self, talk: Conversation) -> None:
        taken = set()
        for seed in range(8):
            make.turn(talk)
            offered = make.offer()
            make.live_judgment(offered, preference=0, seed=seed)
            offered.refresh_from_db()
            assert offered.comparison is not None
            taken.add(offered.went_on_id == offered.comparison.response_a_id)

        assert taken == {True, False}

    def test_a_judgment_sent_twice_counts_once_and_draws_once(self, talk: Conversation) -> None:
        make.turn(talk)
        offered, key, went_on = make.offer(), uuid.uuid4(), set()
        for seed in range(8):
            actions.judge_exchange(
                offered, answer=actions.Answer(shown=0), key=key, rng=random.Random(seed), now=make.now()
            )
            offered.refresh_from_db()
            went_on.add(offered.went_on_id)

        assert Judgment.objects.count() == len(went_on) == 1

    def test_what_was_said_on_is_not_judged_again(self, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer()
        make.live_judgment(offered)
        make.turn(talk)

        with pytest.raises(actions.NothingOffered):
            make.live_judgment(offered, preference=-2)
        with pytest.raises(actions.NothingOffered):
            actions.reconsider(offered, now=make.now())

    def test_a_turn_that_waits_cannot_be_judged(self, talk: Conversation) -> None:
        exchange = make.turn(talk)

        with pytest.raises(actions.NothingOffered):
            actions.judge_exchange(
                exchange, answer=actions.Answer(shown=1), key=uuid.uuid4(), rng=random.Random(1), now=make.now()
            )

    def test_is_taken_back_before_the_next_turn(self, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer()
        judged = make.live_judgment(offered, preference=3)
        actions.reconsider(offered, now=make.now())
        with pytest.raises(actions.JudgeFirst):
            make.turn(talk)

        make.live_judgment(offered, preference=-3)

        offered.refresh_from_db()
        assert queries.counted_judgments().get().preference == -3
        assert offered.comparison is not None and offered.went_on == offered.comparison.response_a
        actions.reconsider(offered, now=make.now())
        with pytest.raises(actions.NothingOffered):  # the first one arrives again, late
            actions.judge_exchange(
                offered,
                answer=actions.Answer(shown=-3 if judged.swapped else 3, seconds=20.0),
                key=judged.key,
                rng=random.Random(1),
                now=make.now(),
            )

    def test_gives_labels_and_a_dataset_like_any_other(self, project: Project, talk: Conversation) -> None:
        make.turn(talk)
        offered = make.offer()
        make.live_judgment(offered, preference=3)

        actions.fold_labels(now=make.now())

        assert offered.comparison is not None
        assert offered.comparison.label.soft == 1.0
        assert actions.close_finished_batches(now=make.now()) == 0


def test_a_snapshot_holds_what_was_judged_in_a_conversation(project: Project, talk: Conversation) -> None:
    make.turn(talk, "Is rice left out overnight safe?")
    offered = make.offer("No.", "Yes, if you heat it.")
    make.live_judgment(offered, preference=-3)

    snapshot = cut.frozen(project)

    rows = [row for split in ("train", "test") for row in cut.rows(snapshot, split=split)]
    assert [(row["a"], row["b"], row["preference"]) for row in rows] == [("No.", "Yes, if you heat it.", -3)]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Each was seen to fail without its lock: the first without FOR UPDATE SKIP LOCKED in `claim_exchange`, the others
    without the FOR UPDATE of `take_seat` and of the conversation in `_locked`."""

    def test_workers_that_come_at_once_claim_each_turn_once(self, project: Project) -> None:
        batch = make.live_batch(project)
        for _ in range(4):
            make.turn(make.conversation(make.rater(project), batch))

        claimed = together(lambda: actions.claim_exchange(now=make.NOW + timedelta(hours=1)), times=8)

        found = [exchange.pk for exchange in claimed if exchange is not None]
        assert len(found) == len(set(found)) == 4
        assert set(Exchange.objects.values_list("attempts", flat=True)) == {1}

    def test_a_turn_sent_eight_times_is_one_turn(self, talk: Conversation) -> None:
        key = uuid.uuid4()

        said = together(lambda: actions.say(talk, text="Hello.", key=key, now=make.NOW), times=8)

        assert {exchange.pk for exchange in said} == {Exchange.objects.get().pk}

    def test_tabs_that_begin_at_once_begin_one_conversation(self, project: Project, ada: User) -> None:
        batch = make.live_batch(project)
        make.comparison(project)
        make.judgment(ada, project)  # her seat exists: making one would make the others wait all the same

        begun = together(lambda: actions.open_conversation(batch, rater=ada, consents=False, now=make.NOW), times=8)

        assert {held.pk for held in begun} == {Conversation.objects.get().pk}


def together(deed: Callable[[], Any], *, times: int) -> list[Any]:
    """The deed, done by so many threads at once, each with a connection of its own."""
    start = threading.Barrier(times, timeout=10)

    def once(_: int) -> Any:
        try:
            connection.ensure_connection()
            start.wait()
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(once, range(times)))

"""Raters, comparisons and a clock, in every order that chance finds: the database always says what the model says.

Hypothesis draws stories of lending, judging, sending again, taking back, skipping, revising, freezing and closing, and
tells each to the real actions on PostgreSQL and to the model beside. After every step all counters are compared. Each
story is rolled back, so that the next begins in the same project.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from annotation import actions, queries
from annotation.models import Assignment, Batch, Comparison, Judgment, Label, Seat, Slot
from raters.models import Project, Standing, User
from tests import make
from tests.annotation.judging_model import Book, Item, Loan, Outcome, Place, Said, Tally

Some = TypeVar("Some")
REFUSALS = (
    actions.KeyReused,
    actions.TooLate,
    actions.NothingToUndo,
    actions.AlreadyEnded,
    actions.NotRevisable,
)
# a step takes a second and a little: no lease ever ends in the same microsecond in which somebody looks
STEP = timedelta(seconds=1, microseconds=7)
PAUSES = (timedelta(seconds=61), timedelta(seconds=601), timedelta(hours=3))

numbers = st.integers(0, 10**6)
shown = st.sampled_from([-3, -1, 0, 2])
seconds = st.sampled_from([0.5, 20.0, 64.0])

# All that the model can be compared with, in one statement: how each comparison stands beside what its counter counts,
# each rater's counters, each assignment, and the judgments that count.
EVERYTHING = """
WITH standing AS (
    SELECT judgment.id, judgment.comparison_id, judgment.preference
    FROM annotation_judgment judgment
    LEFT JOIN annotation_withdrawal withdrawal ON withdrawal.judgment_id = judgment.id
    WHERE NOT judgment.surplus AND withdrawal.id IS NULL
)
SELECT
    (SELECT json_agg(json_build_array(id, is_open, filled,
        (SELECT count(*) FROM annotation_slot slot
         WHERE slot.comparison_id = comparison.id AND slot.filled_at IS NOT NULL),
        (SELECT count(*) FROM standing WHERE standing.comparison_id = comparison.id)) ORDER BY id)
     FROM annotation_comparison comparison),
    (SELECT json_agg(json_build_array(seat.rater_id, judged, skipped, seconds, earned_minor, gold_seen, gold_right))
     FROM annotation_seat seat
     JOIN raters_standing own ON own.user_id = seat.rater_id AND own.project_id = seat.project_id),
    (SELECT coalesce(json_agg(json_build_array(id, state, rater_id, comparison_id, slot_id) ORDER BY id), '[]')
     FROM annotation_assignment),
    (SELECT coalesce(json_agg(json_build_array(id, preference) ORDER BY id), '[]') FROM standing)
"""


@dataclass(frozen=True)
class World:
    """The project in which every story begins. Doors are the raters' browsers, the last one a stranger's."""

    project: Project
    raters: tuple[User, ...]
    lead: User
    batches: tuple[Batch, ...]
    doors: dict[int, Client]


@pytest.fixture
def world(project: Project, ada: User, cleo: User, mallory: User) -> World:
    """Three raters; three comparisons to be judged once, two twice and one three times; one of each overlap is gold."""
    raters = (ada, make.rater(project, "eve"), make.rater(project, "fay"))
    batches = []
    for overlap, pay in ((1, None), (2, 62), (3, 100)):
        batch = make.batch(project, comparisons=4 - overlap, overlap=overlap)
        Batch.objects.filter(pk=batch.pk).update(pay_minor=pay)
        known = batch.comparisons.order_by("pk")[0]
        actions.mark_gold(known, preference=overlap - 2, reason="It is known.", by=cleo)
        batches.append(batch)
    doors = {person.pk: Client() for person in (*raters, mallory)}
    for person in (*raters, mallory):
        doors[person.pk].force_login(person)
    return World(project, raters, cleo, tuple(batches), doors)


class Judging(RuleBasedStateMachine):
    """A story. `seen` counts what came of the requests in all stories together."""

    def __init__(self, world: World, seen: Counter[str]) -> None:
        super().__init__()
        self.world, self.seen, self.now, self.keys = world, seen, make.NOW, 0
        self.lease = timedelta(seconds=world.project.lease_seconds)
        self.story: AbstractContextManager[Any] = transaction.atomic()
        self.story.__enter__()
        places: dict[int, dict[int, Place]] = {}
        for pk, comparison in Slot.objects.values_list("pk", "comparison"):
            places.setdefault(comparison, {})[pk] = Place()
        items = {
            each.pk: Item(each.batch_id, each.overlap, each.batch.pay_minor or 0, each.gold_preference, places[each.pk])
            for each in Comparison.objects.select_related("batch").order_by("pk")
        }
        self.book = Book(items, {rater.pk: Tally() for rater in world.raters})

    def teardown(self) -> None:
        """The story never happened."""
        transaction.set_rollback(True)
        self.story.__exit__(None, None, None)

    @initialize()
    def a_morning(self) -> None:
        """Everybody has work in hand and has answered once, so that every step has something to happen to."""
        for who in range(len(self.world.raters)):
            self.lend(who, 2)
            mine = self.book.held_by(self.world.raters[who].pk)
            self._submit(self.book.loans[min(mine)], self._key(), shown=2, seconds=20.0)

    # --- lending ------------------------------------------------------------------------------------------------------

    @rule(who=numbers, ahead=st.sampled_from([1, 1, 2, 3]))
    def lend(self, who: int, ahead: int) -> None:
        """A rater asks for work, and is given what they hold first."""
        rater = _one(self.world.raters, who)
        held = self.book.held_by(rater.pk)
        queue = actions.lend_ahead(self.world.project, rater=rater, ahead=ahead, now=self._tick())
        shared = min(len(held), len(queue.ids))
        assert set(queue.ids[:shared]) <= held
        assert shared >= min(ahead, len(held))
        for lent in Assignment.objects.filter(pk__in=queue.ids).order_by("pk"):
            self._take(lent, rater.pk)
        if queue.refusal is None:
            assert len(queue.ids) >= ahead
        else:
            assert isinstance(queue.refusal, actions.NothingLeft)
            assert not self.book.left_for(rater.pk, now=self.now)
        self.seen["lent" if len(queue.ids) > shared else "held" if queue.ids else "nothing left"] += 1
        if queue.ids and ahead == 1:  # two tabs, a double click, a reload
            assert actions.lend_next(self.world.project, rater=rater, now=self.now).pk == queue.ids[0]

    def _take(self, lent: Assignment, rater: int) -> None:
        loan = self.book.loans.get(lent.pk)
        if loan is None:
            assert lent.slot_id
            assert self.book.may_lend(lent.comparison_id, lent.slot_id, rater=rater, now=self.now)
            loan = Loan(lent.pk, rater, lent.comparison_id, lent.slot_id, lent.swapped)
        else:
            assert loan.state == "open"
            assert self.book.place(loan).is_free(rater=rater, now=self.now)
        assert lent.expires_at > self.now
        self.book.lend(loan, until=lent.expires_at)

    @rule(who=numbers, which=numbers)
    def keep(self, who: int, which: int) -> None:
        """A page says which comparisons it shows: some of them may be somebody else's by now, or never were theirs."""
        rater, loans = _one(self.world.raters, who), list(self.book.loans.values())
        asked = loans[which % (len(loans) + 1) :]
        kept = actions.keep_leases(
            self.world.project, rater=rater, assignments=[loan.pk for loan in asked], now=self._tick()
        )
        assert kept == {loan.pk for loan in asked if loan.rater == rater.pk and self.book.keeps(loan)}
        for pk in kept:
            self.book.lend(self.book.loans[pk], until=Assignment.objects.get(pk=pk).expires_at)

    @rule(which=numbers, reason=st.sampled_from(["skip", "broken"]))
    def skip(self, which: int, reason: str) -> None:
        """A rater hands a comparison back, maybe for the second time."""
        if loan := self._loan(which):
            came = self._ask(lambda: actions.skip(self._fetch(loan), reason=reason, now=self._tick()))
            self._note("skip", came, self.book.skip(loan, reason=reason))

    @rule(pause=st.sampled_from(PAUSES))
    def wait(self, pause: timedelta) -> None:
        """Time passes, and leases with it."""
        self.now += pause

    @rule(which=numbers, who=numbers, shown=shown)
    def walk_away(self, which: int, who: int, shown: int) -> None:
        """A rater comes back to a comparison whose lease ran out, after another asked for more work."""
        open_ones = [loan for loan in self.book.loans.values() if loan.state == "open"]
        if open_ones:
            loan = _one(open_ones, which)
            others = [place for place, rater in enumerate(self.world.raters) if rater.pk != loan.rater]
            other = _one(others, who)
            self.now += self.lease + STEP
            self.lend(other, 1 + len(self.book.held_by(self.world.raters[other].pk)))
            self._submit(loan, self._key(), shown, 40.0)

    # --- judging ------------------------------------------------------------------------------------------------------

    @rule(which=numbers, shown=shown, seconds=seconds, lends=st.booleans())
    def submit(self, which: int, shown: int, seconds: float, lends: bool) -> None:
        """A rater answers a comparison they hold, or held until their lease ran out."""
        open_ones = [loan for loan in self.book.loans.values() if loan.state == "open"]
        if open_ones:
            self._submit(_one(open_ones, which), self._key(), shown, seconds, lends=lends)

    @rule(which=numbers, shown=shown)
    def answer_what_has_ended(self, which: int, shown: int) -> None:
        """Another tab sends an answer to what was answered or skipped already."""
        ended = [loan for loan in self.book.loans.values() if loan.state != "open"]
        if ended:
            self._submit(_one(ended, which), self._key(), shown, 3.0)

    @rule(which=numbers, lends=st.booleans())
    def send_again(self, which: int, lends: bool) -> None:
        """The network repeats an answer, however long ago and whatever became of it since."""
        if judgments := list(self.book.judgments()):
            loan, said = _one(judgments, which)
            self._submit(loan, said.key, said.shown, said.seconds + 1, lends=lends)

    @rule(which=numbers, at=numbers, shown=shown)
    def reuse_a_key(self, which: int, at: int, shown: int) -> None:
        """A key comes again with another answer, or for another comparison of the same rater."""
        if judgments := list(self.book.judgments()):
            loan, said = _one(judgments, which)
            theirs = [other for other in self.book.loans.values() if other.rater == loan.rater]
            self._submit(_one(theirs, at), said.key, shown, 5.0)

    def _submit(self, loan: Loan, key: UUID, shown: int, seconds: float, *, lends: bool = False) -> None:
        answer = actions.Answer(shown=shown, seconds=seconds)
        lent, now = self._fetch(loan), self._tick()
        given: dict[str, Any] = {"answer": answer, "key": key, "now": now}
        made: list[Judgment] = []

        def send() -> None:
            if lends:
                judgment, queue = actions.submit_and_lend(
                    lent, project=self.world.project, ahead=1, batch=None, **given
                )
                self.lent_after = queue
            else:
                judgment = actions.submit_judgment(lent, **given)
            made.append(judgment)

        came = self._ask(send)
        pk = made[0].pk if made else 0
        wanted = self.book.submit(loan, pk=pk, key=key, shown=shown, seconds=seconds, now=now)
        self._note("submit", came, wanted)
        if made:
            (said,) = [said for said in loan.said if said.key == key]
            assert (said.pk, said.preference, said.surplus) == (pk, made[0].preference, made[0].surplus)
            if lends:
                rater = loan.rater
                for after in Assignment.objects.filter(pk__in=self.lent_after.ids).order_by("pk"):
                    self._take(after, rater)

    @rule(which=numbers, whose=numbers, tries=st.sampled_from([False, False, True]))
    def answer_for_another(self, which: int, whose: int, tries: bool) -> None:
        """What is not yours does not exist."""
        if tries and (loan := self._loan(which)):
            others = [client for rater, client in self.world.doors.items() if rater != loan.rater]
            said = {"preference": "1", "key": str(self._key()), "seconds": "9"}
            address = f"/p/{self.world.project.slug}/assignments/{loan.pk}/judgment/"
            assert _one(others, whose).post(address, said).status_code == 404
            self.seen["404"] += 1

    # --- taking back and revising -------------------------------------------------------------------------------------

    @rule(which=numbers)
    def undo(self, which: int) -> None:
        """A rater takes an answer back, maybe for the second time, maybe one that a newer one replaced."""
        if judgments := list(self.book.judgments()):
            loan, said = _one(judgments, which)
            self._undo(loan, said.key)

    @rule(which=numbers)
    def undo_a_skip(self, which: int) -> None:
        """A rater wants a comparison back that they handed back; sometimes they had answered it instead."""
        if loan := self._loan(which):
            self._undo(loan, None)

    def _undo(self, loan: Loan, key: UUID | None) -> None:
        now = self._tick()
        came = self._ask(lambda: actions.undo_answer(self._fetch(loan), key=key, lease=self.lease, now=now))
        self._note("undo", came, self.book.undo(loan, key=key, until=now + self.lease, now=now))

    @rule(which=numbers, shown=shown, seconds=seconds, again=st.booleans())
    def revise(self, which: int, shown: int, seconds: float, again: bool) -> None:
        """A rater changes an answer, and the change may be sent twice."""
        if not (judgments := list(self.book.judgments())):
            return
        loan, said = _one(judgments, which)
        key = self._key()
        for _ in range(1 + again):
            self._revise(loan, said, key, shown, seconds)

    def _revise(self, loan: Loan, said: Said, key: UUID, shown: int, seconds: float) -> None:
        judgment = Judgment.objects.select_related("comparison").get(pk=said.pk)
        answer, made = actions.Answer(shown=shown, seconds=seconds), list[Judgment]()
        now = self._tick()
        came = self._ask(lambda: made.append(actions.revise_judgment(judgment, answer=answer, key=key, now=now)))
        pk = made[0].pk if made else 0
        wanted = self.book.revise(loan, said, pk=pk, key=key, shown=shown, seconds=seconds)
        self._note("revise", came, wanted)

    # --- leads, snapshots and labels ----------------------------------------------------------------------------------

    @rule(which=numbers, only=st.none() | numbers)
    def freeze(self, which: int, only: int | None) -> None:
        """A snapshot takes in what was judged so far, of all batches or of one."""
        if judgments := list(self.book.judgments()):
            upto = _one(judgments, which)[1].pk
            batches = self.world.batches if only is None else (_one(self.world.batches, only),)
            ids = [batch.pk for batch in batches]
            actions.freeze_judgments(self.world.project, upto=upto, batches=None if only is None else ids)
            self.book.freeze(ids, upto=upto)

    @rule(which=numbers, sure=st.sampled_from([False, False, True]))
    def close(self, which: int, sure: bool) -> None:
        """A lead stops a batch: what raters hold still counts."""
        if sure:
            batch = _one(self.world.batches, which)
            actions.close_batch(batch, by=self.world.lead, now=self._tick())
            self.book.close(batch.pk)

    @rule()
    def fold(self) -> None:
        """Labels follow what counts."""
        actions.fold_labels(now=self._tick())
        labels = dict(Label.objects.values_list("comparison", "judgments"))
        counts = {item: len(self.book.counting(item)) for item in self.book.items}
        assert labels == {item: count for item, count in counts.items() if count}

    # --- what is always true ------------------------------------------------------------------------------------------

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        """Filled, filled slots and counted judgments are one number; each rater's counters and every row are right."""
        with connection.cursor() as cursor:
            cursor.execute(EVERYTHING)
            comparisons, tallies, assignments, counted = cursor.fetchone()
        items, loans = self.book.items.items(), sorted(self.book.loans.values(), key=lambda loan: loan.pk)
        counting = {pk: self.book.counting(pk) for pk in self.book.items}
        assert comparisons == [[pk, each.is_open, each.filled, each.filled, len(counting[pk])] for pk, each in items]
        assert all(each.filled == len(counting[pk]) <= each.overlap for pk, each in items)
        assert {row[0]: Tally(*row[1:]) for row in tallies or ()} == self.book.tallies
        assert assignments == [[loan.pk, loan.state, loan.rater, loan.item, loan.slot] for loan in loans]
        assert len({(loan.rater, loan.item) for loan in loans}) == len(loans)
        assert counted == sorted([said.pk, said.preference] for all_said in counting.values() for said in all_said)

    # --- telling it ---------------------------------------------------------------------------------------------------

    def _tick(self) -> datetime:
        self.now += STEP
        return self.now

    def _key(self) -> UUID:
        self.keys += 1
        return UUID(int=self.keys)

    def _loan(self, which: int) -> Loan | None:
        return _one(list(self.book.loans.values()), which) if self.book.loans else None

    def _fetch(self, loan: Loan) -> Assignment:
        """As a door would."""
        (rater,) = (person for person in self.world.raters if person.pk == loan.rater)
        return queries.assignments_of(rater, self.world.project).get(pk=loan.pk)

    def _ask(self, deed: Callable[[], object]) -> str:
        try:
            deed()
        except REFUSALS as refusal:
            return type(refusal).__name__
        return "accepted"

    def _note(self, verb: str, came: str, wanted: Outcome) -> None:
        accepted = wanted in (Outcome.DONE, Outcome.LATE, Outcome.SURPLUS, Outcome.AGAIN)
        assert came == ("accepted" if accepted else wanted.value), f"{verb}: expected {wanted}, and it was {came}"
        self.seen[f"{verb}: {wanted}"] += 1


def _one(among: Sequence[Some], which: int) -> Some:
    return among[which % len(among)]


def test_the_database_says_what_the_model_says(world: World) -> None:
    seen = Counter[str]()

    how = settings(max_examples=110, stateful_step_count=30, deadline=None, derandomize=True, database=None)
    machine = cast("type[Judging]", lambda: Judging(world, seen))
    run_state_machine_as_test(machine, settings=settings(how, suppress_health_check=list(HealthCheck)))

    assert not Seat.objects.filter(judged__gt=0).exists(), "a story was not rolled back"
    assert not Standing.objects.filter(gold_seen__gt=0).exists()
    for came in ("lent", "held", "nothing left", "404"):
        assert seen[came], f"no story had {came!r}: {seen}"
    for came in Outcome:
        assert any(seen[f"{verb}: {came}"] for verb in ("submit", "undo", "skip", "revise")), f"no {came!r}: {seen}"

"""What should come of lending, judging, taking back and revising, said once more in plain Python.

The model knows nothing of SQL, locks or Django. It follows the docstrings of the actions; where it and they differ, one
of the two is wrong. It does not say which comparison a rater is lent next, only which ones they may be lent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Outcome(StrEnum):
    """What a request came to. The refusals are named as the exception classes of the actions are."""

    DONE = "done"
    LATE = "done, late"
    SURPLUS = "done, as surplus"
    AGAIN = "again: nothing changes"
    KEY_REUSED = "KeyReused"
    TOO_LATE = "TooLate"
    NOTHING_TO_UNDO = "NothingToUndo"
    ALREADY_ENDED = "AlreadyEnded"
    NOT_REVISABLE = "NotRevisable"
    FROZEN = "Frozen"


@dataclass
class Place:
    """A slot: who holds or filled it, until when a lease keeps others away."""

    rater: int | None = None
    until: datetime | None = None
    filled: bool = False

    def is_free(self, *, rater: int, now: datetime) -> bool:
        """Whether this rater's answer, even a late one, may fill it."""
        lapsed = self.until is not None and self.until <= now
        return not self.filled and (self.rater in (None, rater) or lapsed)


@dataclass
class Item:
    """A comparison with its places by the slot's id. `gold` is its known answer, canonical."""

    batch: int
    overlap: int
    pay: int
    gold: int | None
    places: dict[int, Place]
    is_open: bool = True

    @property
    def filled(self) -> int:
        """How many places are filled."""
        return sum(place.filled for place in self.places.values())

    def scores(self, preference: int) -> int:
        """1 when a canonical preference is on gold's side, 0 otherwise and without gold."""
        sign = (preference > 0) - (preference < 0)
        return int(self.gold is not None and sign == (self.gold > 0) - (self.gold < 0))


@dataclass
class Said:
    """A judgment: as shown and canonical, and why it no longer counts ("" while it does)."""

    pk: int
    key: UUID
    shown: int
    preference: int
    seconds: float
    surplus: bool
    withdrawn: str = ""


@dataclass
class Loan:
    """An assignment, with all that was said on it, the newest last."""

    pk: int
    rater: int
    item: int
    slot: int
    swapped: bool
    state: str = "open"
    skip_reason: str = ""
    said: list[Said] = field(default_factory=list)

    def canonical(self, shown: int) -> int:
        """The preference about A and B of one as shown."""
        return -shown if self.swapped else shown


@dataclass
class Tally:
    """The counters of a rater: of their seat, then of gold."""

    judged: int = 0
    skipped: int = 0
    seconds: float = 0.0
    earned: int = 0
    gold_seen: int = 0
    gold_right: int = 0


@dataclass
class Book:
    """Everything the model believes. Items, loans and tallies by id, frozen marks by batch."""

    items: dict[int, Item]
    tallies: dict[int, Tally]
    loans: dict[int, Loan] = field(default_factory=dict)
    frozen: dict[int, int] = field(default_factory=dict)

    def judgments(self) -> Iterator[tuple[Loan, Said]]:
        """Every judgment there is, with its loan."""
        for loan in self.loans.values():
            for said in loan.said:
                yield loan, said

    def counting(self, item: int) -> list[Said]:
        """The judgments that count on a comparison."""
        return [
            said for loan, said in self.judgments() if loan.item == item and not said.withdrawn and not said.surplus
        ]

    def place(self, loan: Loan) -> Place:
        """The slot of a loan."""
        return self.items[loan.item].places[loan.slot]

    # --- lending ------------------------------------------------------------------------------------------------------

    def keeps(self, loan: Loan) -> bool:
        """Whether its rater still holds it: lapsed or not, as long as nobody else took the place."""
        place = self.place(loan)
        return loan.state == "open" and not place.filled and place.rater == loan.rater

    def held_by(self, rater: int) -> set[int]:
        """The loans a rater is shown again when they ask."""
        mine = (loan for loan in self.loans.values() if loan.rater == rater and self.items[loan.item].is_open)
        return {loan.pk for loan in mine if self.keeps(loan)}

    def may_lend(self, item: int, slot: int, *, rater: int, now: datetime) -> bool:
        """Whether this place may go to this rater: it is open, free, and they never had the comparison."""
        had = any(loan.rater == rater and loan.item == item for loan in self.loans.values())
        return not had and self.items[item].is_open and self.items[item].places[slot].is_free(rater=rater, now=now)

    def left_for(self, rater: int, *, now: datetime) -> set[int]:
        """Ordinary comparisons of which this rater may be lent a place."""
        return {
            pk
            for pk, item in self.items.items()
            if item.gold is None and any(self.may_lend(pk, slot, rater=rater, now=now) for slot in item.places)
        }

    def lend(self, loan: Loan, *, until: datetime) -> None:
        """The loan is its rater's until then."""
        self.loans[loan.pk] = loan
        place = self.place(loan)
        place.rater, place.until = loan.rater, until

    def skip(self, loan: Loan, *, reason: str) -> Outcome:
        """Hand it back: the place is anybody's."""
        if loan.state == "skipped" and loan.skip_reason == reason:
            return Outcome.AGAIN
        if loan.state != "open":
            return Outcome.ALREADY_ENDED
        if self.keeps(loan):
            place = self.place(loan)
            place.rater, place.until = None, None
        loan.state, loan.skip_reason = "skipped", reason
        self.tallies[loan.rater].skipped += 1
        return Outcome.DONE

    # --- judging ------------------------------------------------------------------------------------------------------

    def sent_before(self, loan: Loan, *, key: UUID, shown: int) -> Outcome | None:
        """What a key that this rater used already comes to: nothing new, even after the answer was taken back."""
        for other, said in self.judgments():
            if other.rater == loan.rater and said.key == key:
                same = other is loan and said.shown == shown
                return Outcome.AGAIN if same else Outcome.KEY_REUSED
        return None

    def submit(self, loan: Loan, *, pk: int, key: UUID, shown: int, seconds: float, now: datetime) -> Outcome:
        """Record an answer once. `pk` is the id of the judgment that would be made."""
        if before := self.sent_before(loan, key=key, shown=shown):
            return before
        if loan.state != "open":
            return Outcome.TOO_LATE
        item, place = self.items[loan.item], self.place(loan)
        late = place.until is not None and place.until <= now
        surplus = not place.is_free(rater=loan.rater, now=now)
        if not surplus:
            place.rater, place.until, place.filled = loan.rater, None, True
            item.is_open = item.is_open and item.filled < item.overlap
        loan.state, loan.skip_reason = "judged", ""
        said = Said(pk, key, shown, loan.canonical(shown), seconds, surplus)
        loan.said.append(said)
        self._tally(loan, said, by=1)
        return Outcome.SURPLUS if surplus else Outcome.LATE if late else Outcome.DONE

    def undo(self, loan: Loan, *, key: UUID | None, until: datetime, now: datetime) -> Outcome:
        """Take back the judgment with this key, or a skip when there is none."""
        newest = loan.said[-1] if loan.said else None
        if loan.state == "open":
            known = key is None or (newest is not None and newest.key == key)
            return Outcome.AGAIN if known else Outcome.NOTHING_TO_UNDO
        if loan.state == "skipped":
            return self._undo_skip(loan, until=until, now=now) if key is None else Outcome.NOTHING_TO_UNDO
        if newest is None or newest.key != key:
            return Outcome.NOTHING_TO_UNDO
        newest.withdrawn = "undone"
        if not newest.surplus:
            place = self.place(loan)
            place.filled, place.until = False, until
            self.items[loan.item].is_open = True
        loan.state = "open"
        self._tally(loan, newest, by=-1)
        return Outcome.DONE

    def _undo_skip(self, loan: Loan, *, until: datetime, now: datetime) -> Outcome:
        item, place = self.items[loan.item], self.place(loan)
        if not item.is_open or not place.is_free(rater=loan.rater, now=now):
            return Outcome.NOTHING_TO_UNDO
        place.rater, place.until = loan.rater, until
        loan.state, loan.skip_reason = "open", ""
        self.tallies[loan.rater].skipped -= 1
        return Outcome.DONE

    def revise(self, loan: Loan, said: Said, *, pk: int, key: UUID, shown: int, seconds: float) -> Outcome:
        """Put another answer in the place of `said`."""
        if before := self.sent_before(loan, key=key, shown=shown):
            return before
        if said.withdrawn or said is not loan.said[-1]:
            return Outcome.NOT_REVISABLE
        item = self.items[loan.item]
        if said.pk <= self.frozen.get(item.batch, 0):
            return Outcome.FROZEN
        said.withdrawn = "replaced"
        newer = Said(pk, key, shown, loan.canonical(shown), seconds, said.surplus)
        loan.said.append(newer)
        tally = self.tallies[loan.rater]
        tally.seconds += newer.seconds - said.seconds
        tally.gold_right += item.scores(newer.preference) - item.scores(said.preference)
        return Outcome.DONE

    def _tally(self, loan: Loan, said: Said, *, by: int) -> None:
        """A late answer that found its place taken was work too: it is counted and paid."""
        tally, item = self.tallies[loan.rater], self.items[loan.item]
        tally.judged += by
        tally.seconds += by * said.seconds
        tally.earned += by * item.pay
        tally.gold_seen += by * int(item.gold is not None)
        tally.gold_right += by * item.scores(said.preference)

    # --- leads --------------------------------------------------------------------------------------------------------

    def close(self, batch: int) -> None:
        """Nothing more of the batch is lent."""
        for item in self.items.values():
            if item.batch == batch:
                item.is_open = False

    def freeze(self, batches: list[int], *, upto: int) -> None:
        """No judgment up to this id is revised in these batches."""
        for batch in batches:
            self.frozen[batch] = max(self.frozen.get(batch, 0), upto)

"""Raters who all work at once, some of them in several tabs: what the races are run with."""

from __future__ import annotations

import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Sum
from django.test import Client

from annotation import actions, queries
from annotation.models import Assignment, Bookmark, Comparison, Judgment, Seat, Slot
from raters.models import Project, Standing, User
from tests import make

REFUSALS = (actions.KeyReused, actions.TooLate, actions.AlreadyEnded, actions.NothingToUndo)
IDLE = 20  # a thread that found this many raters in a row without work ends its round


def together(deeds: Sequence[Callable[[], None]]) -> None:
    """Do all of it at the same time, each in a thread of its own that waits for the others before it begins."""
    gate = threading.Barrier(len(deeds))

    def one(deed: Callable[[], None]) -> None:
        try:
            connection.ensure_connection()
            gate.wait(timeout=60)
            deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        for done in [pool.submit(one, deed) for deed in deeds]:
            done.result()


@dataclass
class Log:
    """The raters' own log: the answers they were told are stored, by key, less those they took back."""

    answers: dict[uuid.UUID, int]
    came: Counter[str]
    lock: threading.Lock

    @classmethod
    def empty(cls) -> Log:
        """Nobody has said anything."""
        return cls({}, Counter(), threading.Lock())

    def turn(self) -> int:
        """Turns are counted, and what one in twenty does is what 5 % do."""
        with self.lock:
            self.came["turns"] += 1
            return self.came["turns"] % 20

    def note(self, what: str) -> None:
        """One more of these."""
        with self.lock:
            self.came[what] += 1


class Storm:
    """Threads that take any rater and do what raters do, with the real actions. The clock stands while they work."""

    def __init__(self, project: Project, raters: Sequence[User], *, threads: int, seed: int) -> None:
        self.project, self.raters, self.threads, self.seed = project, raters, threads, seed
        self.now, self.log, self.left = make.NOW, Log.empty(), list[Assignment]()
        self.away = set[int]()
        self.lease = timedelta(seconds=project.lease_seconds)

    def exhaust(self, *, rounds: int = 20) -> None:
        """Work until nothing is open. After each round the leases of those who walked away have run out."""
        for number in range(rounds):
            dice = [random.Random(f"{self.seed}:{number}:{thread}") for thread in range(self.threads)]
            together([partial(self._work, rng) for rng in dice])
            if not Comparison.objects.filter(project=self.project, is_open=True).exists():
                return
            self.now += self.lease + timedelta(seconds=1)
            self.away.clear()
        raise AssertionError(f"still open after {rounds} rounds: {self.log.came}")

    def _work(self, rng: random.Random) -> None:
        idle = 0
        while idle < IDLE:
            idle = 0 if self._turn(rng.choice(self.raters), rng) else idle + 1

    def _turn(self, rater: User, rng: random.Random) -> bool:
        """One rater asks for work and does something with it. Whether there was any."""
        if rater.pk in self.away:
            return True
        queue = actions.lend_ahead(self.project, rater=rater, ahead=rng.choice((1, 1, 2, 3)), now=self.now)
        if not queue.ids:
            self.log.note(type(queue.refusal).__name__)
            return False
        lent = self.fetch(rater, rng.choice(queue.ids))
        turn = self.log.turn()
        if turn == 0:
            self.left.append(lent)
            self.away.add(rater.pk)
            self.log.note("abandoned")
        elif turn == 5:
            self._try("skipped", lambda: actions.skip(lent, reason="broken", now=self.now))
        else:
            if turn in (10, 15):
                actions.keep_leases(self.project, rater=rater, assignments=queue.ids, now=self.now)
            self._answer(lent, rng, twice=turn == 1, undone=turn == 12)
        return True

    def send_what_was_left(self) -> None:
        """Those who walked away come back, and send an answer to what has gone to others meanwhile."""
        rng = random.Random(self.seed)
        for late in self.left:
            self._send(self.fetch(late.rater, late.pk), uuid.UUID(int=rng.getrandbits(128)), 2, lends=False)

    def _answer(self, lent: Assignment, rng: random.Random, *, twice: bool, undone: bool) -> None:
        key, shown, lends = uuid.UUID(int=rng.getrandbits(128)), rng.randint(-3, 3), rng.random() < 0.5
        again = self.fetch(lent.rater, lent.pk)
        if twice:
            sends = ((lent, lends), (again, not lends))
            together([partial(self._send, one, key, shown, lends=also) for one, also in sends])
            self.log.note("sent twice")
        else:
            self._send(lent, key, shown, lends=lends)
        if undone and key in self.log.answers:
            self._take_back(again, key)

    def _send(self, lent: Assignment, key: uuid.UUID, shown: int, *, lends: bool) -> None:
        answer = actions.Answer(shown=shown, seconds=16.0)

        def send() -> None:
            if lends:
                actions.submit_and_lend(
                    lent, project=self.project, answer=answer, key=key, ahead=1, batch=None, now=self.now
                )
            else:
                actions.submit_judgment(lent, answer=answer, key=key, now=self.now)
            self.log.answers[key] = -shown if lent.swapped else shown

        self._try("sent", send)

    def _take_back(self, lent: Assignment, key: uuid.UUID) -> None:
        def undo() -> None:
            actions.undo_answer(lent, key=key, lease=self.lease, now=self.now)
            del self.log.answers[key]

        self._try("undone", undo)

    def _try(self, what: str, deed: Callable[[], object]) -> None:
        try:
            deed()
        except REFUSALS as refusal:
            self.log.note(type(refusal).__name__)
        else:
            self.log.note(what)

    def fetch(self, rater: User, assignment: int) -> Assignment:
        """As a door finds it."""
        return queries.assignments_of(rater, self.project).get(pk=assignment)


class HttpStorm:
    """The same over real HTTP: threads that take any rater's session and do what the bench's script does."""

    def __init__(self, site: str, project: Project, raters: Sequence[User], *, threads: int, seed: int) -> None:
        self.at, self.project, self.threads, self.seed = urlsplit(site).netloc, project, threads, seed
        self.sessions, self.log, self.away = [self._sign_in(rater) for rater in raters], Log.empty(), set[str]()

    def exhaust(self, *, rounds: int = 20) -> None:
        """Work until nothing is open. After each round a lease's time has passed."""
        for number in range(rounds):
            dice = [random.Random(f"{self.seed}:{number}:{thread}") for thread in range(self.threads)]
            together([partial(self._work, rng) for rng in dice])
            if not Comparison.objects.filter(project=self.project, is_open=True).exists():
                return
            self.away.clear()
            past = timedelta(seconds=self.project.lease_seconds + 1)
            Slot.objects.update(leased_until=F("leased_until") - past)
            Bookmark.objects.update(freed_at=F("freed_at") - past)
            Assignment.objects.update(expires_at=F("expires_at") - past)
        raise AssertionError(f"still open after {rounds} rounds: {self.log.came}")

    def in_two_tabs(self) -> list[tuple[str, str]]:
        """Each rater asks for work in two tabs at the same moment: the cards that each tab was given, in order."""
        return [self._two_tabs(session) for session in self.sessions]

    def _two_tabs(self, session: str) -> tuple[str, str]:
        tabs = ["", ""]

        def open_tab(tab: int) -> None:
            _, html = self._ask(session, "GET", "rate/cards/", ahead=2)
            tabs[tab] = ",".join(re.findall(r'data-card="(\d+)"', html))

        together([partial(open_tab, tab) for tab in range(2)])
        return tabs[0], tabs[1]

    @staticmethod
    def _sign_in(rater: User) -> str:
        client = Client()
        client.force_login(rater)
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def _work(self, rng: random.Random) -> None:
        idle = 0
        while idle < IDLE:
            idle = 0 if self._turn(rng.choice(self.sessions), rng) else idle + 1

    def _turn(self, session: str, rng: random.Random) -> bool:
        if session in self.away:
            return True
        status, html = self._ask(session, "GET", "rate/cards/", ahead=rng.choice((1, 2)))
        cards = re.findall(r'data-card="(\d+)"', html)
        if status != 200 or not cards:
            return False
        card, turn = rng.choice(cards), self.log.turn()
        if turn == 0:
            self.away.add(session)
            self.log.note("abandoned")
        elif turn == 5:
            self._ask(session, "POST", f"assignments/{card}/skip/", {"reason": "broken"})
        else:
            if turn in (10, 15):
                self._ask(session, "POST", "rate/leases/", holds=",".join(cards))
            self._answer(session, card, rng, twice=turn == 1, undone=turn == 12)
        return True

    def _answer(self, session: str, card: str, rng: random.Random, *, twice: bool, undone: bool) -> None:
        key, shown = uuid.UUID(int=rng.getrandbits(128)), rng.randint(-3, 3)
        sent = {"preference": str(shown), "key": str(key), "seconds": "16"}
        send = partial(self._send, session, card, sent)
        if twice:
            together([send, send])
            self.log.note("sent twice")
        else:
            send()
        if undone and key in self.log.answers:
            status, _ = self._ask(session, "POST", f"assignments/{card}/undo/", {"key": str(key)})
            if status == 200:
                del self.log.answers[key]

    def _send(self, session: str, card: str, sent: dict[str, str]) -> None:
        status, _ = self._ask(session, "POST", f"assignments/{card}/judgment/", sent)
        if status == 201:
            shown = int(sent["preference"])
            swapped = Assignment.objects.values_list("swapped", flat=True).get(pk=card)
            self.log.answers[uuid.UUID(sent["key"])] = -shown if swapped else shown

    def _ask(
        self,
        session: str,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        *,
        ahead: int = 1,
        holds: str = "",
    ) -> tuple[int, str]:
        """One request of a browser with script. The status is counted."""
        token = "t" * 32
        headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}",
            "X-CSRFToken": token,
            "X-Tare-Ahead": str(ahead),
            "X-Tare-Holds": holds,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        line = HTTPConnection(self.at, timeout=60)
        try:
            line.request(method, f"/p/{self.project.slug}/{path}", urlencode(form or {}), headers)
            answer = line.getresponse()
            body = answer.read().decode()
        finally:
            line.close()
        self.log.note(str(answer.status))
        return answer.status, body


def is_whole(project: Project, answers: dict[uuid.UUID, int]) -> None:
    """Every comparison has exactly its overlap, no rater twice on one, every counter right, every answer there once.

    `answers` are what raters were told is stored, by key, as canonical preferences.
    """
    counted = queries.counted_judgments().filter(comparison__project=project)
    on = dict(counted.values_list("comparison").annotate(n=Count("pk")))
    people = dict(counted.values_list("comparison").annotate(n=Count("rater", distinct=True)))
    slots = dict(
        Slot.objects.filter(comparison__project=project, filled_at__isnull=False)
        .values_list("comparison")
        .annotate(n=Count("rater", distinct=True))
    )
    for each in Comparison.objects.filter(project=project):
        found = (each.filled, slots.get(each.pk), on.get(each.pk), people.get(each.pk), each.is_open)
        assert found == (each.overlap, each.overlap, each.overlap, each.overlap, False), each
    standing = Judgment.objects.filter(comparison__project=project, withdrawal=None)
    assert dict(standing.values_list("key", "preference")) == answers
    assert len(set(standing.values_list("rater", "comparison"))) == standing.count()
    _counters_are_right(project)


def _counters_are_right(project: Project) -> None:
    standing = Judgment.objects.filter(comparison__project=project, withdrawal=None)
    judged = {rater: (n, time) for rater, n, time in _by_rater(standing)}
    skips = Assignment.objects.filter(comparison__project=project, state=Assignment.State.SKIPPED)
    skipped = dict(skips.values_list("rater").annotate(n=Count("pk")))
    for seat in Seat.objects.filter(project=project):
        n, time = judged.get(seat.rater_id, (0, 0))
        assert (seat.judged, seat.seconds, seat.skipped) == (n, time, skipped.get(seat.rater_id, 0)), seat
    gold = {rater: n for rater, n, _ in _by_rater(standing.filter(comparison__gold_preference__isnull=False))}
    for each in Standing.objects.filter(project=project):
        assert each.gold_seen == gold.get(each.user_id, 0), each


def _by_rater(judgments: object) -> list[tuple[int, int, float]]:
    assert hasattr(judgments, "values_list")
    return list(judgments.values_list("rater").annotate(n=Count("pk"), time=Sum("seconds")))

"""Everybody at once: slots go round exactly, and nothing that was stored is lost, doubled or miscounted.

Each race was seen to fail without its lock; the docstrings say which line was taken out and what was seen then.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from pytest_django.live_server_helper import LiveServer

from annotation import actions
from annotation.models import Assignment, Judgment, Seat
from raters.models import Project, User
from tests import make
from tests.storm import HttpStorm, Storm, is_whole, together

pytestmark = pytest.mark.django_db(transaction=True)


def crowd(project: Project, size: int) -> list[User]:
    """Raters who have read the guideline. Some of them sit already; for the others the race is for a seat, too."""
    make.guideline(project)
    return [make.rater(project) for _ in range(size)]


def test_sixty_four_raters_race_for_twenty_four_slots(project: Project) -> None:
    """Each asks for one comparison at the same moment: every slot is lent once, and the others are told there is none.

    With `FOR UPDATE SKIP LOCKED` taken out of TAKE (annotation/actions/taking.py) all sixty-four were lent one of the
    same slots.
    """
    raters = crowd(project, 64)
    make.batch(project, comparisons=8, overlap=3)
    storm = Storm(project, raters, threads=64, seed=1)
    lent, refused = list[Assignment](), list[User]()

    def take(rater: User) -> None:
        try:
            lent.append(actions.lend_next(project, rater=rater, now=storm.now))
        except actions.NothingLeft:
            refused.append(rater)

    together([partial(take, rater) for rater in raters])

    assert (len(lent), len(refused)) == (24, 40)
    assert len({assignment.slot_id for assignment in lent}) == 24
    assert set(Counter(assignment.comparison_id for assignment in lent).values()) == {3}

    storm.exhaust()

    is_whole(project, storm.log.answers)


def test_two_hundred_raters_exhaust_a_pool(project: Project, cleo: User) -> None:
    """Twelve threads, each taking any rater at any time: leases abandoned, answers sent twice, late, skipped, undone.

    With `FOR UPDATE OF seat` taken out of lending's SIT_DOWN, two threads of one rater ended in a deadlock.
    """
    raters = crowd(project, 200)
    batch = make.batch(project, comparisons=80, overlap=3)
    for known in batch.comparisons.order_by("pk")[:12]:
        actions.mark_gold(known, preference=1, reason="It is known.", by=cleo)
    storm = Storm(project, raters, threads=12, seed=2)

    storm.exhaust()

    is_whole(project, storm.log.answers)
    for what in ("abandoned", "skipped", "undone", "sent twice", "NothingLeft"):
        assert storm.log.came[what], f"the storm had no {what}: {storm.log.came}"

    storm.send_what_was_left()

    is_whole(project, storm.log.answers)
    assert Judgment.objects.filter(surplus=True).exists()


def test_over_http_every_request_is_answered(project: Project, live_server: LiveServer) -> None:
    """Twenty-four raters over real HTTP, in eight threads that each take any of them: not one answer of 500 or more.

    First each of them asks in two tabs at once, which show the same. With `FOR UPDATE OF seat` taken out of lending's
    SIT_DOWN one of the two tabs was given nothing: both had been lent a slot of the same comparison.
    """
    raters = crowd(project, 24)
    make.batch(project, comparisons=16, overlap=3)
    Seat.objects.bulk_create(Seat(project=project, rater=rater) for rater in raters)
    storm = HttpStorm(live_server.url, project, raters, threads=8, seed=3)

    for one, other in storm.in_two_tabs():
        assert one
        assert one == other

    storm.exhaust()

    is_whole(project, storm.log.answers)
    assert not [status for status in storm.log.came if status.isdigit() and int(status) >= 500], storm.log.came
    for what in ("201", "abandoned", "sent twice"):
        assert storm.log.came[what], f"the storm had no {what}: {storm.log.came}"

"""What a rater earned: each answer that counts is paid once, in the week in which it was first sent."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from annotation import actions, queries
from annotation.models import Batch
from raters.models import Project, User
from tests import make

HOME = "/p/helpfulness/"


@pytest.fixture
def hers(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _page(client: Client, path: str = "") -> str:
    return client.get(HOME + path).content.decode()


class TestEarnings:
    def test_each_answer_that_counts_is_paid_once(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=4, name="batch 7")
        Batch.objects.update(pay_minor=250)
        judgments = [make.judgment_today(ada, project, seconds=1800.0) for _ in range(3)]
        actions.undo_judgment(judgments[2], lease=timedelta(minutes=5), now=timezone.now())
        actions.revise_judgment(
            judgments[0], answer=actions.Answer(shown=3, seconds=1800.0), key=uuid.uuid4(), now=timezone.now()
        )

        html = _page(hers, "earnings/")

        assert "€5.00 in all, for 1 h 00 of active time" in html
        assert re.search(r"<td>batch 7</td><td class=\"r\">2</td><td class=\"r nw\">1 h 00</td>.*?€5.00", html)
        assert "1 h 00, €5.00" in _page(hers)

    def test_a_change_moves_no_money_to_another_week(self, project: Project, ada: User) -> None:
        make.batch(project)
        Batch.objects.update(pay_minor=250)
        first = make.judgment(ada, project)
        later = make.NOW + timedelta(days=10)
        actions.revise_judgment(first, answer=actions.Answer(shown=3), key=uuid.uuid4(), now=later)

        (week,) = queries.earnings_page(project, ada, now=later).weeks

        assert (week.start.date().isoformat(), week.amount) == ("2026-11-23", "€2.50")

    def test_older_weeks_are_a_page_away(self, project: Project, ada: User) -> None:
        make.batch(project)
        make.judgment(ada, project)
        User.objects.update(created_at=make.NOW - timedelta(days=1))
        in_spring = make.NOW + timedelta(weeks=14)

        now, before = (queries.earnings_page(project, ada, now=in_spring, number=number) for number in (1, 2))

        assert (now.weeks, now.older) == ((), 2)
        assert (len(before.weeks), before.newer, before.older) == (1, 1, None)

    def test_can_be_taken_away_as_csv(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project, name="=HYPERLINK(1)")
        Batch.objects.update(pay_minor=62)
        make.judgment_today(ada, project, seconds=1800.0)

        answer = hers.get(f"{HOME}earnings/csv/")
        header, row = list(csv.reader(io.StringIO(answer.content.decode())))

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert header == ["week", "batch", "answers", "hours", "amount", "currency"]
        assert row[1:] == ["'=HYPERLINK(1)", "1", "0.50", "0.62", "EUR"]

    def test_are_nobody_elses(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project, name="batch 7")
        make.judgment_today(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert "batch 7" not in _page(client, "earnings/") + _page(client, "earnings/csv/")

"""What a rater earned, by day or week and batch: each answer that was not taken back is paid once.

An answer belongs to the moment it was first sent. A later revision of it moves no money from one week to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDay, TruncWeek

from annotation.charts import Bar, Chart, bar_chart
from annotation.models import Judgment, Seat, TaskAnswer
from raters.money import duration, money, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raters.models import Project, User

DAYS = 14
WEEKS = 12  # on one page


@dataclass(frozen=True, slots=True)
class Earned:
    """Answers of one batch in one day or week. `minor` is None where a batch has no price."""

    start: datetime
    batch: str
    answers: int
    seconds: float
    minor: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page, in words."""

    batch: str
    answers: int
    time: str
    amount: str


@dataclass(frozen=True, slots=True)
class Week:
    """One week, from Monday, and its sums."""

    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    answers: int
    time: str
    amount: str


@dataclass(frozen=True, slots=True)
class EarningsPage:
    """Twelve weeks of work; `older` and `newer` are page numbers, None where there is no such page."""

    weeks: tuple[Week, ...]
    total: str
    time: str
    judged: int
    number: int
    older: int | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class Fortnight:
    """The last two weeks in one line and fourteen bars."""

    text: str
    chart: Chart
    first: datetime


def earned(
    project: Project, rater: User, *, since: datetime, until: datetime, by: type[TruncDay | TruncWeek]
) -> list[Earned]:
    """What was answered from `since` to before `until`, the newest first. Two questions."""
    sent = {"assignment__rater": rater, "assignment__ended_at__gte": since, "assignment__ended_at__lt": until}
    # work that came late is work: an answer that found its place taken is paid like any other
    judged = Judgment.objects.filter(withdrawal=None, comparison__project=project, **sent)
    other = TaskAnswer.objects.filter(withdrawal=None, assignment__task__project=project, **sent)
    found = [*_grouped(judged, "comparison__batch", by), *_grouped(other, "assignment__task__batch", by)]
    return sorted(found, key=lambda each: (each.start, each.batch), reverse=True)


def _grouped(answers: Any, batch: str, by: type[TruncDay | TruncWeek]) -> Iterable[Earned]:
    rows = (
        answers.order_by()
        .annotate(start=by("assignment__ended_at"), batch_name=F(f"{batch}__name"), pay=F(f"{batch}__pay_minor"))
        .values_list("start", "batch_name", "pay")
        .annotate(n=Count("pk"), time=Sum("seconds"))
    )
    for start, name, pay, n, time in rows:
        yield Earned(start, name, n, time, None if pay is None else pay * n)


def fortnight(project: Project, rater: User, *, now: datetime) -> Fortnight:
    """Time on each of the last fourteen days, and what it brought."""
    first = _midnight(now) - timedelta(days=DAYS - 1)
    rows = earned(project, rater, since=first, until=now + timedelta(seconds=1), by=TruncDay)
    hours = {first + timedelta(days=n): 0.0 for n in range(DAYS)}
    for row in rows:
        hours[row.start] = hours.get(row.start, 0.0) + row.seconds / 3600
    time = duration(sum(row.seconds for row in rows))
    bars = [Bar(f"{day.day}" if n % 3 == 1 else "", round(spent, 1)) for n, (day, spent) in enumerate(hours.items())]
    chart = bar_chart(bars, title=f"{time} of work in two weeks", columns=("Day", "Hours"))
    return Fortnight(f"{time}{_and_money(rows, project.currency)}", chart, first)


def _and_money(rows: Iterable[Earned], currency: str) -> str:
    priced = [row.minor for row in rows if row.minor is not None]
    return f", {money(sum(priced), currency)}" if priced else ""


def earnings_page(project: Project, rater: User, *, now: datetime, number: int = 1) -> EarningsPage:
    """Page `number` of the weeks, the newest first; 1 is the one with this week."""
    until, since = _span(now, number=number)
    weeks: dict[datetime, list[Earned]] = {}
    for row in earned(project, rater, since=since, until=until, by=TruncWeek):
        weeks.setdefault(row.start, []).append(row)
    seat = Seat.objects.filter(project=project, rater=rater).first() or Seat()
    joined = rater.standings.filter(project=project).values_list("user__created_at", flat=True).first()
    return EarningsPage(
        weeks=tuple(_week(start, rows, project.currency) for start, rows in weeks.items()),
        total=money(seat.earned_minor, project.currency),
        time=duration(seat.seconds),
        judged=seat.judged,
        number=number,
        older=number + 1 if joined is not None and joined < since else None,
        newer=number - 1 if number > 1 else None,
    )


def earnings_rows(project: Project, rater: User, *, now: datetime, number: int = 1) -> list[tuple[str, ...]]:
    """The same page for a spreadsheet: week, batch, answers, hours, amount, currency; the first row names them."""
    until, since = _span(now, number=number)
    rows = earned(project, rater, since=since, until=until, by=TruncWeek)
    return [
        ("week", "batch", "answers", "hours", "amount", "currency"),
        *(
            (
                f"{row.start:%Y-%m-%d}",
                _harmless(row.batch),
                str(row.answers),
                f"{row.seconds / 3600:.2f}",
                "" if row.minor is None else plain(row.minor, project.currency),
                project.currency,
            )
            for row in rows
        ),
    ]


def _harmless(text: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _span(now: datetime, *, number: int) -> tuple[datetime, datetime]:
    monday = _midnight(now) - timedelta(days=now.weekday())
    until = monday + timedelta(weeks=1 - WEEKS * (number - 1))
    return until, until - timedelta(weeks=WEEKS)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _week(start: datetime, rows: list[Earned], currency: str) -> Week:
    return Week(
        start=start,
        end=start + timedelta(days=6),
        rows=tuple(
            Row(row.batch, row.answers, duration(row.seconds), "" if row.minor is None else money(row.minor, currency))
            for row in rows
        ),
        answers=sum(row.answers for row in rows),
        time=duration(sum(row.seconds for row in rows)),
        amount=_and_money(rows, currency).removeprefix(", "),
    )

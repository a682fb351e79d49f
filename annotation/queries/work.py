"""Which judgments count, and what a rater finds on their home page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count
from django.db.models.functions import TruncDate

from annotation.charts import Bar, Chart, Svg, bar_chart, whisker
from annotation.models import Comparison, Judgment, Seat
from annotation.queries.bench import SET_SIZE, minutes_left
from guidelines import queries as guidelines
from raters.queries import standing_of
from raters.trust import gold_trust

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from guidelines.models import GuidelineVersion
    from raters.models import Project, Standing, User

DAYS = 14


def counted_judgments() -> QuerySet[Judgment]:
    """The judgments that count: neither taken back nor surplus. At most one per rater and comparison."""
    return Judgment.objects.filter(withdrawal=None, surplus=False)


def given_judgments() -> QuerySet[Judgment]:
    """Those of them that a rater gave on two responses shown side by side.

    The rest are implied by a ranking or an edit: they had no side, and those of one answer are not independent.
    """
    return counted_judgments().filter(answer=None)


@dataclass(frozen=True, slots=True)
class Work:
    """The stretch of work that waits."""

    title: str
    done: int
    total: int
    skipped: int
    minutes_left: int | None


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule by number and title."""

    number: str
    title: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A guideline version to confirm before judging goes on."""

    id: int
    name: str
    label: str
    rules: tuple[RuleLine, ...]
    questions: int


@dataclass(frozen=True, slots=True)
class OwnQuality:
    """What gold items say of the rater, with how sure that is."""

    right: int
    seen: int
    percent: str
    low: str
    high: str
    whisker: Svg


@dataclass(frozen=True, slots=True)
class HomePage:
    """A rater's home."""

    greeting: str
    summary: str
    work: Work | None
    reading: tuple[Reading, ...]
    quality: OwnQuality | None
    judged: int
    skipped: int
    days: Chart


def home_page(project: Project, rater: User, *, now: datetime) -> HomePage:
    """What to do next, and how it is going."""
    seat = Seat.objects.filter(project=project, rater=rater).first() or Seat(project=project, rater=rater)
    standing = standing_of(rater, project)
    reading = tuple(_reading(version) for version in guidelines.unread_by(rater, project))
    work = None if standing.paused_at or reading else _work(project, seat)
    return HomePage(
        greeting=f"Good {_part_of(now)}, {rater.name.split()[0] if rater.name else 'there'}",
        summary=_summary(work, reading, standing),
        work=work,
        reading=reading,
        quality=_quality(standing),
        judged=seat.judged,
        skipped=seat.skipped,
        days=_days(project, rater, now=now),
    )


def _part_of(now: datetime) -> str:
    return "morning" if now.hour < 12 else "afternoon" if now.hour < 18 else "evening"


def _summary(work: Work | None, reading: tuple[Reading, ...], standing: Standing) -> str:
    if standing.paused_at:
        return f"Your work here is paused. {standing.pause_reason}".strip()
    if reading:
        count = "One guideline" if len(reading) == 1 else f"{len(reading)} guidelines"
        return f"{count} to read before the next comparison."
    return "You have comparisons waiting." if work else "You are up to date."


def _reading(version: GuidelineVersion) -> Reading:
    return Reading(
        version.pk,
        version.guideline.name,
        version.label,
        tuple(RuleLine(rule.number, rule.title) for rule in version.rules.all()),
        version.questions.count(),
    )


def _work(project: Project, seat: Seat) -> Work | None:
    newest = Comparison.objects.filter(project=project, is_open=True).select_related("batch").order_by("pk").first()
    if newest is None:
        return None
    done = (seat.judged + seat.skipped) % SET_SIZE
    return Work(
        title=f"{project.name}, {newest.batch.name}",
        done=done,
        total=SET_SIZE,
        skipped=seat.skipped,
        minutes_left=minutes_left(project, seat.rater_id, items=SET_SIZE - done),
    )


def _quality(standing: Standing) -> OwnQuality | None:
    if not standing.gold_seen:
        return None
    trust = gold_trust(right=standing.gold_right, answered=standing.gold_seen)
    title = f"Between {trust.low:.0%} and {trust.high:.0%} of checked items right"
    return OwnQuality(
        right=standing.gold_right,
        seen=standing.gold_seen,
        percent=f"{standing.gold_right / standing.gold_seen:.0%}",
        low=f"{trust.low:.0%}",
        high=f"{trust.high:.0%}",
        whisker=whisker(trust.mean, trust.low, trust.high, title=title, tone="acc"),
    )


def _days(project: Project, rater: User, *, now: datetime) -> Chart:
    first = (now - timedelta(days=DAYS - 1)).date()
    counts = dict(
        given_judgments()
        .filter(rater=rater, comparison__project=project, created_at__date__gte=first)
        .annotate(day=TruncDate("created_at"))
        .values_list("day")
        .annotate(n=Count("pk"))
    )
    days = [first + timedelta(days=n) for n in range(DAYS)]
    bars = [Bar(f"{day.day}" if n % 3 == 1 else "", counts.get(day, 0)) for n, day in enumerate(days)]
    return bar_chart(bars, title=f"{sum(counts.values())} judgments in two weeks", columns=("Day", "Judgments"))

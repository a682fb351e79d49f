"""What a rater finds on their home page: what to do next, and how it is going."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from annotation.kinds import DEMONSTRATION, EDIT, LIVE, PAIRWISE, RANKING, RED_TEAM
from annotation.models import Assignment, Batch, Judgment, Seat, TaskAnswer
from annotation.queries.bench import PACE_FROM, SET_SIZE
from annotation.queries.earnings import Fortnight, fortnight
from annotation.queries.feedback import Feedback, feedback_page
from annotation.queries.measures import OwnQuality, Share, agreement_and_ties, checked
from guidelines import queries as guidelines
from raters.money import duration, money
from raters.queries import standing_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from guidelines.models import GuidelineVersion
    from raters.models import Project, Standing, User

MOST_BATCHES = 20
MOST_ITEMS = 100  # are counted; a longer batch is "100+"
FEEDBACK_SHOWN = 3
PACE_NEEDS = 3  # answers of a kind before a pace is guessed from them
DOORS = {PAIRWISE: "rate", RANKING: "work", DEMONSTRATION: "work", EDIT: "work", LIVE: "live", RED_TEAM: "live"}
ENDLESS = (LIVE, RED_TEAM)
ITEMS = {PAIRWISE: "item", RANKING: "ranking", DEMONSTRATION: "text", EDIT: "text"}

# Both counts stop early: what a rater's home costs does not grow with the batch.
OPEN_BATCHES = """
SELECT batch.id, batch.name, batch.kind, batch.is_sensitive, batch.pay_minor, batch.guideline_id,
  (SELECT count(*) FROM (SELECT 1 FROM annotation_comparison item
     WHERE item.batch_id = batch.id AND item.is_open LIMIT %(most)s) pairs)
  + (SELECT count(*) FROM (SELECT 1 FROM annotation_task item
     WHERE item.batch_id = batch.id AND item.is_open LIMIT %(most)s) tasks)
FROM annotation_batch batch
WHERE batch.project_id = %(project)s AND batch.closed_at IS NULL ORDER BY batch.id LIMIT %(batches)s
"""


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
    """A guideline version to confirm before judging goes on; `revised` says what changed since the last one."""

    id: int
    name: str
    label: str
    rules: tuple[RuleLine, ...]
    questions: int
    revised: guidelines.Revised | None


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch with work in it. `door` names the page where it is done; `state` is "open", "read" or "opt_in"."""

    id: int
    name: str
    kind: str
    door: str
    with_batch_in_path: bool
    is_sensitive: bool
    items: str
    time: str
    amount: str
    each: str
    state: str
    version_id: int | None


@dataclass(frozen=True, slots=True)
class HomePage:
    """A rater's home."""

    greeting: str
    summary: str
    is_paused: bool
    work: Work | None
    reading: tuple[Reading, ...]
    batches: tuple[OpenBatch, ...]
    more_batches: bool
    quality: OwnQuality | None
    agreement: Share | None
    ties: Share | None
    feedback: tuple[Feedback, ...]
    judged: int
    skipped: int
    fortnight: Fortnight


def home_page(project: Project, rater: User, *, now: datetime) -> HomePage:
    """What to do next, and how it is going."""
    seat = Seat.objects.filter(project=project, rater=rater).first() or Seat(project=project, rater=rater)
    standing = standing_of(rater, project)
    unread = list(guidelines.unread_by(rater, project).prefetch_related("rules", "questions"))
    pace = _pace(project, rater)
    batches, more = _batches(project, standing, unread=unread, pace=pace)
    work = _work(project, seat, batches, pace=pace)
    agreement, ties = agreement_and_ties(project, rater, now=now)
    return HomePage(
        greeting=f"Good {_part_of(now)}, {rater.name.split()[0] if rater.name else 'there'}",
        summary=_summary(work, batches, unread, standing),
        is_paused=standing.paused_at is not None,
        work=None if standing.paused_at or unread else work,
        reading=_readings(rater, unread),
        batches=() if standing.paused_at else batches,
        more_batches=more,
        quality=checked(project, rater, now=now),
        agreement=agreement,
        ties=ties,
        feedback=feedback_page(project, rater, size=FEEDBACK_SHOWN).items,
        judged=seat.judged,
        skipped=seat.skipped,
        fortnight=fortnight(project, rater, now=now),
    )


def _part_of(now: datetime) -> str:
    return "morning" if now.hour < 12 else "afternoon" if now.hour < 18 else "evening"


def _summary(
    work: Work | None, batches: tuple[OpenBatch, ...], unread: Sequence[GuidelineVersion], standing: Standing
) -> str:
    if standing.paused_at:
        return f"Your work here is paused. {standing.pause_reason}".strip()
    if unread:
        count = "One guideline" if len(unread) == 1 else f"{len(unread)} guidelines"
        return f"{count} to read before the next comparison."
    if work:
        return "You have comparisons waiting."
    return "There is work you can take." if batches else "You are up to date."


def _readings(rater: User, unread: Sequence[GuidelineVersion]) -> tuple[Reading, ...]:
    revised = guidelines.revised_for(rater, unread)
    return tuple(
        Reading(
            id=version.pk,
            name=version.guideline.name,
            label=version.label,
            rules=tuple(RuleLine(rule.number, rule.title) for rule in version.rules.all()),
            questions=len(version.questions.all()),
            revised=revised.get(version.pk),
        )
        for version in unread
    )


def _pace(project: Project, rater: User) -> dict[str, float]:
    """Kind of work to the rater's own median seconds for one answer, where there are enough. Two questions."""
    judged = Judgment.objects.filter(rater=rater, comparison__project=project, assignment__isnull=False)
    taken: dict[str, list[float]] = defaultdict(list)
    taken[PAIRWISE] = list(judged.order_by("-pk").values_list("seconds", flat=True)[:PACE_FROM])
    other = TaskAnswer.objects.filter(rater=rater, assignment__task__project=project).order_by("-pk")
    for kind, seconds in other.values_list("assignment__task__batch__kind", "seconds")[: 3 * PACE_FROM]:
        taken[kind].append(seconds)
    return {kind: statistics.median(seconds) for kind, seconds in taken.items() if len(seconds) >= PACE_NEEDS}


def _batches(
    project: Project, standing: Standing, *, unread: Sequence[GuidelineVersion], pace: dict[str, float]
) -> tuple[tuple[OpenBatch, ...], bool]:
    """The open batches that still have work, the oldest first, and whether there are more."""
    to_read = {version.guideline_id: version.pk for version in unread}
    with connection.cursor() as cursor:
        wanted = {"project": project.pk, "most": MOST_ITEMS + 1, "batches": MOST_BATCHES + 1}
        cursor.execute(OPEN_BATCHES, wanted)
        rows = cursor.fetchall()
    found = []
    for pk, name, kind, is_sensitive, pay, guideline, items in rows[:MOST_BATCHES]:
        if not items and kind not in ENDLESS:
            continue
        needs_consent = is_sensitive and not standing.sensitive_since
        found.append(
            OpenBatch(
                id=pk,
                name=name,
                kind=Batch.Kind(kind).label,
                door=DOORS[kind],
                with_batch_in_path=kind != PAIRWISE,
                is_sensitive=is_sensitive,
                items=_items(kind, items),
                time=duration(pace[kind] * items) if kind in pace and 0 < items <= MOST_ITEMS else "",
                amount=money(pay * items, project.currency) if pay is not None and 0 < items <= MOST_ITEMS else "",
                each=f"{money(pay, project.currency)} each" if pay is not None else "",
                state="opt_in" if needs_consent else "read" if guideline in to_read else "open",
                version_id=to_read.get(guideline),
            )
        )
    return tuple(found), len(rows) > MOST_BATCHES


def _items(kind: str, items: int) -> str:
    if kind in ENDLESS:
        return "As you like"
    word = ITEMS[kind]
    return f"{MOST_ITEMS}+ {word}s" if items > MOST_ITEMS else f"{items} {word}{'' if items == 1 else 's'}"


def _work(project: Project, seat: Seat, batches: tuple[OpenBatch, ...], *, pace: dict[str, float]) -> Work | None:
    """The stretch on the bench: of the batch a comparison is held from, else of the first that may be taken."""
    held = (
        Assignment.objects.filter(rater=seat.rater_id, comparison__project=project, state=Assignment.State.OPEN)
        .order_by("pk")
        .values_list("comparison__batch", flat=True)
        .first()
    )
    open_to_them = [batch for batch in batches if batch.door == DOORS[PAIRWISE] and batch.state != "opt_in"]
    batch = next((batch for batch in open_to_them if batch.id == held), next(iter(open_to_them), None))
    if batch is None:
        return None
    done = (seat.judged + seat.skipped) % SET_SIZE
    left = pace.get(PAIRWISE)
    return Work(
        title=f"{project.name}, {batch.name}",
        done=done,
        total=SET_SIZE,
        skipped=seat.skipped,
        minutes_left=None if left is None else max(1, round(left * (SET_SIZE - done) / 60)),
    )

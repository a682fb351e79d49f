"""What a rater may see of one comparison, and in which order. Nothing else leaves the server.

Blindness is kept here: a card carries texts and sides, never a model, a gold flag, a score or another's answer.
"""

from __future__ import annotations

import statistics
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import OuterRef, QuerySet, Subquery

from annotation.kinds import IN_WORDS, PAIRWISE, SKIP_REASONS, Asks, canonical
from annotation.models import Assignment, Judgment
from annotation.queries.rendering import html_of
from guidelines.models import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from raters.models import Project, User

SET_SIZE = 40  # comparisons that a rater sees as one stretch of work
PACE_FROM = 20  # judgments that the time left is estimated from
LONG_WORDS = 900  # an answer longer than this is clipped, and the other one with it


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation."""

    role: str
    html: SafeString
    judged: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One response: safe html to show, and the exact text behind it."""

    html: SafeString
    raw: str
    words: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the rater is in this stretch of work."""

    done: int
    total: int
    ticks: tuple[str, ...]
    minutes_left: int | None


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name to show."""

    id: int
    name: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class RuleChip:
    """A rule that may have decided."""

    id: int
    number: str
    title: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a comparison cannot be judged."""

    value: str
    label: str


REASONS = tuple(Reason(value, label) for value, label in SKIP_REASONS.items() if value != "skip")


@dataclass(frozen=True, slots=True)
class Card:
    """All a rater may see of an assignment, in the order to show it: `a` is what stands on the left."""

    assignment_id: int
    key: str
    batch: Named
    is_sensitive: bool
    turns: tuple[Turn, ...]
    language: str
    a: Side
    b: Side
    clip: bool
    guideline: Named
    rules: tuple[RuleChip, ...]
    asks: Asks
    ask_rationale: bool
    reasons: tuple[Reason, ...]
    draft: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Undo:
    """The last answer, in words. `key` names the judgment; a skip has none."""

    assignment_id: int
    key: str
    text: str


def assignments_of(rater: User, project: Project) -> QuerySet[Assignment]:
    """The only assignments this rater may touch on the bench. Every door starts here."""
    mine = Assignment.objects.filter(rater=rater, comparison__project=project, comparison__batch__kind=PAIRWISE)
    return mine.select_related("comparison__batch", "rater")


def judgments_of(rater: User, project: Project) -> QuerySet[Judgment]:
    """The only judgments this rater may touch. One that an answer implies goes with the answer."""
    return Judgment.objects.filter(rater=rater, comparison__project=project, answer=None).select_related(
        "comparison__project", "assignment"
    )


def asks_for(assignment: Assignment) -> Asks:
    """What is asked on this assignment. Of one from `assignments_of` it costs no statement."""
    return Asks.read(assignment.comparison.batch.asks)


def cards_of(assignments: Sequence[int]) -> list[Card]:
    """Shape these assignments for the page, in this order. Two statements, however many there are."""
    shown = Assignment.objects.filter(pk__in=assignments).values_list(
        "pk",
        "swapped",
        "draft",
        "comparison__prompt__messages",
        "comparison__prompt__language",
        "comparison__response_a__text",
        "comparison__response_b__text",
        "comparison__batch",
        "comparison__batch__name",
        "comparison__batch__is_sensitive",
        "comparison__batch__asks",
        "guideline_version",
        "guideline_version__guideline__name",
        "guideline_version__major",
        "guideline_version__minor",
    )
    rows = {row[0]: row for row in shown}
    texts = {text for row in rows.values() for text in (row[5], row[6], *(turn["content"] for turn in row[3]))}
    html = html_of(texts)
    return [_card(rows[pk], html) for pk in assignments if pk in rows]


def _card(row: tuple, html: dict[str, SafeString]) -> Card:  # type: ignore[type-arg]  # a row of fifteen columns
    pk, swapped, draft, messages, language, first, second, batch, batch_name, sensitive, asks, *guideline = row
    version, guideline_name, major, minor = guideline
    left, right = (second, first) if swapped else (first, second)
    asked = Asks.read(asks)
    sides = [Side(html[text], text, len(text.split())) for text in (left, right)]
    last = len(messages) - 1
    return Card(
        assignment_id=pk,
        key=str(uuid.uuid4()),
        batch=Named(batch, batch_name),
        is_sensitive=sensitive,
        turns=tuple(
            Turn(message["role"], html[message["content"]], judged=place == last)
            for place, message in enumerate(messages)
        ),
        language=language,
        a=sides[0],
        b=sides[1],
        clip=max(side.words for side in sides) > LONG_WORDS,
        guideline=Named(version, guideline_name, f"{major}.{minor}"),
        rules=rules_of(version),
        asks=asked,
        # the id decides, so a reload asks the same; it says nothing about the item
        ask_rationale=asked.asks_rationale(pk),
        reasons=REASONS,
        draft=draft or {},
    )


@lru_cache(maxsize=64)
def rules_of(version_id: int) -> tuple[RuleChip, ...]:
    """The rules of a published version: the database refuses to change them, so a process asks once."""
    return tuple(
        RuleChip(*rule) for rule in Rule.objects.filter(version=version_id).values_list("pk", "number", "title")
    )


def progress_of(project: Project, rater: User, *, judged: int, skipped: int) -> Progress:
    """Where the rater is, from the counters of their seat and the last stretch. One statement."""
    done = (judged + skipped) % SET_SIZE
    newest = Judgment.objects.filter(assignment=OuterRef("pk")).order_by("-revision").values("seconds")[:1]
    recent = list(
        Assignment.objects.filter(rater=rater, comparison__project=project, ended_at__isnull=False)
        .order_by("-ended_at")
        .annotate(seconds=Subquery(newest))
        .values_list("state", "seconds")[: max(done, PACE_FROM)]
    )
    names = {Assignment.State.JUDGED: "done", Assignment.State.SKIPPED: "skipped"}
    ticks = [names[Assignment.State(state)] for state, _ in reversed(recent[:done])]
    ticks = ["done"] * (done - len(ticks)) + ticks  # other kinds of work count too
    ticks += ["current"] + ["todo"] * (SET_SIZE - len(ticks) - 1)
    pace = [seconds for state, seconds in recent if state == Assignment.State.JUDGED and seconds is not None]
    return Progress(done, SET_SIZE, tuple(ticks), _minutes(pace[:PACE_FROM], items=SET_SIZE - done))


def minutes_left(project: Project, rater_id: int, *, items: int) -> int | None:
    """At the rater's own pace; None before there is one."""
    recent = Judgment.objects.filter(rater=rater_id, comparison__project=project, answer=None).order_by("-id")
    return _minutes(list(recent.values_list("seconds", flat=True)[:PACE_FROM]), items=items)


def _minutes(seconds: Sequence[float], *, items: int) -> int | None:
    return max(1, round(statistics.median(seconds) * items / 60)) if len(seconds) >= 3 else None


def undo_of(rater: User, project: Project) -> Undo | None:
    """The last answer or skip, as it stood on the screen, if it can be taken back: only that one can."""
    last = assignments_of(rater, project).exclude(state=Assignment.State.OPEN).order_by("-ended_at").first()
    if last is None:
        return None
    if last.state == Assignment.State.SKIPPED:
        return Undo(last.pk, "", "Skipped")
    said = Judgment.objects.filter(assignment=last, withdrawal=None).order_by("-revision").first()
    if said is None:
        return None
    return Undo(last.pk, str(said.key), f"Sent: {IN_WORDS[canonical(said.preference, swapped=said.swapped)]}")


def draft_from(judgment: Judgment) -> dict[str, list[str]]:
    """The form as it stood when the judgment was sent, so that undo gives the draft back."""
    flags = (judgment.flags_b, judgment.flags_a) if judgment.swapped else (judgment.flags_a, judgment.flags_b)
    return {
        "preference": [str(canonical(judgment.preference, swapped=judgment.swapped))],
        **{
            f"quality_{name}": [str(canonical(said, swapped=judgment.swapped))]
            for name, said in judgment.qualities.items()
        },
        "flags_left": flags[0],
        "flags_right": flags[1],
        "rules": [str(pk) for pk in judgment.rules.values_list("pk", flat=True)],
        "no_rule": ["on"] if judgment.no_rule else [],
        "rationale": [judgment.rationale],
        "seconds": [str(judgment.seconds)],
    }

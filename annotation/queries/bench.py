"""What a rater may see of one comparison, and in which order. Nothing else leaves the server.

Blindness is kept here: a card carries texts and sides, never a model, a gold flag, a score or another's answer.
"""

from __future__ import annotations

import statistics
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from annotation.kinds import IN_WORDS, SKIP_REASONS, Asks, Step, canonical
from annotation.models import Assignment, Judgment, Seat
from annotation.rendering import visible
from guidelines.models import Rule

if TYPE_CHECKING:
    from raters.models import Project, User

SET_SIZE = 40  # comparisons that a rater sees as one stretch of work
PACE_FROM = 20  # judgments that the time left is estimated from


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation."""

    role: str
    text: str
    judged: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One response, as text with invisible characters made visible."""

    text: str
    words: int
    lang: str


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


@dataclass(frozen=True, slots=True)
class Card:
    """All a rater may see of an assignment, in the order to show it: `a` is what stands on the left."""

    assignment_id: int
    key: str
    batch: Named
    turns: tuple[Turn, ...]
    a: Side
    b: Side
    progress: Progress
    guideline: Named
    rules: tuple[RuleChip, ...]
    steps: tuple[Step, ...]
    ask_rationale: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """The judgment that can still be taken back, in words."""

    judgment_id: int
    text: str


def assignments_of(rater: User, project: Project) -> QuerySet[Assignment]:
    """The only assignments this rater may touch. Every door starts here."""
    return Assignment.objects.filter(rater=rater, comparison__project=project).select_related("comparison__project")


def judgments_of(rater: User, project: Project) -> QuerySet[Judgment]:
    """The only judgments this rater may touch. One that an answer implies goes with the answer."""
    return Judgment.objects.filter(rater=rater, comparison__project=project, answer=None).select_related(
        "comparison__project", "assignment"
    )


def card_of(assignment: Assignment, project: Project) -> Card:
    """Shape an assignment for the page."""
    version = assignment.guideline_version_id
    shown = Assignment.objects.values_list(
        "comparison__prompt__messages",
        "comparison__prompt__language",
        "comparison__response_a__text",
        "comparison__response_b__text",
        "comparison__batch",
        "comparison__batch__name",
        "guideline_version__guideline__name",
        "guideline_version__major",
        "guideline_version__minor",
        "comparison__batch__asks",
    ).get(pk=assignment.pk)
    messages, language, first, second, batch, batch_name, guideline, major, minor, asks = shown
    asked = Asks.read(asks)
    left, right = (second, first) if assignment.swapped else (first, second)
    rules = Rule.objects.filter(version=version).values_list("pk", "number", "title")
    return Card(
        assignment_id=assignment.pk,
        key=str(uuid.uuid4()),
        batch=Named(batch, batch_name),
        turns=_turns(messages),
        a=_side(left, language),
        b=_side(right, language),
        progress=_progress(project, assignment.rater_id),
        guideline=Named(version, guideline, f"{major}.{minor}"),
        rules=tuple(RuleChip(*rule) for rule in rules),
        steps=asked.scale,
        # the id decides, so a reload asks the same; it says nothing about the item
        ask_rationale=asked.asks_rationale(assignment.pk),
        reasons=tuple(Reason(value, label) for value, label in list(SKIP_REASONS.items())[1:]),
    )


def _turns(messages: list[dict[str, str]]) -> tuple[Turn, ...]:
    last = len(messages) - 1
    return tuple(
        Turn(message["role"], visible(message["content"]), judged=position == last)
        for position, message in enumerate(messages)
    )


def _side(text: str, language: str) -> Side:
    return Side(visible(text), len(text.split()), language)


def _progress(project: Project, rater_id: int) -> Progress:
    judged, skipped = Seat.objects.values_list("judged", "skipped").get(project=project, rater=rater_id)
    done = (judged + skipped) % SET_SIZE
    recent = list(
        Assignment.objects.filter(rater=rater_id, comparison__project=project, ended_at__isnull=False)
        .order_by("-ended_at")
        .values_list("state", flat=True)[:done]
    )
    names = {Assignment.State.JUDGED: "done", Assignment.State.SKIPPED: "skipped"}
    ticks = [names[Assignment.State(state)] for state in reversed(recent)]
    ticks += ["current"] + ["todo"] * (SET_SIZE - len(ticks) - 1)
    return Progress(done, SET_SIZE, tuple(ticks), minutes_left(project, rater_id, items=SET_SIZE - done))


def minutes_left(project: Project, rater_id: int, *, items: int) -> int | None:
    """At the rater's own pace; None before there is one."""
    seconds = list(
        Judgment.objects.filter(rater=rater_id, comparison__project=project, answer=None)
        .order_by("-id")
        .values_list("seconds", flat=True)[:PACE_FROM]
    )
    if len(seconds) < 3:
        return None
    return max(1, round(statistics.median(seconds) * items / 60))


def undo_of(rater: User, project: Project) -> Undo | None:
    """The last answer, as it stood on the screen, if it still counts: only that one can be undone."""
    last = (
        Judgment.objects.filter(rater=rater, comparison__project=project, withdrawal=None, answer=None)
        .order_by("-pk")
        .values_list("pk", "preference", "swapped")
        .first()
    )
    if last is None:
        return None
    judgment_id, preference, swapped = last
    return Undo(judgment_id, f"Sent: {IN_WORDS[canonical(preference, swapped=swapped)]}")


def draft_of(judgment: Judgment) -> dict[str, object]:
    """The form as it stood when the judgment was sent, so that undo gives the draft back."""
    return {
        "preference": canonical(judgment.preference, swapped=judgment.swapped),
        "rules": list(judgment.rules.values_list("pk", flat=True)),
        "rationale": judgment.rationale,
        "seconds": judgment.seconds,
    }

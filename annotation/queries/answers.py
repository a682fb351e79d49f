"""A rater's own answers: the list, and one of them with everything they said and saw.

Blindness holds here too: texts and sides as they were shown, never a model, a gold flag, a score or another's answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from annotation.kinds import FLAGS, IN_WORDS, LIVE, QUALITY_WORDS, RED_TEAM, Asks, canonical
from annotation.models import Adjudication, Batch, Judgment, TaskAnswer
from annotation.queries.bench import RuleChip, Side, Turn, draft_from, judgments_of, rules_of
from annotation.queries.rendering import html_of
from annotation.queries.words import first_words
from annotation.rendering import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from raters.models import Project, User

PAGE = 30

STATES = {
    "open": "Can be edited",
    "frozen": "In a snapshot",
    "settled": "Settled by a reviewer",
    "carried": "The conversation went on",
    "withdrawn": "Taken back",
    "late": "Came late, kept",
}
WHY = {
    "open": "You can change it until a snapshot takes it in. What you said before is kept beside it.",
    "frozen": "It is in a snapshot, and a snapshot never changes.",
    "settled": "A reviewer has settled this comparison, so your answer stays as it was.",
    "carried": "The conversation went on from this answer, so it stays as it was.",
    "withdrawn": "You took it back, so it does not count. It can be judged again on the bench.",
    "late": "It came after others had answered. It is kept and not counted; you can still change it.",
}


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One answer in the list. `state` is a key of STATES."""

    id: int
    question: str
    said: str
    rules: str
    at: datetime
    state: str
    state_words: str
    revisions: int


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One answer of another kind in its list."""

    id: int
    question: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """Answers, the newest first; `before` is where the next page starts, None on the last."""

    items: tuple[AnswerLine, ...] | tuple[TaskLine, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """One revision in words, as displayed."""

    said: str
    qualities: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]
    no_rule: bool
    flags: tuple[str, ...]
    rationale: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """One answer: what was on the screen, what was said, and what was said before."""

    id: int
    question: str
    batch: str
    turns: tuple[Turn, ...]
    language: str
    a: Side
    b: Side
    now: Said
    earlier: tuple[Said, ...]
    state: str
    state_words: str
    why: str
    can_edit: bool
    guideline: str
    version_id: int
    assignment_id: int
    asks: Asks
    ask_rationale: bool
    rules: tuple[RuleChip, ...]
    draft: dict[str, list[str]]


def _given(rater: User, project: Project) -> QuerySet[Judgment]:
    """The rater's own judgments that were given, not implied, each with what decides its state."""
    settled = Adjudication.objects.filter(comparison=OuterRef("comparison"))
    return (
        judgments_of(rater, project)
        .filter(assignment__isnull=False)
        .select_related("comparison__prompt", "comparison__batch", "withdrawal")
        .annotate(is_settled=Exists(settled))
    )


def _newest(judgments: QuerySet[Judgment]) -> QuerySet[Judgment]:
    later = Judgment.objects.filter(assignment=OuterRef("assignment"), revision__gt=OuterRef("revision"))
    return judgments.filter(~Exists(later))


def newest_revision(judgment: Judgment) -> int:
    """The id of the newest revision of this answer."""
    newest = Judgment.objects.filter(assignment=judgment.assignment_id).order_by("-revision")
    return newest.values_list("pk", flat=True)[0]


def state_of(judgment: Judgment, batch: Batch, *, is_settled: bool) -> str:
    """What may still be done with a newest revision, as a key of STATES."""
    if hasattr(judgment, "withdrawal"):
        return "withdrawn"
    if judgment.pk <= batch.frozen_judgment:
        return "frozen"
    if batch.kind in (LIVE, RED_TEAM):
        return "carried"
    if is_settled:
        return "settled"
    return "late" if judgment.surplus else "open"


def answers_page(rater: User, project: Project, *, before: int | None = None) -> AnswersPage:
    """The newest revision of each answer, older than the judgment with the id `before`. Two questions."""
    rows = _newest(_given(rater, project)).prefetch_related("rules").order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    return AnswersPage(tuple(map(_line, shown)), shown[-1].pk if len(found) > PAGE else None)


def _line(judgment: Judgment) -> AnswerLine:
    state = _state(judgment)
    return AnswerLine(
        id=judgment.pk,
        question=first_words(judgment.comparison.prompt.messages),
        said=_in_words(judgment),
        rules=", ".join(rule.number for rule in judgment.rules.all()),
        at=judgment.created_at,
        state=state,
        state_words=STATES[state],
        revisions=judgment.revision,
    )


def _state(judgment: Judgment) -> str:
    is_settled = bool(getattr(judgment, "is_settled", False))
    return state_of(judgment, judgment.comparison.batch, is_settled=is_settled)


def _in_words(judgment: Judgment) -> str:
    return IN_WORDS[canonical(judgment.preference, swapped=judgment.swapped)]


def task_answers_page(rater: User, project: Project, *, before: int | None = None) -> AnswersPage:
    """Rankings and texts that count or came late, older than the answer with the id `before`. One question."""
    rows = (
        TaskAnswer.objects.filter(rater=rater, assignment__task__project=project, withdrawal=None)
        .select_related("assignment__task__prompt", "assignment__task__batch")
        .order_by("-pk")
    )
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    lines = tuple(
        TaskLine(
            id=answer.pk,
            question=first_words(answer.assignment.task.prompt.messages),
            kind=Batch.Kind(answer.assignment.task.batch.kind).label,
            at=answer.created_at,
        )
        for answer in shown
    )
    return AnswersPage(lines, shown[-1].pk if len(found) > PAGE else None)


def answer_page(judgment: Judgment) -> AnswerPage:
    """One revision that was given on the bench, with the sides as they were shown and the revisions around it."""
    given = _given(judgment.rater, judgment.comparison.project)
    newest = given.select_related(
        "comparison__response_a", "comparison__response_b", "guideline_version__guideline"
    ).get(pk=judgment.pk)
    comparison = newest.comparison
    revisions = list(
        Judgment.objects.filter(assignment=newest.assignment_id).order_by("-revision").prefetch_related("rules")
    )
    asks = Asks.read(comparison.batch.asks)
    labels = {quality.name: quality.label for quality in asks.qualities}
    said = [_said(revision, labels) for revision in revisions]
    first, second = comparison.response_a.text, comparison.response_b.text
    left, right = (second, first) if newest.swapped else (first, second)
    state, number = _state(newest), newest.assignment_id or 0  # never 0: what is implied is not in `_given`
    messages = comparison.prompt.messages
    html = html_of({left, right, *(turn["content"] for turn in messages)})
    return AnswerPage(
        id=newest.pk,
        question=first_words(messages),
        batch=comparison.batch.name,
        turns=tuple(
            Turn(turn["role"], html[turn["content"]], judged=place == len(messages) - 1)
            for place, turn in enumerate(messages)
        ),
        language=comparison.prompt.language,
        a=Side(html[left], left, len(left.split())),
        b=Side(html[right], right, len(right.split())),
        now=said[0],
        earlier=tuple(said[1:]),
        state=state,
        state_words=STATES[state],
        why=WHY[state],
        can_edit=state in ("open", "late"),
        guideline=f"{newest.guideline_version.guideline.name} {newest.guideline_version.label}",
        version_id=newest.guideline_version_id,
        assignment_id=number,
        asks=asks,
        ask_rationale=asks.asks_rationale(number),
        rules=rules_of(newest.guideline_version_id),
        draft=draft_from(newest),
    )


def _said(judgment: Judgment, labels: Mapping[str, str]) -> Said:
    left, right = judgment.flags_a, judgment.flags_b
    if judgment.swapped:
        left, right = right, left
    return Said(
        said=_in_words(judgment),
        qualities=tuple(
            (labels.get(name, name), QUALITY_WORDS[canonical(value, swapped=judgment.swapped)])
            for name, value in judgment.qualities.items()
        ),
        rules=tuple(f"{rule.number} {rule.title}" for rule in judgment.rules.all()),
        no_rule=judgment.no_rule,
        flags=(*(f"A: {FLAGS[flag]}" for flag in left), *(f"B: {FLAGS[flag]}" for flag in right)),
        rationale=visible(judgment.rationale),
        at=judgment.created_at,
    )

"""What a rater may see of one comparison, and in which order. Nothing else leaves the server.

Blindness is kept here: a card carries texts and sides, never a model, a gold flag, a score or another's answer.
"""

from __future__ import annotations

import json
import statistics
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import QuerySet

from annotation.kinds import IN_WORDS, PAIRWISE, SKIP_REASONS, Asks, canonical
from annotation.models import Assignment, Batch, Comparison, Judgment
from annotation.queries.rendering import html_of
from guidelines.models import Rule
from raters.models import Project, Role
from raters.prepared import Prepared
from raters.queries import PROJECT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from raters.models import User

SET_SIZE = 40  # comparisons that a rater sees as one stretch of work
PACE_FROM = 20  # judgments that the time left is estimated from
LONG_WORDS = 900  # an answer longer than this is clipped, and the other one with it

ASSIGNMENT_FIELDS = ["id", "comparison_id", "slot_id", "rater_id", "guideline_version_id", "swapped", "state"]
ASSIGNMENT = Prepared(
    "assignment",
    f"""
SELECT {", ".join(f"mine.{name}" for name in ASSIGNMENT_FIELDS)},
       comparison.gold_preference, comparison.batch_id, batch.pay_minor, batch.asks,
       {", ".join(f"project.{name}" for name in PROJECT_FIELDS)}
FROM annotation_assignment mine
JOIN annotation_comparison comparison ON comparison.id = mine.comparison_id
JOIN annotation_batch batch ON batch.id = comparison.batch_id
JOIN raters_project project ON project.id = comparison.project_id
WHERE mine.id = %(assignment)s AND mine.rater_id = %(rater)s AND project.slug = %(slug)s AND batch.kind = 'pairwise'
  AND EXISTS (SELECT 1 FROM raters_membership held
              WHERE held.project_id = project.id AND held.user_id = %(rater)s AND held.role = '{Role.RATER.value}')
""",  # noqa: S608  the names are the models'
    assignment="bigint",
    rater="bigint",
    slug="varchar",
)
CARDS = Prepared(
    "cards",
    """
SELECT mine.id, mine.swapped, mine.draft, prompt.messages, prompt.language, a.text, b.text,
       batch.id, batch.name, batch.is_sensitive, batch.asks, version.id, guideline.name, version.major, version.minor
FROM unnest(%(assignments)s) WITH ORDINALITY wanted (id, place)
JOIN annotation_assignment mine ON mine.id = wanted.id
JOIN annotation_comparison comparison ON comparison.id = mine.comparison_id
JOIN annotation_prompt prompt ON prompt.id = comparison.prompt_id
JOIN annotation_response a ON a.id = comparison.response_a_id
JOIN annotation_response b ON b.id = comparison.response_b_id
JOIN annotation_batch batch ON batch.id = comparison.batch_id
JOIN guidelines_guidelineversion version ON version.id = mine.guideline_version_id
JOIN guidelines_guideline guideline ON guideline.id = version.guideline_id
ORDER BY wanted.place
""",
    assignments="bigint[]",
)
RECENT = Prepared(
    "recent",
    """
SELECT mine.state, (SELECT seconds FROM annotation_judgment said WHERE said.assignment_id = mine.id
                    ORDER BY revision DESC LIMIT 1)
FROM annotation_assignment mine JOIN annotation_comparison comparison ON comparison.id = mine.comparison_id
WHERE mine.rater_id = %(rater)s AND mine.ended_at IS NOT NULL AND comparison.project_id = %(project)s
ORDER BY mine.ended_at DESC LIMIT %(most)s
""",
    rater="bigint",
    project="bigint",
    most="int",
)


class _Row(NamedTuple):
    """The columns of CARDS."""

    id: int
    swapped: bool
    draft: str | None
    messages: str
    language: str
    text_a: str
    text_b: str
    batch: int
    batch_name: str
    is_sensitive: bool
    asks: str
    version: int
    guideline_name: str
    major: int
    minor: int


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


def assignment_at(rater: User, slug: str, *, pk: int) -> tuple[Project, Assignment, Asks]:
    """One of `assignments_of` in the project of this name, and what is asked on it, if the person rates there.

    Of the assignment's columns and of its comparison's and batch's there is what an answer needs; others are read when
    they are asked for. Raises Assignment.DoesNotExist.
    """
    rows = ASSIGNMENT.rows({"assignment": pk, "rater": rater.pk, "slug": slug})
    if not rows:
        raise Assignment.DoesNotExist
    own, (gold_preference, batch_id, pay_minor, asks), row = rows[0][:7], rows[0][7:11], rows[0][11:]
    project = Project.from_db("default", PROJECT_FIELDS, row)
    assignment = Assignment.from_db("default", ASSIGNMENT_FIELDS, own)
    comparison = Comparison.from_db(
        "default",
        ["id", "project_id", "batch_id", "gold_preference"],
        [assignment.comparison_id, project.pk, batch_id, gold_preference],
    )
    comparison.batch = Batch.from_db("default", ["id", "pay_minor"], [batch_id, pay_minor])
    assignment.comparison, assignment.rater = comparison, rater
    return project, assignment, _read(asks)


def cards_of(assignments: Sequence[int]) -> list[Card]:
    """Shape these assignments for the page, in this order. Two statements, however many there are."""
    rows = [_Row(*row) for row in CARDS.rows({"assignments": list(assignments)})]
    turns = [json.loads(row.messages) for row in rows]
    texts = {text for row in rows for text in (row.text_a, row.text_b)}
    html = html_of(texts | {turn["content"] for messages in turns for turn in messages})
    return [_card(row, messages, html) for row, messages in zip(rows, turns, strict=True)]


@lru_cache(maxsize=64)
def _read(asks: str) -> Asks:
    """What a batch asks, from its JSON: batches are few, and each keeps what it was opened with."""
    return Asks.read(json.loads(asks))


def _card(row: _Row, messages: list[dict[str, str]], html: dict[str, SafeString]) -> Card:
    left, right = (row.text_b, row.text_a) if row.swapped else (row.text_a, row.text_b)
    asked = _read(row.asks)
    sides = [Side(html[text], text, len(text.split())) for text in (left, right)]
    last = len(messages) - 1
    return Card(
        assignment_id=row.id,
        key=str(uuid.uuid4()),
        batch=Named(row.batch, row.batch_name),
        is_sensitive=row.is_sensitive,
        turns=tuple(
            Turn(message["role"], html[message["content"]], judged=place == last)
            for place, message in enumerate(messages)
        ),
        language=row.language,
        a=sides[0],
        b=sides[1],
        clip=max(side.words for side in sides) > LONG_WORDS,
        guideline=Named(row.version, row.guideline_name, f"{row.major}.{row.minor}"),
        rules=rules_of(row.version),
        asks=asked,
        # the id decides, so a reload asks the same; it says nothing about the item
        ask_rationale=asked.asks_rationale(row.id),
        reasons=REASONS,
        draft=json.loads(row.draft) if row.draft else {},
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
    recent = RECENT.rows({"rater": rater.pk, "project": project.pk, "most": max(done, PACE_FROM)})
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

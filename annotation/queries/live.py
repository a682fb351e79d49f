"""What a rater may see of a live conversation, and nothing else: texts and sides, never who wrote them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from annotation.kinds import IN_WORDS, LIVE, LIVE_SOURCE, LONGEST_TURN, RED_TEAM, SCALES, Asks, Step, canonical
from annotation.models import Assignment, Batch, Conversation, Exchange, Judgment, Prompt
from annotation.queries.rendering import SafeHtml, html_of
from guidelines import queries as guidelines
from raters.queries import standing_of

if TYPE_CHECKING:
    from datetime import datetime

    from guidelines.models import GuidelineVersion
    from raters.models import Project, User

# Seconds after which the page says more than "wait": that it takes long, that nobody answers, that it stops looking.
SLOW, NOBODY, STOP_LOOKING = 5, 30, 120
COMPOSE, WAIT, JUDGE, FAILED, OVER = "compose", "wait", "judge", "failed", "over"
RECENT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Said:
    """One turn as it stands in the conversation. `veiled` text is shown when the rater asks for it."""

    who: str
    html: SafeHtml
    is_rater: bool
    veiled: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One candidate."""

    html: SafeHtml
    words: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a turn has waited: phase 0 at first, 1 slow, 2 nobody answers, 3 the page looks no longer by itself."""

    phase: int
    at_work: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation as it stands. `step` says what the rater can do now; what does not belong to it is empty."""

    id: int
    batch_id: int
    batch: str
    instructions: str
    is_red_team: bool
    guideline_id: int
    guideline: str
    step: str
    turns: tuple[Said, ...]
    asked: int
    key: str
    longest: int
    exchange_id: int | None
    waiting: Waiting | None
    a: Shown | None
    b: Shown | None
    steps: tuple[Step, ...]
    reason: str
    unanswered: str
    undo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What stands before a conversation begins. `hindrance` says why it cannot begin, if it cannot."""

    batch_id: int
    batch: str
    instructions: str
    is_red_team: bool
    is_sensitive: bool
    reading: GuidelineVersion | None
    hindrance: str
    open_id: int | None
    ended: int


def live_batches_of(project: Project) -> QuerySet[Batch]:
    """The batches of conversations in a project, open or closed."""
    return Batch.objects.filter(project=project, kind__in=[LIVE, RED_TEAM])


def conversations_of(rater: User, project: Project) -> QuerySet[Conversation]:
    """The only conversations this rater may see or touch. Every door starts here."""
    return Conversation.objects.filter(rater=rater, project=project).select_related(
        "batch", "project", "guideline_version__guideline"
    )


def exchanges_of(rater: User, project: Project) -> QuerySet[Exchange]:
    """The only exchanges this rater may touch."""
    return Exchange.objects.filter(conversation__rater=rater, conversation__project=project).select_related(
        "conversation__batch", "conversation__project", "conversation__guideline_version__guideline", "prompt"
    )


def prompts_of_rounds(project: Project) -> QuerySet[Prompt]:
    """The project's prompts for training and evaluation. What a conversation made is data of its judgments alone:
    its later turns quote the model, and may be longer than a learner reads.
    """
    return Prompt.objects.filter(project=project).exclude(source=LIVE_SOURCE)


def projects_in_conversation(*, now: datetime) -> list[int]:
    """Projects by id in which somebody may say something soon, the liveliest first."""
    lively = Q(started_at__gte=now - RECENT) | Q(exchanges__asked_at__gte=now - RECENT)
    newest = Conversation.objects.filter(lively, ended_at=None).order_by("-pk").values_list("project", flat=True)
    return list(dict.fromkeys(newest[:100]))


def entrance_of(batch: Batch, rater: User, project: Project) -> Entrance:
    """The page before a conversation."""
    mine = dict(Conversation.objects.filter(batch=batch, rater=rater).values_list("pk", "ended_at"))
    version, has_read = guidelines.live_version_for(rater, batch.guideline_id)
    standing = standing_of(rater, project)
    hindrance = ""
    if batch.closed_at:
        hindrance = "This batch is closed. What was said in it is kept."
    elif standing.paused_at:
        hindrance = f"Your work here is paused. {standing.pause_reason}".strip()
    elif version is None:
        hindrance = "The guideline of this batch is not published yet."
    elif batch.is_sensitive and not standing.sensitive_since:
        hindrance = "This batch may hold distressing text. It is only for raters who opted in to that."
    return Entrance(
        batch_id=batch.pk,
        batch=batch.name,
        instructions=batch.instructions,
        is_red_team=batch.kind == RED_TEAM,
        is_sensitive=batch.is_sensitive,
        reading=None if has_read else version,
        hindrance=hindrance,
        open_id=next((pk for pk, ended_at in mine.items() if ended_at is None), None),
        ended=sum(ended_at is not None for ended_at in mine.values()),
    )


def waiting_of(exchange: Exchange, *, now: datetime) -> Waiting:
    """How long the turn has waited, in the steps in which the page says more."""
    seconds = (now - exchange.asked_at).total_seconds()
    phase = sum(seconds >= limit for limit in (SLOW, NOBODY, STOP_LOOKING))
    return Waiting(phase, at_work=exchange.lease_until is not None and exchange.lease_until > now)


def talk_of(conversation: Conversation, *, now: datetime) -> Talk:
    """A conversation as its rater sees it, in a number of questions that does not grow with its turns."""
    last = (
        conversation.exchanges.select_related("prompt", "comparison__response_a", "comparison__response_b", "went_on")
        .order_by("-number")
        .first()
    )
    assignment = _assignment(last, conversation)
    step = _step(conversation, last, assignment)
    left, right = _sides(last, assignment) if step == JUDGE else (None, None)
    batch, version = conversation.batch, conversation.guideline_version
    return Talk(
        id=conversation.pk,
        batch_id=batch.pk,
        batch=batch.name,
        instructions=batch.instructions,
        is_red_team=conversation.is_red_team,
        guideline_id=version.pk,
        guideline=version.label,
        step=step,
        turns=_turns(last, step, veil=batch.is_sensitive),
        asked=last.number if last else 0,
        key=str(uuid.uuid4()),
        longest=LONGEST_TURN,
        exchange_id=last.pk if last else None,
        waiting=waiting_of(last, now=now) if last and step == WAIT else None,
        a=left,
        b=right,
        steps=Asks.read(batch.asks).scale if step == JUDGE else (),
        reason=last.reason if last and step == FAILED else "",
        unanswered=last.prompt.question if last and step == FAILED else "",
        undo=_undo(last, assignment) if step == COMPOSE else "",
    )


def scale_of(conversation: Conversation) -> tuple[Step, ...]:
    """The steps that this conversation's candidates are judged on."""
    return SCALES[Asks.read(conversation.batch.asks).steps]


def _assignment(last: Exchange | None, conversation: Conversation) -> Assignment | None:
    if last is None or last.comparison_id is None:
        return None
    return Assignment.objects.filter(comparison=last.comparison_id, rater=conversation.rater_id).first()


def _step(conversation: Conversation, last: Exchange | None, assignment: Assignment | None) -> str:
    if conversation.ended_at or conversation.batch.closed_at:
        return OVER
    if last is None:
        return COMPOSE
    if last.state == Exchange.State.FAILED:
        return FAILED
    if last.state == Exchange.State.WAITING:
        return WAIT
    # a judgment that was taken back elsewhere leaves its assignment open: it is judged again here
    is_open = assignment is not None and assignment.state == Assignment.State.OPEN
    return JUDGE if is_open or last.state == Exchange.State.OFFERED else COMPOSE


def _turns(last: Exchange | None, step: str, *, veil: bool) -> tuple[Said, ...]:
    """All turns up to here: each prompt holds those before it. A turn without an answer is not among them."""
    if last is None:
        return ()
    said = list(last.prompt.messages)
    if last.state == Exchange.State.FAILED:
        said.pop()
    elif last.went_on is not None and step in (COMPOSE, OVER):
        said.append({"role": "assistant", "content": last.went_on.text})
    shown = shown_texts([turn["content"] for turn in said])
    return tuple(
        Said("You" if turn["role"] == "user" else "Assistant", text, turn["role"] == "user", veil)
        for turn, text in zip(said, shown, strict=True)
    )


def _sides(last: Exchange | None, assignment: Assignment | None) -> tuple[Shown | None, Shown | None]:
    if last is None or last.comparison is None or assignment is None:
        return None, None
    pair = [last.comparison.response_a.text, last.comparison.response_b.text]
    if assignment.swapped:
        pair.reverse()
    left, right = (Shown(text, len(raw.split())) for text, raw in zip(shown_texts(pair), pair, strict=True))
    return left, right


def shown_texts(texts: list[str]) -> list[SafeHtml]:
    """How texts of a conversation are shown, in this order. One statement."""
    html = html_of(texts)
    return [html[text] for text in texts]


def _undo(last: Exchange | None, assignment: Assignment | None) -> str:
    """The last judgment in words, as it stood on the screen, while it can be taken back."""
    if last is None or assignment is None or last.state != Exchange.State.JUDGED:
        return ""
    judgment = Judgment.objects.filter(assignment=assignment, withdrawal=None).order_by("-revision").first()
    if judgment is None:
        return ""
    return f"You said: {IN_WORDS[canonical(judgment.preference, swapped=judgment.swapped)]}"

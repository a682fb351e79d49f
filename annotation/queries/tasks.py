"""What a rater may see of one task, and in which order. Nothing else leaves the server.

Blindness is kept here: a card carries texts and places, never a model, a row's id, a score or another's answer.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, QuerySet

from annotation.kinds import SKIP_REASONS, WORK, Asks, Ranking, Work, Writing, even, read_content
from annotation.models import Batch, Prompt, Response, Task, TaskAnswer, TaskAssignment, TaskResponse
from annotation.queries.rendering import SafeHtml, html_of
from annotation.rendering import visible
from annotation.routing import shuffled
from annotation.wording import Piece, word_changes

if TYPE_CHECKING:
    from raters.models import Project, User

COUNTED = 100  # tasks that a rater's progress counts to: the page stays quick whatever there is
LETTERS = "ABCDEFGHI"


@dataclass(frozen=True, slots=True)
class TaskTurn:
    """One message of the conversation."""

    role: str
    html: SafeHtml
    last: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One response as shown: by its place, which says nothing about which response it is."""

    number: int
    letter: str
    html: SafeHtml
    words: int

    @property
    def field(self) -> str:
        """The form field of its rank."""
        return f"rank_{self.number}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """How far the rater is in a batch, each counted to a hundred at most."""

    done: int
    left: int

    @property
    def total(self) -> int:
        """What the bar is drawn against."""
        return self.done + self.left

    @property
    def words(self) -> str:
        """The same in words."""
        done, left = (f"{n}{' or more' if n == COUNTED else ''}" for n in (self.done, self.left))
        return f"{done} done, {left} to go"


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Why a task is handed back."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class TaskCard:
    """All a rater may see of a task. `original` is the text to improve, as it is; empty for other kinds."""

    assignment_id: int
    answer_id: int | None
    key: str
    work: Work
    batch_id: int
    batch: str
    instructions: str
    is_sensitive: bool
    turns: tuple[TaskTurn, ...]
    language: str
    places: tuple[Place, ...]
    original: str
    guideline_id: int
    guideline: str
    ask_rationale: bool
    reasons: tuple[SkipReason, ...]
    stretch: Stretch
    draft: dict[str, str]
    draft_at: int

    @property
    def ranks(self) -> range:
        """The ranks that can be given: 1 is the best."""
        return range(1, len(self.places) + 1)


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The answer that can still be taken back, in words."""

    answer_id: int
    text: str


def task_batches(project: Project) -> QuerySet[Batch]:
    """The batches of the project that are made of tasks."""
    return Batch.objects.filter(project=project, kind__in=list(WORK))


def task_assignments_of(rater: User, project: Project) -> QuerySet[TaskAssignment]:
    """The only assignments this rater may touch. Every door starts here."""
    return TaskAssignment.objects.filter(rater=rater, task__project=project).select_related("task__batch")


def task_answers_of(rater: User, project: Project) -> QuerySet[TaskAnswer]:
    """The only answers this rater may touch."""
    return TaskAnswer.objects.filter(rater=rater, assignment__task__project=project).select_related(
        "assignment__task__batch"
    )


def order_of(assignment: TaskAssignment) -> list[int]:
    """The ids of the task's responses in the order in which this rater sees them."""
    ids = TaskResponse.objects.filter(task=assignment.task_id).values_list("response", flat=True)
    return shuffled(ids, seed=assignment.shuffle)


def original_of(assignment: TaskAssignment) -> str | None:
    """The text to improve, when the task is about one response."""
    texts = TaskResponse.objects.filter(task=assignment.task_id).values_list("response__text", flat=True)[:2]
    return texts[0] if len(texts) == 1 else None


def reason_required(assignment: TaskAssignment) -> bool:
    """Whether the answer needs a reason: the kind asks for one, it is asked on this one, and the project insists.

    The assignment's number decides, so a reload asks the same; it says nothing about the task.
    """
    batch = assignment.task.batch
    asked = Asks.read(batch.asks)
    return bool(WORK[batch.kind].why) and asked.asks_rationale(assignment.pk) and asked.rationale_required


def task_card(assignment: TaskAssignment, *, answer: TaskAnswer | None = None) -> TaskCard:
    """Shape an assignment for the page; with an answer, the page that revises it."""
    shown = TaskAssignment.objects.select_related("task__batch", "task__prompt", "guideline_version__guideline").get(
        pk=assignment.pk
    )
    batch, prompt, version = shown.task.batch, shown.task.prompt, shown.guideline_version
    work = WORK[batch.kind]
    texts = dict(TaskResponse.objects.filter(task=shown.task_id).values_list("response", "response__text"))
    ordered = [texts[pk] for pk in shuffled(texts, seed=shown.shuffle)]
    draft = shown.draft or {}
    html = html_of({*ordered, *(str(message["content"]) for message in prompt.messages)})
    return TaskCard(
        assignment_id=shown.pk,
        answer_id=answer.pk if answer else None,
        key=str(uuid.uuid4()),
        work=work,
        batch_id=batch.pk,
        batch=batch.name,
        instructions=batch.instructions,
        is_sensitive=batch.is_sensitive,
        turns=_turns(prompt.messages, html),
        language=prompt.language,
        places=tuple(
            Place(number, LETTERS[number - 1], html[text], len(text.split()))
            for number, text in enumerate(ordered, start=1)
        ),
        original=ordered[0] if work.holds is Writing and ordered else "",
        guideline_id=version.pk,
        guideline=version.label,
        ask_rationale=bool(work.why) and Asks.read(batch.asks).asks_rationale(shown.pk),
        reasons=tuple(SkipReason(value, label) for value, label in SKIP_REASONS.items()),
        stretch=_stretch(batch, shown.rater_id),
        draft={} if answer else draft.get("fields", {}),
        draft_at=0 if answer else draft.get("at", 0),
    )


def _turns(messages: list[dict[str, Any]], html: dict[str, SafeHtml]) -> tuple[TaskTurn, ...]:
    last = len(messages) - 1
    return tuple(
        TaskTurn(str(message["role"]), html[str(message["content"])], place == last)
        for place, message in enumerate(messages)
    )


def _stretch(batch: Batch, rater_id: int) -> Stretch:
    mine = TaskAssignment.objects.filter(task=OuterRef("pk"), rater=rater_id)
    ended = TaskAssignment.objects.filter(rater=rater_id, task__batch=batch, ended_at__isnull=False)
    open_to_them = Task.objects.filter(batch=batch, is_open=True).exclude(Exists(mine.exclude(ended_at=None)))
    return Stretch(ended[:COUNTED].count(), open_to_them[:COUNTED].count())


def last_answer(rater: User, batch: Batch) -> LastAnswer | None:
    """The rater's newest answer of the batch, if it still counts: only that one can be undone."""
    last = (
        TaskAnswer.objects.filter(rater=rater, assignment__task__batch=batch, withdrawal=None)
        .order_by("-pk")
        .values_list("pk", "content", "surplus")
        .first()
    )
    if last is None:
        return None
    pk, content, surplus = last
    late = ". The task had all its answers, so it is kept and marked late" if surplus else ""
    return LastAnswer(pk, f"{WORK[batch.kind].sent}{_size(read_content(batch.kind, content))}{late}")


def _size(content: Ranking | Writing) -> str:
    if isinstance(content, Writing):
        count = len(content.text.split())
        return f": {count} word{'' if count == 1 else 's'}"
    return f": {len(content.ranks)} responses"


def fields_of(answer: TaskAnswer) -> dict[str, str]:
    """The form as it stood when the answer was sent."""
    content = read_content(answer.assignment.task.batch.kind, answer.content)
    if isinstance(content, Writing):
        fields = {"text": content.text}
    else:
        order = order_of(answer.assignment)
        fields = {f"rank_{number}": str(content.ranks[pk]) for number, pk in enumerate(order, start=1)}
    return {**fields, "rationale": answer.rationale}


def changes_of(answer: TaskAnswer) -> tuple[Piece, ...]:
    """What an edit changed, word by word; nothing for other kinds."""
    original = original_of(answer.assignment)
    content = read_content(answer.assignment.task.batch.kind, answer.content)
    if original is None or not isinstance(content, Writing):
        return ()
    return tuple(Piece(piece.kind, visible(piece.text)) for piece in word_changes(even(original), content.text))


def tasks_by_tag(project: Project, *, kind: str, tag: str, responses: int) -> list[tuple[int, list[int]]]:
    """Tasks of this kind from the prompts with a tag: each with its newest responses of different words.

    `responses` is how many are ranked; an edit takes one, a demonstration none. Prompts with fewer are left out.
    """
    work = WORK[kind]
    wanted = responses if work.fewest != work.most else work.most
    prompts = list(Prompt.objects.filter(project=project, tags__contains=[tag]).order_by("pk").values_list("pk"))
    by_words: dict[int, dict[str, int]] = {pk: {} for (pk,) in prompts}
    if wanted:
        rows = Response.objects.filter(prompt__in=by_words).order_by("-pk").values_list("prompt", "text", "pk")
        for prompt_id, text, pk in rows.iterator():
            if words := " ".join(text.split()):
                by_words[prompt_id].setdefault(words, pk)
    newest = {prompt_id: list(found.values())[:wanted] for prompt_id, found in by_words.items()}
    return [(prompt_id, sorted(found)) for prompt_id, found in newest.items() if len(found) == wanted]

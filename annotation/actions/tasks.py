"""Tasks: opening a batch of them, lending the next one, keeping a draft, handing one back.

A task has `overlap` places. A place is taken by an answer that counts or by a lease that has not run out, so nobody
starts on a text that will not be needed. Whoever lends or fills a place holds the task's row.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import F

from annotation import queries
from annotation.actions.lending import AlreadyEnded, MustReadFirst, NeedsOptIn, NothingLeft, Paused, take_seat
from annotation.kinds import EDIT, WORK, Work
from annotation.models import Batch, Prompt, Response, Seat, Task, TaskAssignment, TaskResponse
from annotation.routing import shuffle_seed
from guidelines import queries as guidelines
from raters.actions import note
from raters.queries import standing_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from guidelines.models import Guideline
    from raters.models import Project, User

CHUNK = 1000
MOST_OVERLAP = 9

# The lowest task of the batch with a place that looks free and that this rater never had.
NEXT_TASK = """
SELECT task.id
FROM annotation_task task
WHERE task.batch_id = %(batch)s AND task.is_open
  AND task.filled + (SELECT count(*) FROM annotation_taskassignment held
                     WHERE held.task_id = task.id AND held.state = 'open' AND held.expires_at >= %(now)s) < task.overlap
  AND NOT EXISTS (SELECT 1 FROM annotation_taskassignment earlier
                  WHERE earlier.task_id = task.id AND earlier.rater_id = %(rater)s)
ORDER BY task.id LIMIT 1 FOR UPDATE OF task
"""


class BadTask(Exception):
    """The tasks are not what a batch of this kind is made of; the message says why. No batch was opened."""


@transaction.atomic
def open_task_batch(
    project: Project,
    *,
    name: str,
    guideline: Guideline,
    kind: str,
    tasks: Sequence[tuple[int, Sequence[int]]],
    overlap: int,
    by: User | None = None,
    **terms: Any,
) -> Batch:
    """Open tasks for work, each a prompt id and the ids of the responses it is about.

    `terms` are further fields of the batch, such as what it pays. What is asked is the project's questions of now.
    The same name again returns the batch that is there. Raises BadTask.
    """
    work = WORK.get(kind)
    if work is None:
        raise BadTask(f"{kind!r} is no kind of task: there are {', '.join(WORK)}.")
    if not 1 <= overlap <= MOST_OVERLAP:
        raise BadTask(f"An overlap of {overlap}: each task is answered 1 to {MOST_OVERLAP} times.")
    asks = {"asks": queries.asks_of(project).write()}
    batch, new = Batch.objects.get_or_create(
        project=project, name=name, defaults={"guideline": guideline, "kind": kind, **asks, **terms}
    )
    if not new:
        if batch.kind != kind:
            raise BadTask(f"There is a batch {name!r} of another kind.")
        return batch
    _refuse_bad_tasks(project, work, tasks)
    for start in range(0, len(tasks), CHUNK):
        chunk = tasks[start : start + CHUNK]
        made = Task.objects.bulk_create(
            Task(project=project, batch=batch, prompt_id=prompt_id, overlap=overlap) for prompt_id, _ in chunk
        )
        TaskResponse.objects.bulk_create(
            TaskResponse(task=task, response_id=response_id)
            for task, (_, responses) in zip(made, chunk, strict=True)
            for response_id in responses
        )
    note(project, actor=by, action="batch.opened", subject=name, details={"tasks": len(tasks), "kind": kind})
    return batch


def _refuse_bad_tasks(project: Project, work: Work, tasks: Sequence[tuple[int, Sequence[int]]]) -> None:
    if not tasks:
        raise BadTask("There is nothing to work on: name at least one prompt.")
    prompts = {prompt_id for prompt_id, _ in tasks}
    known = set(Prompt.objects.filter(project=project, pk__in=prompts).values_list("pk", flat=True))
    ids = {response for _, responses in tasks for response in responses}
    prompt_of = dict(Response.objects.filter(pk__in=ids).values_list("pk", "prompt_id"))
    seen: dict[int, set[int]] = defaultdict(set)
    for prompt_id, responses in tasks:
        if prompt_id not in known:
            raise BadTask(f"Prompt {prompt_id} is not of {project}.")
        if len(set(responses)) != len(responses):
            raise BadTask(f"A response of prompt {prompt_id} is named twice.")
        if not work.fewest <= len(responses) <= work.most:
            raise BadTask(f"Prompt {prompt_id} comes with {len(responses)} responses; it takes {work.responses}.")
        if foreign := [response for response in responses if prompt_of.get(response) != prompt_id]:
            raise BadTask(f"Response {foreign[0]} is not of prompt {prompt_id}.")
        if prompt_id in seen and (work.kind != EDIT or seen[prompt_id] & set(responses)):
            raise BadTask(f"Prompt {prompt_id} is in the batch twice. Use a larger overlap to ask more raters.")
        seen[prompt_id].update(responses)


@transaction.atomic
def lend_task(project: Project, *, rater: User, batch: Batch, now: datetime) -> TaskAssignment:
    """The task of this batch that the rater should work on now: the one they hold, else the next with a free place.

    Raises Paused, NeedsOptIn, MustReadFirst, NothingLeft.
    """
    take_seat(project.pk, rater.pk)
    standing = standing_of(rater, project)
    if standing.paused_at:
        raise Paused(standing.pause_reason or "A lead paused your work here.")
    if batch.is_sensitive and not standing.sensitive_since:
        raise NeedsOptIn("This work may be distressing, so it is only for raters who asked for such work.")
    until = now + timedelta(seconds=project.lease_seconds)
    return _held(batch, rater, now=now, until=until) or _lend(batch, rater, now=now, until=until)


def _held(batch: Batch, rater: User, *, now: datetime, until: datetime) -> TaskAssignment | None:
    """The open assignment, its lease renewed, unless its place has gone to someone else."""
    mine = TaskAssignment.objects.filter(rater=rater, task__batch=batch, state=TaskAssignment.State.OPEN)
    for assignment in mine.filter(task__is_open=True).order_by("pk"):
        if place_for(assignment, now=now):
            assignment.expires_at = until
            assignment.save(update_fields=["expires_at"])
            return assignment
    return None


def hold_task(task_id: int) -> Task:
    """The task, its row held until the transaction ends: first of all rows, so that nobody waits in a circle."""
    return Task.objects.select_for_update().get(pk=task_id)


def place_for(assignment: TaskAssignment, *, now: datetime) -> bool:
    """Whether the task has a place for this assignment's answer. Holds the task's row."""
    return _has_place(assignment.task_id, now=now, besides=assignment.pk)


def _has_place(task_id: int, *, now: datetime, besides: int = 0) -> bool:
    """Counted only once the row is held: whoever held it before may have lent a place."""
    task = hold_task(task_id)
    leases = TaskAssignment.objects.filter(task=task, state=TaskAssignment.State.OPEN, expires_at__gte=now)
    return task.filled + leases.exclude(pk=besides).count() < task.overlap


def _lend(batch: Batch, rater: User, *, now: datetime, until: datetime) -> TaskAssignment:
    task_id = _next_place(batch, rater, now=now)
    if task_id is None:
        raise NothingLeft("There is nothing to do in this batch right now.")
    version, has_read = guidelines.live_version_for(rater, batch.guideline_id)
    if version is None:
        raise NothingLeft("The guideline of this batch is not published yet.")
    if not has_read:
        raise MustReadFirst(version)
    return TaskAssignment.objects.create(
        task_id=task_id,
        rater=rater,
        guideline_version=version,
        shuffle=shuffle_seed(task_id, rater.pk),
        leased_at=now,
        expires_at=until,
    )


def _next_place(batch: Batch, rater: User, *, now: datetime) -> int | None:
    """A task with a free place, its row held. Rows that others hold are passed over first and waited for last."""
    for waiting in (" SKIP LOCKED", ""):
        while True:
            with connection.cursor() as cursor:
                cursor.execute(NEXT_TASK + waiting, {"batch": batch.pk, "rater": rater.pk, "now": now})
                row = cursor.fetchone()
            if row is None:
                break
            if _has_place(row[0], now=now):
                return int(row[0])
    return None


@transaction.atomic
def skip_task(assignment: TaskAssignment, *, reason: str, now: datetime) -> TaskAssignment:
    """Hand a task back. It is never offered to this rater again. Raises AlreadyEnded."""
    seat = take_seat(assignment.task.project_id, assignment.rater_id)
    still_open = TaskAssignment.objects.filter(pk=assignment.pk, state=TaskAssignment.State.OPEN)
    if not still_open.update(state=TaskAssignment.State.SKIPPED, ended_at=now, skip_reason=reason):
        raise AlreadyEnded("This was answered or skipped before.")
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") + 1)
    assignment.refresh_from_db()
    return assignment


@transaction.atomic
def save_task_draft(assignment: TaskAssignment, *, fields: dict[str, str], at: int, now: datetime) -> bool:
    """Keep what is on the rater's screen, unless what is kept is newer. Returns whether it was kept.

    `at` is when the rater typed it, in milliseconds since 1970 by the clock of their device; a clock that is ahead is
    put right. Raises AlreadyEnded.
    """
    held = TaskAssignment.objects.select_for_update().get(pk=assignment.pk)
    if held.state != TaskAssignment.State.OPEN:
        raise AlreadyEnded("This was answered or skipped before.")
    at = min(at, int(now.timestamp() * 1000))
    if held.draft and held.draft["at"] > at:
        return False
    held.draft = {"fields": fields, "at": at}
    held.save(update_fields=["draft"])
    return True

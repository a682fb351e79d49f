"""Doors of the other kinds of work: ranking several responses, writing one, improving one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import actions, queries
from annotation.forms import BadDraft, RankingForm, SkipForm, TaskForm, read_draft, task_form
from annotation.models import Batch, TaskAnswer, TaskAssignment
from raters.doors import person, project_or_404
from raters.models import Project, Role


@dataclass(frozen=True, slots=True)
class NoTask:
    """Why there is nothing to work on."""

    title: str
    text: str


@require_safe
@login_required
def work(request: HttpRequest, slug: str, batch_id: int) -> HttpResponse:
    """The next task of a batch."""
    project = project_or_404(request, slug, Role.RATER)
    return _next(request, project, get_object_or_404(queries.task_batches(project), pk=batch_id))


@require_POST
@login_required
def submit(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Take an answer; what comes back is the next task, already leased."""
    project = project_or_404(request, slug, Role.RATER)
    assignment = _assignment_or_404(request, project, assignment_id)
    form = task_form(assignment, request.POST)
    if not form.is_valid():
        return _task(request, project, assignment, form=form, status=422)
    try:
        actions.answer_task(assignment, now=timezone.now(), **form.said())
    except actions.KeyReused as refusal:
        form.add_error(None, str(refusal))
        return _task(request, project, assignment, form=form, status=422)
    except actions.TooLate as refusal:
        return _again(request, project, assignment, form, notice=f"{refusal} Send this to replace what you sent.")
    return _sent(request, project, assignment.task.batch)


@require_POST
@login_required
def skip(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Hand a task back."""
    project = project_or_404(request, slug, Role.RATER)
    assignment = _assignment_or_404(request, project, assignment_id)
    form = SkipForm(request.POST)
    if not form.is_valid():
        return _task(request, project, assignment, notice=str(form.errors["reason"][0]), status=422)
    try:
        actions.skip_task(assignment, reason=form.cleaned_data["reason"], now=timezone.now())
    except actions.AlreadyEnded as refusal:
        return _next(request, project, assignment.task.batch, notice=str(refusal), status=409)
    return _sent(request, project, assignment.task.batch)


@require_http_methods(["PUT"])
@login_required
def draft(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Keep what is on the screen. Nothing comes back."""
    project = project_or_404(request, slug, Role.RATER)
    assignment = _assignment_or_404(request, project, assignment_id)
    try:
        fields, at = read_draft(request.body, task_form(assignment))
        actions.save_task_draft(assignment, fields=fields, at=at, now=timezone.now())
    except BadDraft as refusal:
        return HttpResponse(str(refusal), status=422, content_type="text/plain")
    except actions.AlreadyEnded as refusal:
        return HttpResponse(str(refusal), status=409, content_type="text/plain")
    return HttpResponse(status=204)


@require_POST
@login_required
def undo(request: HttpRequest, slug: str, answer_id: int) -> HttpResponse:
    """Take an answer back and show its task again, with the answer as the draft."""
    project = project_or_404(request, slug, Role.RATER)
    answer = _answer_or_404(request, project, answer_id)
    lease = timedelta(seconds=project.lease_seconds)
    try:
        assignment = actions.undo_task(answer, lease=lease, now=timezone.now())
    except (actions.NothingToUndo, actions.AnswerFrozen) as refusal:
        return _next(request, project, answer.assignment.task.batch, notice=str(refusal), status=409)
    return _task(request, project, assignment)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revise(request: HttpRequest, slug: str, answer_id: int) -> HttpResponse:
    """An answer as it was sent, to be sent again better."""
    project = project_or_404(request, slug, Role.RATER)
    answer = _answer_or_404(request, project, answer_id)
    if request.method != "POST":
        standing = get_object_or_404(queries.task_answers_of(person(request), project), pk=answer_id, withdrawal=None)
        return _task(request, project, standing.assignment, answer=standing)
    form = task_form(answer.assignment, request.POST)
    if not form.is_valid():
        return _task(request, project, answer.assignment, answer=answer, form=form, status=422)
    try:
        newer = actions.revise_task(answer, now=timezone.now(), **form.said())
    except actions.KeyReused as refusal:
        form.add_error(None, str(refusal))
        return _task(request, project, answer.assignment, answer=answer, form=form, status=422)
    except (actions.NothingToUndo, actions.AnswerFrozen) as refusal:
        return _again(request, project, answer.assignment, form, notice=str(refusal))
    messages.success(request, "Your change is saved. The answer before it no longer counts.")
    return redirect("task-revise", slug=project.slug, answer_id=newer.pk)


def _assignment_or_404(request: HttpRequest, project: Project, assignment_id: int) -> TaskAssignment:
    return get_object_or_404(queries.task_assignments_of(person(request), project), pk=assignment_id)


def _answer_or_404(request: HttpRequest, project: Project, answer_id: int) -> TaskAnswer:
    return get_object_or_404(queries.task_answers_of(person(request), project), pk=answer_id)


def _sent(request: HttpRequest, project: Project, batch: Batch) -> HttpResponse:
    """After a write: the next task at once with htmx, a redirect for a browser without script."""
    if request.htmx:  # type: ignore[attr-defined]  # django_htmx adds it
        return _next(request, project, batch)
    return redirect("work", slug=project.slug, batch_id=batch.pk)


def _next(request: HttpRequest, project: Project, batch: Batch, *, notice: str = "", status: int = 200) -> HttpResponse:
    how: dict[str, Any] = {"batch": batch, "notice": notice, "status": status}
    try:
        assignment = actions.lend_task(project, rater=person(request), batch=batch, now=timezone.now())
    except actions.MustReadFirst as refusal:
        reading = redirect("guideline", slug=project.slug, version_id=refusal.version.pk)
        if request.htmx:  # type: ignore[attr-defined]  # django_htmx adds it
            return HttpResponse(headers={"HX-Redirect": reading.url})
        return reading
    except actions.Paused as refusal:
        return _task(request, project, None, empty=NoTask("Your work here is paused", str(refusal)), **how)
    except actions.NeedsOptIn as refusal:
        text = f"{refusal} You can ask for it on your home page, and stop at any time."
        return _task(request, project, None, empty=NoTask("Only for those who chose it", text), **how)
    except actions.NothingLeft as refusal:
        text = f"{refusal} Your home page shows what else is open."
        return _task(request, project, None, empty=NoTask("All done", text), **how)
    return _task(request, project, assignment, **how)


def _again(
    request: HttpRequest, project: Project, assignment: TaskAssignment, form: TaskForm, *, notice: str
) -> HttpResponse:
    """What was sent could not be taken: it stays on the screen, to replace the answer that stands if there is one."""
    answers = queries.task_answers_of(person(request), project)
    standing = answers.filter(assignment=assignment, withdrawal=None).first()
    return _task(request, project, assignment, answer=standing, form=form, notice=notice, status=409)


def _task(
    request: HttpRequest,
    project: Project,
    assignment: TaskAssignment | None,
    *,
    batch: Batch | None = None,
    answer: TaskAnswer | None = None,
    form: TaskForm | None = None,
    empty: NoTask | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    card = queries.task_card(assignment, answer=answer) if assignment else None
    if assignment and form is None:
        form = task_form(assignment, initial=queries.fields_of(answer) if answer else card.draft if card else None)
    batch = batch or (assignment.task.batch if assignment else None)
    context = {
        "project": project,
        "card": card,
        "form": form,
        "rows": list(zip(card.places, form.rank_fields(), strict=True))
        if card and isinstance(form, RankingForm)
        else [],
        "changes": queries.changes_of(answer) if answer else (),
        "empty": empty,
        "notice": notice,
        "undo": queries.last_answer(person(request), batch) if batch and not answer else None,
    }
    template = "annotation/_task.html" if request.htmx else "annotation/task.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)

"""Doors of the bench: comparing two responses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotation import actions, queries
from annotation.forms import JudgmentForm, SkipForm
from annotation.models import Assignment
from raters.doors import person, project_or_404
from raters.models import Project, Role

if TYPE_CHECKING:
    from django import forms


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing to judge."""

    title: str
    text: str


@require_safe
@login_required
def rate(request: HttpRequest, slug: str) -> HttpResponse:
    """The bench with the next comparison."""
    return _next(request, project_or_404(request, slug, Role.RATER))


@require_POST
@login_required
def submit(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Take a judgment; the answer is the next card, already leased."""
    project = project_or_404(request, slug, Role.RATER)
    assignment = get_object_or_404(queries.assignments_of(person(request), project), pk=assignment_id)
    form = JudgmentForm(request.POST)
    if not form.is_valid():
        return _bench(request, project, assignment, form=form, status=422)
    try:
        actions.submit_judgment(assignment, answer=form.answer(), key=form.cleaned_data["key"], now=timezone.now())
    except actions.ForeignRule as refusal:
        form.add_error("rules", str(refusal))
        return _bench(request, project, assignment, form=form, status=422)
    except actions.KeyReused as refusal:
        form.add_error(None, str(refusal))
        return _bench(request, project, assignment, form=form, status=422)
    except actions.TooLate as refusal:
        return _next(request, project, notice=str(refusal), status=409)
    return _sent(request, project)


@require_POST
@login_required
def skip(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Hand a comparison back unjudged."""
    project = project_or_404(request, slug, Role.RATER)
    assignment = get_object_or_404(queries.assignments_of(person(request), project), pk=assignment_id)
    form = SkipForm(request.POST)
    if not form.is_valid():
        return _bench(request, project, assignment, form=form, status=422)
    try:
        actions.skip(assignment, reason=form.cleaned_data["reason"], now=timezone.now())
    except actions.AlreadyEnded as refusal:
        return _next(request, project, notice=str(refusal), status=409)
    return _sent(request, project)


@require_POST
@login_required
def undo(request: HttpRequest, slug: str, judgment_id: int) -> HttpResponse:
    """Take the last judgment back and show its comparison again."""
    project = project_or_404(request, slug, Role.RATER)
    judgment = get_object_or_404(queries.judgments_of(person(request), project), pk=judgment_id)
    try:
        assignment = actions.undo_judgment(judgment, lease=timedelta(seconds=project.lease_seconds), now=timezone.now())
    except actions.NothingToUndo as refusal:
        return _next(request, project, notice=str(refusal), status=409)
    return _bench(request, project, assignment, form=JudgmentForm(initial=queries.draft_of(judgment)))


def _sent(request: HttpRequest, project: Project) -> HttpResponse:
    """After a write: the next card at once with htmx, a redirect for a browser without script."""
    return _next(request, project) if request.htmx else redirect("rate", slug=project.slug)  # type: ignore[attr-defined]


def _next(request: HttpRequest, project: Project, *, notice: str = "", status: int = 200) -> HttpResponse:
    try:
        assignment = actions.lend_next(project, rater=person(request), now=timezone.now())
    except actions.MustReadFirst as refusal:
        reading = redirect("guideline", slug=project.slug, version_id=refusal.version.pk)
        if request.htmx:  # type: ignore[attr-defined]
            return HttpResponse(headers={"HX-Redirect": reading.url})
        return reading
    except actions.Paused as refusal:
        empty = Empty("Your work here is paused", str(refusal))
        return _bench(request, project, None, empty=empty, notice=notice, status=status)
    except actions.NothingLeft as refusal:
        text = f"{refusal} New comparisons appear here when the next batch opens."
        return _bench(request, project, None, empty=Empty("All done", text), notice=notice, status=status)
    return _bench(request, project, assignment, notice=notice, status=status)


def _bench(
    request: HttpRequest,
    project: Project,
    assignment: Assignment | None,
    *,
    form: forms.Form | None = None,
    empty: Empty | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "project": project,
        "card": queries.card_of(assignment, project) if assignment else None,
        "form": form or JudgmentForm(),
        "empty": empty,
        "notice": notice,
        "undo": queries.undo_of(person(request), project),
    }
    template = "annotation/_bench.html" if request.htmx else "annotation/bench.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)

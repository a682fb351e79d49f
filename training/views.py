"""Doors to runs: the list, one run, the part of it that changes, and the way to stop it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from raters.doors import person, project_or_404
from raters.models import Project, Role
from raters.queries import roles_in
from training import actions, queries
from training.models import Run

MAY_SEE = (Role.ENGINEER, Role.LEAD, Role.OWNER)
MAY_CANCEL = (Role.ENGINEER, Role.OWNER)


@require_safe
@login_required
def runs(request: HttpRequest, slug: str) -> HttpResponse:
    """The list of runs."""
    project = project_or_404(request, slug, *MAY_SEE)
    page = queries.runs_of(project, page=request.GET.get("page"), now=timezone.now())
    return render(request, "training/runs.html", {"project": project, "runs": page})


@require_safe
@login_required
def run(request: HttpRequest, slug: str, run_id: int) -> HttpResponse:
    """One run: how it goes, what it is, where it comes from."""
    project = project_or_404(request, slug, *MAY_SEE)
    page = queries.run_page(_run(project, run_id), may_cancel=_may_cancel(request, project), now=timezone.now())
    return render(request, "training/run.html", {"project": project, "run": page})


@require_safe
@login_required
def run_live(request: HttpRequest, slug: str, run_id: int) -> HttpResponse:
    """The part of a run's page that changes while it goes on."""
    project = project_or_404(request, slug, *MAY_SEE)
    page = queries.run_live(_run(project, run_id), may_cancel=_may_cancel(request, project), now=timezone.now())
    return render(request, "training/_run_live.html", {"project": project, "run": page})


@require_POST
@login_required
def cancel(request: HttpRequest, slug: str, run_id: int) -> HttpResponse:
    """Stop a run."""
    project = project_or_404(request, slug, *MAY_CANCEL)
    found = _run(project, run_id)
    actions.cancel_run(found, by=person(request), now=timezone.now())
    return redirect("run", slug=slug, run_id=found.pk)


def _run(project: Project, run_id: int) -> Run:
    return get_object_or_404(queries.runs_in(project).select_related("project", "snapshot", "start_from"), pk=run_id)


def _may_cancel(request: HttpRequest, project: Project) -> bool:
    return bool(roles_in(project, person(request)) & set(MAY_CANCEL))

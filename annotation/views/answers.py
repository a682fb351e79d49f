"""The doors of a rater's own answers."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from annotation import queries
from annotation.forms import Place
from raters.doors import person, project_or_404
from raters.models import Role


@require_safe
@login_required
def answers(request: HttpRequest, slug: str) -> HttpResponse:
    """Comparisons this rater judged, the newest first."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.answers_page(person(request), project, before=Place(request.GET).before())
    return render(request, "annotation/answers.html", {"project": project, "page": page})


@require_safe
@login_required
def task_answers(request: HttpRequest, slug: str) -> HttpResponse:
    """Rankings and texts of this rater, the newest first."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.task_answers_page(person(request), project, before=Place(request.GET).before())
    return render(request, "annotation/task_answers.html", {"project": project, "page": page})


@require_safe
@login_required
def answer(request: HttpRequest, slug: str, judgment_id: int) -> HttpResponse:
    """One answer, with what was on the screen. An older revision leads to the newest."""
    project = project_or_404(request, slug, Role.RATER)
    mine = queries.judgments_of(person(request), project).filter(assignment__isnull=False)
    judgment = get_object_or_404(mine, pk=judgment_id)
    newest = queries.newest_revision(judgment)
    if newest != judgment.pk:
        return redirect("answer", slug=project.slug, judgment_id=newest)
    return render(request, "annotation/answer.html", {"project": project, "page": queries.answer_page(judgment)})

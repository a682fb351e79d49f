"""Doors to guidelines: read a version, and say that it was read."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from guidelines import actions, queries
from guidelines.forms import Quiz
from guidelines.models import GuidelineVersion
from raters.doors import person, project_or_404
from raters.models import Project


def _page(
    request: HttpRequest, project: Project, version: GuidelineVersion, *, form: Quiz, status: int = 200
) -> HttpResponse:
    context = {
        "project": project,
        "version": version,
        "rules": version.rules.all(),
        "form": form,
        "acknowledged": queries.has_acknowledged(person(request), version),
    }
    return render(request, "guidelines/guideline.html", context, status=status)


@require_safe
@login_required
def guideline(request: HttpRequest, slug: str, version_id: int) -> HttpResponse:
    """A published version, as raters read it."""
    project = project_or_404(request, slug)
    version = get_object_or_404(queries.versions_of(project), pk=version_id)
    return _page(request, project, version, form=Quiz(version))


@require_POST
@login_required
def acknowledge(request: HttpRequest, slug: str, version_id: int) -> HttpResponse:
    """The rater says they have read it; wrong quiz answers come back with what to read again."""
    project = project_or_404(request, slug)
    version = get_object_or_404(queries.versions_of(project), pk=version_id)
    form = Quiz(version, request.POST.dict())
    if form.is_valid():
        try:
            actions.acknowledge(version, user=person(request), answers=form.answers())
        except actions.WrongAnswers as refusal:
            form.point_out(refusal.by_question)
        except actions.NotPublished as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("home", slug=project.slug)
    return _page(request, project, version, form=form, status=422)

"""The doors of a rater's own answers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotation import actions, queries
from annotation.forms import JudgmentForm, Place, initial_of
from raters.doors import person, project_or_404
from raters.models import Role

if TYPE_CHECKING:
    from annotation.models import Judgment
    from raters.models import Project


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
    """One answer, with what was on the screen and the form to change it. An older revision leads to the newest."""
    project = project_or_404(request, slug, Role.RATER)
    judgment = _mine_or_404(request, project, judgment_id)
    newest = queries.newest_revision(judgment)
    if newest != judgment.pk:
        return redirect("answer", slug=project.slug, judgment_id=newest)
    return _page(request, project, queries.answer_page(judgment))


@require_POST
@login_required
def revise(request: HttpRequest, slug: str, judgment_id: int) -> HttpResponse:
    """Put a new answer in the place of this one."""
    project = project_or_404(request, slug, Role.RATER)
    judgment = _mine_or_404(request, project, judgment_id)
    page = queries.answer_page(judgment)
    form = JudgmentForm(request.POST, asks=page.asks, number=page.assignment_id)
    if not form.is_valid():
        return _page(request, project, page, form=form, status=422)
    try:
        revision = actions.revise_judgment(
            judgment, answer=form.answer(), key=form.cleaned_data["key"], now=timezone.now()
        )
    except actions.ForeignRule as refusal:
        form.add_error("rules", str(refusal))
        return _page(request, project, page, form=form, status=422)
    except actions.KeyReused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, project, page, form=form, status=422)
    except actions.NotRevisable as refusal:
        newest = _mine_or_404(request, project, queries.newest_revision(judgment))
        return _page(request, project, queries.answer_page(newest), notice=str(refusal), status=409)
    messages.success(request, "Changed. What you said before is kept below.")
    return redirect("answer", slug=project.slug, judgment_id=revision.pk)


def _mine_or_404(request: HttpRequest, project: Project, judgment_id: int) -> Judgment:
    """The rater's own judgment, given on the bench. Raises Http404."""
    given = queries.judgments_of(person(request), project).filter(assignment__isnull=False)
    return get_object_or_404(given, pk=judgment_id)


def _page(
    request: HttpRequest,
    project: Project,
    page: queries.AnswerPage,
    *,
    form: JudgmentForm | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    if form is None and page.can_edit:
        form = JudgmentForm(asks=page.asks, number=page.assignment_id, initial=initial_of(page.draft))
    context = {"project": project, "page": page, "form": form, "key": uuid.uuid4(), "notice": notice}
    return render(request, "annotation/answer.html", context, status=status)

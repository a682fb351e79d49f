"""The doors of the lead's page about what raters are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from annotation import actions, queries
from annotation.forms import AskingForm
from raters.doors import person, project_or_404
from raters.models import Role

if TYPE_CHECKING:
    from annotation.queries import Questions
    from raters.models import Project


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def questions(request: HttpRequest, slug: str) -> HttpResponse:
    """What raters are asked, and the form to ask something else from the next batch on."""
    project = project_or_404(request, slug, Role.LEAD, Role.OWNER)
    there = queries.questions_of(project)
    if request.method != "POST":
        return _page(request, project, there, AskingForm.of(there), version=there.version)
    form = AskingForm(request.POST)
    if not form.is_valid():
        return _page(request, project, there, form, version=form["version"].value() or "", status=422)
    seen = form.cleaned_data["version"]
    try:
        actions.change_asking(project, asks=form.asks, seen=seen, by=person(request), now=timezone.now())
    except actions.ChangedMeanwhile as refusal:
        # the answer holds their version: who sends the form again has seen what they write over
        newer = refusal.there
        return _page(request, project, newer, form, version=newer.version, conflict=True, status=409)
    messages.success(request, "Saved. Batches that open from now on ask this.")
    return redirect("questions", slug=project.slug)


@require_POST
@login_required
def preview(request: HttpRequest, slug: str) -> HttpResponse:
    """How the questions in the form would look. Saves nothing."""
    project = project_or_404(request, slug, Role.LEAD, Role.OWNER)
    form = AskingForm(request.POST)
    status = 200 if form.is_valid() else 422
    if request.htmx:  # type: ignore[attr-defined]  # django-htmx's middleware puts it there
        context = {"form": form, "preview": queries.preview_of(form.asks) if status == 200 else None, "unsaved": True}
        return render(request, "annotation/_asking_preview.html", context, status=status)
    there = queries.questions_of(project)
    return _page(request, project, there, form, version=form["version"].value() or "", status=status)


def _page(
    request: HttpRequest,
    project: Project,
    there: Questions,
    form: AskingForm,
    *,
    version: str,
    conflict: bool = False,
    status: int = 200,
) -> HttpResponse:
    asks = form.asks if form.is_bound and form.is_valid() else there.asks
    context = {
        "project": project,
        "form": form,
        "version": version,
        "there": there,
        "conflict": queries.preview_of(there.asks) if conflict else None,
        "open_batches": queries.open_batches(project),
        "preview": None if form.is_bound and form.errors else queries.preview_of(asks),
        "unsaved": form.is_bound,
    }
    return render(request, "annotation/asking.html", context, status=status)

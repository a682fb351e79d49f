"""Doors to the loop: where it stands, one round, and the decisions that people make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evaluation import actions, queries
from evaluation.forms import Resolution
from raters.doors import person, project_or_404
from raters.models import Project, Role
from raters.queries import roles_in

if TYPE_CHECKING:
    from evaluation.models import Alert

MAY_SEE = (Role.ENGINEER, Role.LEAD, Role.OWNER)
MAY_DECIDE = (Role.ENGINEER, Role.OWNER)
REFUSALS = (
    actions.RoundIsRunning,
    actions.UnusableModel,
    actions.UnusableGuideline,
    actions.NoPrompts,
    actions.UnusableSuite,
    actions.NotFailed,
)


@require_safe
@login_required
def training(request: HttpRequest, slug: str) -> HttpResponse:
    """The loop, with its newest round."""
    return _loop(request, project_or_404(request, slug, *MAY_SEE))


@require_safe
@login_required
def round(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One round."""
    return _round(request, project_or_404(request, slug, *MAY_SEE), number)


@require_POST
@login_required
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Go round again, as last time. A refusal comes back as a 409 with the page of the loop."""
    project = project_or_404(request, slug, *MAY_DECIDE)
    try:
        begun = actions.start_next_round(project, by=person(request), now=timezone.now())
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return _loop(request, project, status=409)
    return redirect("round", slug=slug, number=begun.number)


@require_POST
@login_required
def resume(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Go on with a round that failed."""
    project = project_or_404(request, slug, *MAY_DECIDE)
    found = queries.round_of(project, number)
    if found is None:
        raise Http404("No such page.")
    try:
        actions.resume_round(found, by=person(request), now=timezone.now())
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return _round(request, project, number, status=409)
    return redirect("round", slug=slug, number=number)


@require_POST
@login_required
def resolve_alert(request: HttpRequest, slug: str, alert_id: int) -> HttpResponse:
    """Record what was decided about an alert; back to its round."""
    project = project_or_404(request, slug, *MAY_DECIDE)
    alert: Alert = get_object_or_404(queries.alerts_in(project), pk=alert_id)
    form = Resolution(request.POST)
    if not form.is_valid():
        return _round(request, project, alert.round.number, form=form, wrong=alert.pk, status=422)
    try:
        actions.resolve_alert(alert, by=person(request), now=timezone.now(), **form.cleaned_data)
    except actions.AlreadyResolved as refusal:
        messages.error(request, str(refusal))
        return _round(request, project, alert.round.number, status=409)
    return redirect("round", slug=slug, number=alert.round.number)


def _loop(request: HttpRequest, project: Project, *, status: int = 200) -> HttpResponse:
    page = queries.loop_page(project)
    context = {"project": project, "page": page, "may_decide": _may_decide(request, project)}
    return render(request, "evaluation/loop.html", context, status=status)


def _round(
    request: HttpRequest,
    project: Project,
    number: int,
    *,
    form: Resolution | None = None,
    wrong: int | None = None,
    status: int = 200,
) -> HttpResponse:
    page = queries.round_page(project, number)
    if page is None:
        raise Http404("No such page.")
    may_decide = _may_decide(request, project)
    context = {"project": project, "page": page, "may_decide": may_decide, "form": form or Resolution(), "wrong": wrong}
    return render(request, "evaluation/round.html", context, status=status)


def _may_decide(request: HttpRequest, project: Project) -> bool:
    return bool(roles_in(project, person(request)) & {str(role) for role in MAY_DECIDE})

"""Doors to guidelines: read a version, and say that it was read."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guidelines import actions, queries
from guidelines.forms import Quiz, UnclearForm
from guidelines.models import GuidelineVersion
from raters.doors import person, project_or_404
from raters.models import Project

PAGE = 20


def _page(
    request: HttpRequest, project: Project, version: GuidelineVersion, *, form: Quiz, status: int = 200
) -> HttpResponse:
    context = {
        "project": project,
        "version": version,
        "rules": version.rules.all(),
        "form": form,
        "revised": queries.revised_for(person(request), [version]).get(version.pk),
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


@require_safe
@login_required
def guidelines(request: HttpRequest, slug: str) -> HttpResponse:
    """Every published version: what is in force, and what was."""
    project = project_or_404(request, slug)
    page = Paginator(queries.versions_listed(person(request), project), PAGE).get_page(request.GET.get("page"))
    versions = [queries.listed(version) for version in page]
    return render(request, "guidelines/guidelines.html", {"project": project, "page": page, "versions": versions})


@require_safe
@login_required
def drawer(request: HttpRequest, slug: str, version_id: int) -> HttpResponse:
    """A version as a fragment beside the work. A browser keeps it and asks again with its tag."""
    project = project_or_404(request, slug)
    version = get_object_or_404(queries.versions_of(project), pk=version_id)
    confirmed = queries.confirmed_at(person(request), version)
    tag = queries.drawer_tag(version, confirmed=confirmed)
    answer = get_conditional_response(request, etag=tag)
    if answer is None:
        drawer = queries.drawer_of(version, confirmed=confirmed)
        answer = render(request, "guidelines/_drawer.html", {"project": project, "drawer": drawer})
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = "private, no-cache"  # kept, but never shown without asking
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def unclear(request: HttpRequest, slug: str, version_id: int) -> HttpResponse:
    """A rater says that a rule is unclear."""
    project = project_or_404(request, slug)
    version = get_object_or_404(queries.versions_of(project), pk=version_id)
    form = UnclearForm(
        version, request.POST if request.method == "POST" else None, initial={"rule": request.GET.get("rule", "")}
    )
    if form.is_valid():
        said = form.cleaned_data
        actions.report_unclear(version, user=person(request), rule=said["rule"], text=said["text"])
        messages.success(request, "Thank you. The people who write the guideline will read it.")
        return redirect("guideline", slug=project.slug, version_id=version.pk)
    context = {"project": project, "version": version, "form": form}
    return render(request, "guidelines/unclear.html", context, status=422 if form.errors else 200)

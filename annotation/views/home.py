"""The doors of a rater's home, feedback and earnings."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotation import queries
from annotation.forms import Place
from raters.doors import person, project_or_404
from raters.models import Role


@require_safe
@login_required
def home(request: HttpRequest, slug: str) -> HttpResponse:
    """A rater's day: what to do next, and how it is going."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.home_page(project, person(request), now=timezone.now())
    return render(request, "annotation/home.html", {"project": project, "page": page})


@require_safe
@login_required
def feedback(request: HttpRequest, slug: str) -> HttpResponse:
    """What reviewers said of comparisons that this rater judged."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.feedback_page(project, person(request), before=Place(request.GET).before())
    return render(request, "annotation/feedback.html", {"project": project, "page": page})


@require_safe
@login_required
def earnings(request: HttpRequest, slug: str) -> HttpResponse:
    """What this rater earned, by week and batch."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.earnings_page(project, person(request), now=timezone.now(), number=Place(request.GET).number())
    return render(request, "annotation/earnings.html", {"project": project, "page": page})


@require_safe
@login_required
def earnings_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The same page of weeks, for a spreadsheet."""
    project = project_or_404(request, slug, Role.RATER)
    rows = queries.earnings_rows(project, person(request), now=timezone.now(), number=Place(request.GET).number())
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="earnings-{project.slug}.csv"'
    csv.writer(answer).writerows(rows)
    return answer

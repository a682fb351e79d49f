"""The door of a rater's home."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotation import queries
from raters.doors import person, project_or_404
from raters.models import Role


@require_safe
@login_required
def home(request: HttpRequest, slug: str) -> HttpResponse:
    """A rater's day: what to do next, and how it is going."""
    project = project_or_404(request, slug, Role.RATER)
    page = queries.home_page(project, person(request), now=timezone.now())
    return render(request, "annotation/home.html", {"project": project, "page": page})

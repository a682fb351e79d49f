"""The door to the datasets page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from raters.doors import project_or_404
from raters.models import Role
from snapshots import queries


@require_safe
@login_required
def datasets(request: HttpRequest, slug: str) -> HttpResponse:
    """Every snapshot, and one of them with its files and how to load them."""
    project = project_or_404(request, slug, Role.ENGINEER, Role.LEAD, Role.OWNER)
    page = queries.datasets_page(
        project,
        chosen=request.GET.get("snapshot", ""),
        number=request.GET.get("page", "1"),
        origin=request.build_absolute_uri("/"),
    )
    return render(request, "snapshots/datasets.html", {"project": project, "page": page})

"""The door of the lead's quality page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotation import queries
from raters.doors import project_or_404
from raters.models import Role


@require_safe
@login_required
def quality(request: HttpRequest, slug: str) -> HttpResponse:
    """Agreement, gold accuracy and how the scale is used, for leads."""
    project = project_or_404(request, slug, Role.LEAD, Role.REVIEWER, Role.ENGINEER, Role.OWNER)
    page = queries.quality_page(project, now=timezone.now(), number=request.GET.get("page", "1"))
    return render(request, "annotation/quality.html", {"project": project, "page": page})

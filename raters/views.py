"""Doors for people: where they start, and how they come in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from raters import actions, queries
from raters.doors import person
from raters.forms import AcceptInvitation
from raters.models import Role

STARTS_AT = {Role.RATER: "home", Role.REVIEWER: "quality", Role.LEAD: "quality"}


@require_safe
@login_required
def front(request: HttpRequest) -> HttpResponse:
    """Send a person to the page their day starts with."""
    place = queries.front_of(person(request))
    if place is None:
        return render(request, "raters/nowhere.html", status=200)
    project, role = place
    return redirect(STARTS_AT.get(role, "training"), slug=project.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show an invitation, and let the invited person in. Only POST accepts: mail scanners follow links."""
    found = queries.invitation_by(secret)
    if found is None:
        raise Http404("No such page.")
    if not found.is_open(timezone.now()):
        return render(request, "raters/invitation.html", {"invitation": found, "is_open": False}, status=410)
    form = AcceptInvitation(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = actions.accept_invitation(secret, **form.cleaned_data, now=timezone.now())
        except actions.WeakPassword as refusal:
            for reason in refusal.args:
                form.add_error("password", reason)
        except (actions.AlreadyThere, actions.NotInvited) as refusal:
            form.add_error("password", str(refusal))
        else:
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect("front")
    context = {"invitation": found, "is_open": True, "form": form}
    return render(request, "raters/invitation.html", context, status=422 if form.errors else 200)

"""Doors for people: where they start, and how they come in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from raters import actions, queries
from raters.doors import person, project_or_404
from raters.forms import AcceptInvitation, ConsentForm, PreferencesForm
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


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings_page(request: HttpRequest) -> HttpResponse:
    """How a person wants their pages: text, theme, keys, and how much is kept ready."""
    user = person(request)
    form = PreferencesForm(request.POST if request.method == "POST" else None, now=queries.preferences_of(user))
    if form.is_valid():
        actions.set_preferences(user, **form.chosen())
        messages.success(request, "Kept. It follows you to every machine you sign in on.")
        return redirect("settings")
    context = {"form": form, "home": queries.rater_projects_of(user).first()}
    return render(request, "raters/settings.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sensitive(request: HttpRequest, slug: str) -> HttpResponse:
    """What distressing content is, and a rater's word on whether to be offered it."""
    project = project_or_404(request, slug, Role.RATER)
    user = person(request)
    form = ConsentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if form.cleaned_data["agree"]:
            actions.agree_to_sensitive(project, user=user, now=timezone.now())
            messages.success(request, "You will be offered distressing content too. You can stop at any time.")
        else:
            actions.decline_sensitive(project, user=user)
            messages.success(request, "You are not offered distressing content any more. Nothing else changes.")
        return redirect("sensitive", slug=project.slug)
    context = {"project": project, "since": queries.standing_of(user, project).sensitive_since, "form": form}
    return render(request, "raters/sensitive.html", context, status=422 if form.errors else 200)

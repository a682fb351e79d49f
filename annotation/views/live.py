"""Doors of a live conversation: begin, say, judge the two answers, take that back, ask again, end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotation import actions
from annotation.forms.live import BeginForm, CandidatesForm, TurnForm
from annotation.models import Batch, Conversation, Exchange
from annotation.queries import live as asking
from raters.doors import person, project_or_404
from raters.models import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from django import forms

    from raters.models import Project

NOT_NOW = (
    actions.ConversationEnded,
    actions.BatchClosed,
    actions.Paused,
    actions.StillWaiting,
    actions.JudgeFirst,
    actions.TooManyTurns,
    actions.NothingOffered,
    actions.NothingToUndo,
    actions.TooLate,
)
NO_CONTENT = 204


@require_safe
@login_required
def live(request: HttpRequest, slug: str, batch_id: int) -> HttpResponse:
    """What a conversation of this batch is, and the way into it."""
    project = project_or_404(request, slug, Role.RATER)
    batch = get_object_or_404(asking.live_batches_of(project), pk=batch_id)
    return _entrance(request, project, batch)


@require_POST
@login_required
def begin(request: HttpRequest, slug: str, batch_id: int) -> HttpResponse:
    """Begin a conversation, or go on with the one that is open."""
    project = project_or_404(request, slug, Role.RATER)
    batch = get_object_or_404(asking.live_batches_of(project), pk=batch_id)
    form = BeginForm(request.POST)
    consents = form.is_valid() and form.cleaned_data["consents"]
    try:
        conversation = actions.open_conversation(batch, rater=person(request), consents=consents, now=timezone.now())
    except actions.MustReadFirst as refusal:
        return redirect("guideline", slug=slug, version_id=refusal.version.pk)
    except actions.NeedsConsent as refusal:
        form.add_error("consents", str(refusal))
        return _entrance(request, project, batch, form=form, status=422)
    except (actions.BatchClosed, actions.Paused, actions.NeedsOptIn):
        return _entrance(request, project, batch, status=409)  # the page says which
    return redirect("conversation", slug=slug, conversation_id=conversation.pk)


@require_safe
@login_required
def conversation(request: HttpRequest, slug: str, conversation_id: int) -> HttpResponse:
    """A conversation as it stands."""
    project, held = _mine(request, slug, conversation_id)
    return _talk(request, project, held)


@require_safe
@login_required
def look(request: HttpRequest, slug: str, exchange_id: int, phase: int) -> HttpResponse:
    """Whether there is something new since the page showed this turn waiting in this phase. Nothing new: no content."""
    project, exchange = _my_exchange(request, slug, exchange_id)
    waits = exchange.state == Exchange.State.WAITING
    if waits and asking.waiting_of(exchange, now=timezone.now()).phase == phase:
        return HttpResponse(status=NO_CONTENT)
    return _talk(request, project, exchange.conversation)


@require_POST
@login_required
def say(request: HttpRequest, slug: str, conversation_id: int) -> HttpResponse:
    """Take the rater's next turn."""
    project, held = _mine(request, slug, conversation_id)
    form = TurnForm(request.POST)
    if not form.is_valid():
        return _talk(request, project, held, turn=form, status=422)
    said = form.cleaned_data
    try:
        actions.say(held, text=said["text"], key=said["key"], now=timezone.now())
    except (actions.BadTurn, actions.TurnReused) as refusal:
        form.add_error("text", str(refusal))
        return _talk(request, project, held, turn=form, status=422)
    except NOT_NOW as refusal:
        return _talk(request, project, held, turn=form, notice=str(refusal), status=409)
    return _done(request, project, held)


@require_POST
@login_required
def judge(request: HttpRequest, slug: str, exchange_id: int) -> HttpResponse:
    """Take the rater's word on which of two answers is better."""
    project, exchange = _my_exchange(request, slug, exchange_id)
    held = exchange.conversation
    form = CandidatesForm(request.POST, scale=asking.scale_of(held))
    if not form.is_valid():
        return _talk(request, project, held, judgment=form, status=422)
    key = form.cleaned_data["key"]
    try:
        actions.judge_exchange(exchange, answer=form.answer(), key=key, rng=random.Random(), now=timezone.now())
    except actions.KeyReused as refusal:
        form.add_error(None, str(refusal))
        return _talk(request, project, held, judgment=form, status=422)
    except NOT_NOW as refusal:
        return _talk(request, project, held, notice=str(refusal), status=409)
    return _done(request, project, held)


@require_POST
@login_required
def undo(request: HttpRequest, slug: str, exchange_id: int) -> HttpResponse:
    """Show the two answers again."""
    return _moved(request, slug, exchange_id, actions.reconsider)


@require_POST
@login_required
def again(request: HttpRequest, slug: str, exchange_id: int) -> HttpResponse:
    """Ask for answers once more."""
    return _moved(request, slug, exchange_id, actions.ask_again)


@require_POST
@login_required
def end(request: HttpRequest, slug: str, conversation_id: int) -> HttpResponse:
    """End the conversation."""
    project, held = _mine(request, slug, conversation_id)
    ended = actions.end_conversation(held, now=timezone.now())
    return _done(request, project, ended)


def _moved(request: HttpRequest, slug: str, exchange_id: int, move: Callable[..., object]) -> HttpResponse:
    project, exchange = _my_exchange(request, slug, exchange_id)
    try:
        move(exchange, now=timezone.now())
    except NOT_NOW as refusal:
        return _talk(request, project, exchange.conversation, notice=str(refusal), status=409)
    return _done(request, project, exchange.conversation)


def _mine(request: HttpRequest, slug: str, conversation_id: int) -> tuple[Project, Conversation]:
    project = project_or_404(request, slug, Role.RATER)
    return project, get_object_or_404(asking.conversations_of(person(request), project), pk=conversation_id)


def _my_exchange(request: HttpRequest, slug: str, exchange_id: int) -> tuple[Project, Exchange]:
    project = project_or_404(request, slug, Role.RATER)
    return project, get_object_or_404(asking.exchanges_of(person(request), project), pk=exchange_id)


def _entrance(
    request: HttpRequest, project: Project, batch: Batch, *, form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "project": project,
        "page": asking.entrance_of(batch, person(request), project),
        "form": form or BeginForm(),
        "help_line": settings.TARE_HELP_LINE,
    }
    return render(request, "annotation/live.html", context, status=status)


def _done(request: HttpRequest, project: Project, held: Conversation) -> HttpResponse:
    """After a write: what the conversation is now with htmx, a redirect for a browser without script."""
    if request.htmx:  # type: ignore[attr-defined]  # put there by the middleware of django-htmx
        return _talk(request, project, held)
    return redirect("conversation", slug=project.slug, conversation_id=held.pk)


def _talk(
    request: HttpRequest,
    project: Project,
    held: Conversation,
    *,
    turn: forms.Form | None = None,
    judgment: forms.Form | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    talk = asking.talk_of(held, now=timezone.now())
    context = {
        "project": project,
        "talk": talk,
        "turn": turn or TurnForm(initial={"text": talk.unanswered}),
        "judgment": judgment or CandidatesForm(scale=talk.steps),
        "notice": notice,
        "help_line": settings.TARE_HELP_LINE,
    }
    template = "annotation/_live_talk.html" if request.htmx else "annotation/live_talk.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)

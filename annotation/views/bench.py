"""Doors of the bench: comparing two responses.

A browser with script says which comparisons it holds (`X-Tare-Holds`, ids) and how many it wants to hold
(`X-Tare-Ahead`), and is answered with the cards it lacks; one without script is sent back to the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import actions, queries
from annotation.forms import JudgmentForm, SkipForm, UndoForm, draft_of, initial_of
from annotation.models import Assignment
from raters.doors import again_if_undone, person, project_or_404
from raters.models import Project, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.forms import Form

    from annotation.kinds import Asks

HOLDS, AHEAD, AT, KEY = "X-Tare-Holds", "X-Tare-Ahead", "X-Tare-At", "Idempotency-Key"
USUALLY_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing to judge."""

    title: str
    text: str
    href: str = ""
    action: str = ""


@require_safe
@login_required
def rate(request: HttpRequest, slug: str) -> HttpResponse:
    """The bench, with the comparisons this rater holds."""
    project = project_or_404(request, slug, Role.RATER)
    queue = _queue(request, project)
    if isinstance(queue.refusal, actions.MustReadFirst) and not queue.ids:
        return redirect("guideline", slug=project.slug, version_id=queue.refusal.version.pk)
    return _page(request, project, queue)


@require_safe
@login_required
def cards(request: HttpRequest, slug: str) -> HttpResponse:
    """The cards a browser with script lacks."""
    project = project_or_404(request, slug, Role.RATER)
    return _cards(request, project, _queue(request, project))


@require_POST
@login_required
@again_if_undone
def submit(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Take a judgment; a browser with script gets the next card, already leased."""
    project, assignment, asks = _lent(request, slug, assignment_id)
    form = JudgmentForm(_with_key(request), asks=asks, number=assignment.pk)
    if not form.is_valid():
        return _again(request, project, assignment, form)
    try:
        judgment, queue = actions.submit_and_lend(
            assignment,
            project=project,
            answer=form.answer(),
            key=form.cleaned_data["key"],
            ahead=_ahead(request),
            batch=_batch_in(request),
        )
    except (actions.ForeignRule, actions.KeyReused) as refusal:
        form.add_error("rules" if isinstance(refusal, actions.ForeignRule) else None, str(refusal))
        return _again(request, project, assignment, form)
    except actions.TooLate as refusal:
        return _refused(request, project, str(refusal))
    notice = "Someone settled this one first. Your answer was kept." if judgment.surplus else ""
    if _has_script(request):
        return _cards(request, project, queue, notice=notice, status=201)
    return redirect("rate", project.slug)


@require_POST
@login_required
@again_if_undone
def skip(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Hand a comparison back unjudged."""
    project, assignment, _ = _lent(request, slug, assignment_id)
    form = SkipForm(request.POST)
    if not form.is_valid():
        return _again(request, project, assignment, form)
    try:
        actions.skip(assignment, reason=form.cleaned_data["reason"])
    except actions.AlreadyEnded as refusal:
        return _refused(request, project, str(refusal))
    return (
        _cards(request, project, _queue(request, project)) if _has_script(request) else redirect("rate", project.slug)
    )


@require_POST
@login_required
@again_if_undone
def undo(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Take the last answer back and show its comparison again, as it stood."""
    project, assignment, _ = _lent(request, slug, assignment_id)
    form = UndoForm(request.POST)
    if not form.is_valid():
        return _refused(request, project, "This answer has no key, so it cannot be found.")
    lease = timedelta(seconds=project.lease_seconds)
    try:
        actions.undo_answer(assignment, key=form.cleaned_data["key"], lease=lease)
    except actions.NothingToUndo as refusal:
        return _refused(request, project, str(refusal))
    queue = _queue(request, project)
    if _has_script(request):
        return _cards(request, project, queue)
    return _page(request, project, queue, first=assignment.pk)


@require_http_methods(["PUT"])
@login_required
def draft(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Keep what is on the screen. A draft of an answer that was sent already is let go of."""
    project, assignment, asks = _lent(request, slug, assignment_id)
    kept = draft_of(QueryDict(request.body), asks=asks)
    if kept is None:
        return HttpResponse("This draft is too long to keep.", status=413, content_type="text/plain; charset=utf-8")
    actions.keep_draft(assignment, draft=kept)
    return HttpResponse(status=204)


@require_POST
@login_required
def leases(request: HttpRequest, slug: str) -> JsonResponse:
    """Keep the comparisons on the screen and ahead of it. Says which the rater still holds."""
    project = project_or_404(request, slug, Role.RATER)
    kept = actions.keep_leases(project, rater=person(request), assignments=_held_by(request))
    return JsonResponse({"held": sorted(kept)})


@require_safe
@login_required
def source(request: HttpRequest, slug: str, assignment_id: int, side: str) -> HttpResponse:
    """One response of a comparison, byte for byte as it was stored."""
    project, assignment, _ = _lent(request, slug, assignment_id)
    (card,) = queries.cards_of([assignment.pk])
    if side not in ("a", "b"):
        raise Http404("No such response.")
    text = (card.a if side == "a" else card.b).raw
    return HttpResponse(text.encode("utf-8", "surrogatepass"), content_type="text/plain; charset=utf-8")


def _lent(request: HttpRequest, slug: str, assignment_id: int) -> tuple[Project, Assignment, Asks]:
    """An assignment of the person who asks, with its project and what is asked on it. Raises Http404."""
    try:
        return queries.assignment_at(person(request), slug, pk=assignment_id)
    except Assignment.DoesNotExist:
        raise Http404("No such page.") from None


def _with_key(request: HttpRequest) -> QueryDict:
    """The form, with the key of the header when one came: forms without script carry theirs in a field."""
    data = request.POST.copy()
    if KEY in request.headers:
        data["key"] = request.headers[KEY]
    return data


def _has_script(request: HttpRequest) -> bool:
    return HOLDS in request.headers


def _held_by(request: HttpRequest) -> list[int]:
    """The ids a browser says it holds; whatever is no id is not one."""
    words = request.headers.get(HOLDS, "").split(",")[: 2 * actions.MOST_AHEAD]
    return [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 19]


def _batch_in(request: HttpRequest) -> int | None:
    asked = request.GET.get("batch", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None


def _ahead(request: HttpRequest) -> int:
    asked = request.headers.get(AHEAD, "")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 3 else USUALLY_AHEAD


def _queue(request: HttpRequest, project: Project) -> actions.Queue:
    # before lending: an answer that is stored from here on may be of a comparison that this page still shows
    request.META["tare.opened_at"] = _at()
    return actions.lend_ahead(project, rater=person(request), ahead=_ahead(request), batch=_batch_in(request))


def _refused(request: HttpRequest, project: Project, why: str) -> HttpResponse:
    """409: what was sent does not count; the work goes on."""
    queue = _queue(request, project)
    answer = _cards if _has_script(request) else _page
    return answer(request, project, queue, notice=why, status=409)


def _again(request: HttpRequest, project: Project, assignment: Assignment, form: Form) -> HttpResponse:
    """422: the same card with what is missing, and all that was said."""
    (card,) = queries.cards_of([assignment.pk])
    asked = form if isinstance(form, JudgmentForm) else _fresh(card, errors=form)
    context = {"project": project, "card": card, "form": asked}
    if _has_script(request):
        return render(request, "annotation/_cards.html", {"project": project, "cards": [(card, asked)]}, status=422)
    queue = _queue(request, project)
    return render(request, "annotation/bench.html", context | _frame(request, project, queue), status=422)


def _fresh(card: queries.Card, *, errors: Form | None = None) -> JudgmentForm:
    """The form of a card that was not sent yet, with its draft; or with what was wrong with a skip."""
    if not card.draft and errors is None:
        return _blank(card.asks)
    form = JudgmentForm(asks=card.asks, number=card.assignment_id, initial=initial_of(card.draft))
    form.skip_errors = errors.errors.get("reason") if errors else None
    return form


@lru_cache(maxsize=64)
def _blank(asks: Asks) -> JudgmentForm:
    """The form before anything is said: on a page it is the same on every card, and nobody changes it."""
    return JudgmentForm(asks=asks, number=1)


def _with_forms(ids: Sequence[int]) -> list[tuple[queries.Card, JudgmentForm]]:
    return [(card, _fresh(card)) for card in queries.cards_of(ids)] if ids else []


def _cards(
    request: HttpRequest, project: Project, queue: actions.Queue, *, notice: str = "", status: int = 200
) -> HttpResponse:
    lacking = [pk for pk in queue.ids if pk not in set(_held_by(request))]
    context = {
        "project": project,
        "cards": _with_forms(lacking),
        "order": ",".join(map(str, queue.ids)),
        "empty": _empty(project, queue),
        "notice": notice,
        "progress": queries.progress_of(
            project, person(request), judged=queue.place.judged, skipped=queue.place.skipped
        ),
    }
    answer = render(request, "annotation/_cards.html", context, status=status)
    answer.headers[AT] = _at()
    return answer


def _at() -> str:
    """Now, by the server's clock: a page that was opened before an answer was stored may still show its comparison."""
    return f"{timezone.now().timestamp():.6f}"


def _page(
    request: HttpRequest,
    project: Project,
    queue: actions.Queue,
    *,
    first: int | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    ids = sorted(queue.ids, key=lambda pk: pk != first)
    cards = _with_forms(ids)
    context = {
        "project": project,
        "card": cards[0][0] if cards else None,
        "form": cards[0][1] if cards else None,
        "cards": cards[1:],
        "notice": notice,
        **_frame(request, project, queue),
    }
    return render(request, "annotation/bench.html", context, status=status)


def _frame(request: HttpRequest, project: Project, queue: actions.Queue) -> dict[str, object]:
    """What stands around the card."""
    rater = person(request)
    return {
        "empty": _empty(project, queue),
        "undo": queries.undo_of(rater, project),
        "progress": queries.progress_of(project, rater, judged=queue.place.judged, skipped=queue.place.skipped),
        "batch": _batch_in(request),
        "lease_seconds": queue.lease,
        "opened_at": request.META["tare.opened_at"],
    }


def _empty(project: Project, queue: actions.Queue) -> Empty | None:
    """What to say once the last card is answered; None while there is more."""
    refusal = queue.refusal
    if refusal is None:
        return None
    if isinstance(refusal, actions.MustReadFirst):
        address = reverse("guideline", args=[project.slug, refusal.version.pk])
        return Empty("A guideline to read", "Read this version and confirm it, then work goes on.", address, "Read it")
    if isinstance(refusal, actions.Paused):
        return Empty("Your work here is paused", str(refusal))
    return Empty("All done", f"{refusal} New comparisons appear here when the next batch opens.")

"""Verbs that make work: storing responses, opening a batch of comparisons, closing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from annotation import queries
from annotation.actions.lending import CHANCE
from annotation.actions.rendering import enqueue_renderings
from annotation.actions.slots import columns_of
from annotation.kinds import LIVE, RED_TEAM
from annotation.models import Batch, Comparison, Prompt, Response, Slot, Task
from annotation.rendering import digest
from annotation.routing import GOLD, starting_orders, swapped
from raters.actions import note

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import numpy as np

    from annotation.aggregation import StoppingRule
    from guidelines.models import Guideline
    from raters.models import Project, User

CHUNK = 1000


class UnknownPrompt(Exception):
    """A response names a prompt that is not of this project; nothing was stored."""


class BadPair(Exception):
    """A pair's responses are not two different responses of one prompt of this project; no batch was opened."""


class NotEnoughPanels(Exception):
    """Splitting between the two halves of the raters needs an even overlap."""


@transaction.atomic
def store_responses(
    project: Project, *, model_digest: str, sampling: dict[str, Any], rows: Iterable[tuple[int, str]]
) -> list[Response]:
    """Keep what a model answered: one row per different text of a prompt. Rows are (prompt id, text).

    Storing the same again changes nothing. Raises UnknownPrompt.
    """
    wanted = {(prompt_id, digest(text)): text for prompt_id, text in rows}
    ids = {prompt_id for prompt_id, _ in wanted}
    known = set(Prompt.objects.filter(project=project, pk__in=ids).values_list("pk", flat=True))
    if ids - known:
        raise UnknownPrompt(f"Prompt {min(ids - known)} is not of {project}.")
    fresh = (
        Response(prompt_id=prompt_id, text=text, sha256=sha256, model_digest=model_digest, sampling=sampling)
        for (prompt_id, sha256), text in wanted.items()
    )
    Response.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
    stored = Response.objects.filter(prompt_id__in=ids, model_digest=model_digest).order_by("pk")
    kept = [response for response in stored if (response.prompt_id, response.sha256) in wanted]
    enqueue_renderings(responses=[response.pk for response in kept])
    return kept


@transaction.atomic
def open_batch(
    project: Project,
    *,
    name: str,
    guideline: Guideline,
    pairs: Sequence[tuple[int, int]],
    overlap: int,
    split_panels: bool,
    rng: np.random.Generator,
    adaptive: StoppingRule | None = None,
    by: User | None = None,
    **terms: Any,
) -> Batch:
    """Open comparisons for rating, with their sides decided: AB and BA balance within each comparison and over all.

    `pairs` are response ids, `terms` further fields of the batch, such as what it pays. What is asked is the project's
    questions of now. With `split_panels` each comparison goes before both halves of the raters alike.
    With `adaptive` each is judged `overlap` times at first, and then as often as its label needs.
    The same name again returns the batch that is there. Raises BadPair, NotEnoughPanels, BadOverlap.
    """
    asks = {"asks": queries.asks_of(project).write()}
    terms |= columns_of(adaptive, overlap=overlap, split_panels=split_panels)
    batch, new = Batch.objects.get_or_create(
        project=project, name=name, defaults={"guideline": guideline, "places": overlap * len(pairs), **asks, **terms}
    )
    if not new:
        return batch
    if split_panels and overlap % 2:
        raise NotEnoughPanels(f"An overlap of {overlap} cannot be shared evenly between two panels.")
    prompt_of = _prompts_of(project, pairs)
    orders = starting_orders(len(pairs), rng=rng)
    for start in range(0, len(pairs), CHUNK):
        made = Comparison.objects.bulk_create(
            Comparison(
                project=project,
                batch=batch,
                prompt_id=prompt_of[min(pair)],
                response_a_id=min(pair),
                response_b_id=max(pair),
                overlap=overlap,
            )
            for pair in pairs[start : start + CHUNK]
        )
        Slot.objects.bulk_create(
            Slot(
                comparison=comparison,
                number=number,
                swapped=swapped(number, starts_swapped=starts_swapped),
                panel=(number - 1) % 2 if split_panels else None,
            )
            for comparison, starts_swapped in zip(made, orders[start : start + CHUNK], strict=True)
            for number in range(1, overlap + 1)
        )
    if len(pairs) >= CHUNK // 2:
        # lending starts at once, and would be planned as for empty tables until autovacuum comes round
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE annotation_slot, annotation_comparison, annotation_assignment, annotation_response")
    note(project, actor=by, action="batch.opened", subject=name, details={"comparisons": len(pairs)})
    return batch


def _prompts_of(project: Project, pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    ids = {response for pair in pairs for response in pair}
    found = Response.objects.filter(pk__in=ids, prompt__project=project)
    prompt_of: dict[int, int] = dict(found.values_list("pk", "prompt_id"))
    for first, second in pairs:
        if first == second or first not in prompt_of or prompt_of[first] != prompt_of.get(second):
            raise BadPair(f"Responses {first} and {second} are not two responses of one prompt of {project}.")
    return prompt_of


@transaction.atomic
def close_finished_batches(*, now: datetime) -> int:
    """Close every batch whose comparisons and tasks all have their answers. Returns how many were closed.

    Where the overlap is adaptive, the labels come first: they may want more answers. Conversations go on until a lead
    closes their batch: between two turns nothing of it is open.
    """
    comparisons = Comparison.objects.filter(batch=OuterRef("pk"))
    unsure = Exists(comparisons.filter(label_due=True)) & Q(overlap_certain__isnull=False)
    waiting = Exists(comparisons.filter(is_open=True)) | Exists(Task.objects.filter(batch=OuterRef("pk"), is_open=True))
    open_ended = Batch.objects.filter(closed_at=None).exclude(kind__in=[LIVE, RED_TEAM])
    finished = open_ended.exclude(waiting).exclude(unsure)
    # Looked at again once they are held: a label that was being made may have opened more places meanwhile.
    found = list(finished.values_list("pk", flat=True))
    held = Batch.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("pk")
    return finished.filter(pk__in=[batch.pk for batch in held]).update(closed_at=now) if found else 0


@transaction.atomic
def close_batch(batch: Batch, *, by: User, now: datetime) -> None:
    """Stop lending a batch's comparisons and tasks before all are answered. What raters hold already still counts."""
    # The batch first: a label that is being made opens its places before this, or none.
    Batch.objects.filter(pk=batch.pk, closed_at=None).update(closed_at=now)
    Comparison.objects.filter(batch=batch, is_open=True).update(is_open=False)
    Task.objects.filter(batch=batch, is_open=True).update(is_open=False)
    note(batch.project, actor=by, action="batch.closed", subject=batch.name)


class AlreadyJudged(Exception):
    """Raters have judged the comparison; making it gold now would score them on an answer given in good faith."""


@transaction.atomic
def mark_gold(
    comparison: Comparison,
    *,
    preference: int,
    reason: str,
    by: User,
    reserved: bool = False,
    rng: random.Random = CHANCE,
) -> Comparison:
    """Say that a comparison's answer is known. Raters cannot tell it from any other. Raises AlreadyJudged.

    `preference` is canonical, -3 to 3; `reason` is what a rater who got it wrong is told. It stays in its place in
    the queue, or, `reserved`, leaves it and is shown to raters of its batch at random moments, to each once at most.
    """
    comparison = Comparison.objects.select_for_update().get(pk=comparison.pk)
    if comparison.judgments.exists():
        raise AlreadyJudged("This comparison was judged before. Choose one that nobody has seen.")
    comparison.gold_preference, comparison.gold_reason = preference, reason
    if reserved:
        comparison.is_open, comparison.check_as, comparison.check_key = False, GOLD, rng.random()
    comparison.save(update_fields=["gold_preference", "gold_reason", "is_open", "check_as", "check_key"])
    note(comparison.project, actor=by, action="comparison.made_gold", subject=comparison.pk)
    return comparison

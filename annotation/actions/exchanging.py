"""What a worker does for a live conversation: claim a turn, answer it twice, or give it back.

The exchange is the queue. A claim hands out a short lease and a token that grows with each claim; what a worker writes
it writes under that token. One that was thought dead and comes back finds another token there and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from annotation.actions.collecting import store_responses
from annotation.kinds import MOST_OVERLAP
from annotation.models import Assignment, Comparison, Conversation, Exchange, Slot

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from annotation.models import Response

MOST_ATTEMPTS = 3
LEASE = timedelta(seconds=20)  # a worker renews it every few seconds for as long as it is at it
NO_ANSWER = "No answer came after three tries."
NOT_TWO = "The model found no two different answers to this. Say it in other words."


class LostClaim(Exception):
    """Another worker claimed the turn since, or it is over. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer of the policy. Hostile text."""

    text: str
    sampling: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def claim_exchange(*, now: datetime) -> Exchange | None:
    """The turn that waits longest, now leased to the caller under a new token; None when nobody waits.

    A turn whose worker fell silent is claimed again, three times in all; then it fails.
    """
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = (
        Exchange.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("prompt", "conversation")
        .filter(free, state=Exchange.State.WAITING)
        .order_by("asked_at", "id")
    )
    while exchange := due.first():
        if exchange.attempts >= MOST_ATTEMPTS:
            _fail(exchange, NO_ANSWER)
            continue
        exchange.attempts, exchange.token, exchange.lease_until = exchange.attempts + 1, exchange.token + 1, now + LEASE
        exchange.save(update_fields=["attempts", "token", "lease_until"])
        return exchange
    return None


@transaction.atomic
def renew_claim(exchange: Exchange, *, token: int, now: datetime) -> None:
    """Say that the worker is still at it. Raises LostClaim."""
    held = _held(exchange, token)
    held.lease_until = now + LEASE
    held.save(update_fields=["lease_until"])


@transaction.atomic
def offer_candidates(
    exchange: Exchange,
    *,
    token: int,
    model_digest: str,
    candidates: tuple[Candidate, Candidate],
    rng: random.Random,
    now: datetime,
) -> Exchange:
    """Put two answers before the rater, on sides that chance decides. Raises LostClaim.

    Empty or equal answers, and a pair that this rater has had before, are no choice: the turn goes back into the queue
    and fails after its third attempt.
    """
    held = _held(exchange, token)
    conversation = Conversation.objects.select_related("project").get(pk=held.conversation_id)
    pair = _stored(held, conversation, model_digest, candidates)
    comparison = _comparison(held, conversation, pair) if pair else None
    if comparison is None:
        return _put_back(held, reason=NOT_TWO)
    _lend(comparison, conversation, rng=rng, now=now)
    held.comparison, held.state = comparison, Exchange.State.OFFERED
    held.offered_at, held.lease_until = now, None
    held.save(update_fields=["comparison", "state", "offered_at", "lease_until"])
    return held


def _stored(
    held: Exchange, conversation: Conversation, model_digest: str, candidates: tuple[Candidate, Candidate]
) -> list[Response]:
    """The two responses, or nothing when they are not two."""
    texts = [storable(candidate.text) for candidate in candidates]
    if not all(text.strip() for text in texts) or texts[0].strip() == texts[1].strip():
        return []
    return [
        store_responses(
            conversation.project,
            model_digest=model_digest,
            sampling=candidate.sampling,
            rows=[(held.prompt_id, text)],
        )[0]
        for candidate, text in zip(candidates, texts, strict=True)
    ]


def _comparison(held: Exchange, conversation: Conversation, pair: list[Response]) -> Comparison | None:
    """The comparison of the pair in this batch, with room for this rater; None when they have had it before.

    Two raters who begin with the same words may be given the same answers: that is one comparison, judged twice.
    """
    first, second = sorted(pair, key=lambda response: response.pk)
    comparison, new = Comparison.objects.get_or_create(
        batch_id=conversation.batch_id,
        response_a=first,
        response_b=second,
        defaults={"project_id": conversation.project_id, "prompt_id": held.prompt_id, "overlap": 1},
    )
    if new:
        return comparison
    comparison = Comparison.objects.select_for_update().get(pk=comparison.pk)
    had = Assignment.objects.filter(comparison=comparison, rater=conversation.rater_id).exists()
    if had or comparison.overlap >= MOST_OVERLAP:
        return None
    comparison.overlap, comparison.is_open = comparison.overlap + 1, True
    comparison.save(update_fields=["overlap", "is_open"])
    return comparison


def _lend(comparison: Comparison, conversation: Conversation, *, rng: random.Random, now: datetime) -> None:
    """A place for this rater's judgment and nobody else's, held for them."""
    swapped, until = rng.random() < 0.5, now + timedelta(seconds=conversation.project.lease_seconds)
    slot = Slot.objects.create(
        comparison=comparison,
        number=comparison.overlap,
        swapped=swapped,
        rater_id=conversation.rater_id,
        leased_until=until,
    )
    Assignment.objects.create(
        comparison=comparison,
        slot=slot,
        rater_id=conversation.rater_id,
        guideline_version_id=conversation.guideline_version_id,
        swapped=swapped,
        leased_at=now,
        expires_at=until,
    )


@transaction.atomic
def put_back_exchange(exchange: Exchange, *, token: int, spent: bool) -> Exchange:
    """Give a turn back unanswered, for the next worker. Raises LostClaim.

    With `spent` it was the turn's attempt, and the third one is the last; without, the worker only had to go.
    """
    held = _held(exchange, token)
    if not spent:
        held.attempts -= 1
    return _put_back(held, reason=NO_ANSWER)


def _put_back(held: Exchange, *, reason: str) -> Exchange:
    if held.attempts >= MOST_ATTEMPTS:
        return _fail(held, reason)
    held.lease_until = None
    held.save(update_fields=["state", "attempts", "lease_until"])  # naming the state rings the next worker
    return held


@transaction.atomic
def fail_exchange(exchange: Exchange, *, token: int, reason: str) -> Exchange:
    """Say to the rater why their turn gets no answer, in words of theirs: no model, no path. Raises LostClaim."""
    return _fail(_held(exchange, token), reason)


def _fail(held: Exchange, reason: str) -> Exchange:
    held.state, held.reason, held.lease_until = Exchange.State.FAILED, reason, None
    held.save(update_fields=["state", "reason", "lease_until", "attempts"])
    return held


def _held(exchange: Exchange, token: int) -> Exchange:
    """The row, locked, if `token` still holds it. Raises LostClaim."""
    held = Exchange.objects.select_for_update(of=("self",)).get(pk=exchange.pk)
    if held.token == token and held.state == Exchange.State.WAITING:
        return held
    raise LostClaim(f"{held} is {held.get_state_display().lower()}, under token {held.token}: {token} has no say.")


def storable(text: str) -> str:
    """What a model wrote, as PostgreSQL can keep it: no NUL, no half of a character."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")

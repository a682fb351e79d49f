"""What a rater does in a live conversation: begin it, write a turn, judge the candidates, take that back, end it.

Every verb locks the conversation first, so that two tabs of one rater wait for each other.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from annotation import queries
from annotation.actions.judging import Answer, submit_judgment, undo_judgment, while_no_freeze
from annotation.actions.lending import MustReadFirst, NeedsOptIn, Paused, take_seat
from annotation.actions.rendering import enqueue_renderings
from annotation.importers.prompts import NewPrompt
from annotation.kinds import LIVE, LIVE_SOURCE, LONGEST_TURN, MOST_EXCHANGES, RED_TEAM, Asks
from annotation.models import Assignment, Batch, Comparison, Conversation, Exchange, Judgment, Prompt, Slot, Withdrawal
from guidelines import queries as guidelines
from raters.actions import note
from raters.queries import standing_of

if TYPE_CHECKING:
    import random
    from datetime import datetime
    from uuid import UUID

    from guidelines.models import Guideline
    from raters.models import Project, User

STOPPED = "The conversation was ended before there was an answer."


class NotAConversation(Exception):
    """The batch is of another kind of work; nothing was opened."""


class BatchClosed(Exception):
    """A lead closed the batch: no conversation of it begins or goes on."""


class NeedsConsent(Exception):
    """Red teaming is only for raters who agreed to it, each time they begin."""


class ConversationEnded(Exception):
    """The conversation is over; nothing was written."""


class JudgeFirst(Exception):
    """Two candidates wait to be judged before the conversation can go on."""


class StillWaiting(Exception):
    """The turn before still waits for its candidates."""


class BadTurn(Exception):
    """The turn is empty, or longer than a turn may be; the message says which."""


class TooManyTurns(Exception):
    """The conversation has as many turns as one may have."""


class TurnReused(Exception):
    """The key came before with other words; the first words stand."""


class NothingOffered(Exception):
    """There are no candidates to judge, or the conversation went on since."""


@transaction.atomic
def open_live_batch(
    project: Project,
    *,
    name: str,
    guideline: Guideline,
    kind: str,
    instructions: str,
    is_sensitive: bool,
    by: User,
) -> Batch:
    """Open a place for conversations, of kind "live" or "red_team", until a lead closes it.

    After each turn the rater is asked on the project's scale which candidate is better, and may say why. The same name
    again returns the batch that is there. Raises NotAConversation, also when that batch is of another kind.
    """
    if kind not in (LIVE, RED_TEAM):
        raise NotAConversation(f"kind={kind!r}: use {LIVE} or {RED_TEAM}.")
    asks = Asks(steps=queries.asks_of(project).steps, qualities=(), flags=(), rationale_one_in=0)
    batch, new = Batch.objects.get_or_create(
        project=project,
        name=name,
        defaults={
            "guideline": guideline,
            "kind": kind,
            "asks": asks.write(),
            "instructions": instructions,
            "is_sensitive": is_sensitive,
        },
    )
    if batch.kind != kind:
        raise NotAConversation(f"There is a batch {name!r} already, of kind {batch.kind}.")
    if new:
        note(project, actor=by, action="batch.opened", subject=name, details={"kind": kind})
    return batch


@transaction.atomic
def open_conversation(batch: Batch, *, rater: User, consents: bool, now: datetime) -> Conversation:
    """The rater's conversation in this batch: the one that is open, else a new one.

    Raises NotAConversation, BatchClosed, Paused, MustReadFirst, NeedsOptIn, NeedsConsent.
    """
    if batch.kind not in (LIVE, RED_TEAM):
        raise NotAConversation("This batch is no conversation.")
    take_seat(batch.project_id, rater.pk)  # two tabs begin one conversation
    held = Conversation.objects.filter(batch=batch, rater=rater, ended_at=None).first()
    if held:
        return held
    standing = standing_of(rater, batch.project)
    if batch.closed_at:
        raise BatchClosed("This batch is closed.")
    if standing.paused_at:
        raise Paused(standing.pause_reason or "A lead paused your work here.")
    if batch.is_sensitive and not standing.sensitive_since:
        raise NeedsOptIn("This batch is only for raters who opted in to sensitive content.")
    version, has_read = guidelines.live_version_for(rater, batch.guideline_id)
    if version is None:
        raise BatchClosed("The guideline of this batch is not published yet.")
    if not has_read:
        raise MustReadFirst(version)
    is_red_team = batch.kind == RED_TEAM
    if is_red_team and not consents:
        raise NeedsConsent("Say first that you agree to it.")
    return Conversation.objects.create(
        project_id=batch.project_id,
        batch=batch,
        rater=rater,
        guideline_version=version,
        is_red_team=is_red_team,
        consented_at=now if is_red_team else None,
        started_at=now,
    )


@transaction.atomic
def say(conversation: Conversation, *, text: str, key: UUID, now: datetime) -> Exchange:
    """The rater's next turn, waiting for two candidates. The same key and words again returns the turn that is there.

    A turn that got no answer is not part of what follows. Raises BadTurn, TurnReused, ConversationEnded, BatchClosed,
    Paused, StillWaiting, JudgeFirst, TooManyTurns.
    """
    held = _locked(conversation)
    text = text.strip()
    before = held.exchanges.select_related("prompt").filter(key=key).first()
    if before is not None:
        if before.prompt.question != text:
            raise TurnReused("This turn was sent before with other words. The first ones stand.")
        return before
    if not text or len(text) > LONGEST_TURN:
        raise BadTurn(f"Write between 1 and {LONGEST_TURN:,} characters.")
    _refuse_closed(held)
    last = _last(held)
    _refuse_unanswered(held, last)
    number = (last.number if last else 0) + 1
    if number > MOST_EXCHANGES:
        raise TooManyTurns("This conversation is long enough. End it and begin another one.")
    return Exchange.objects.create(
        conversation=held,
        number=number,
        prompt=_prompt(held, text),
        key=key,
        asked_at=now,
    )


def _refuse_closed(held: Conversation) -> None:
    if held.ended_at:
        raise ConversationEnded("This conversation has ended.")
    if held.batch.closed_at:
        raise BatchClosed("A lead closed this batch. Your conversation is kept.")
    standing = standing_of(held.rater, held.project)
    if standing.paused_at:
        raise Paused(standing.pause_reason or "A lead paused your work here.")


def _refuse_unanswered(held: Conversation, last: Exchange | None) -> None:
    if last is None:
        return
    if last.state == Exchange.State.WAITING:
        raise StillWaiting("Your last turn still waits for its answers.")
    taken_back = last.state == Exchange.State.JUDGED and _assignment(last, held).state == Assignment.State.OPEN
    if last.state == Exchange.State.OFFERED or taken_back:
        raise JudgeFirst("Say first which of the two answers is better.")


def _prompt(held: Conversation, text: str) -> Prompt:
    """All turns that count, with the new one. A conversation is held out as a whole, as its first turn falls."""
    answered = (
        held.exchanges.filter(state=Exchange.State.JUDGED)
        .select_related("prompt", "went_on")
        .order_by("-number")
        .first()
    )
    turns: list[dict[str, str]] = []
    held_out = None
    if answered is not None and answered.went_on is not None:
        turns = [*answered.prompt.messages, {"role": "assistant", "content": answered.went_on.text}]
        held_out = answered.prompt.held_out
    new = NewPrompt(messages=[*turns, {"role": "user", "content": text}], held_out=held_out)
    # not under the lock of the imports, which may hold it for longer than a person waits
    prompt, _ = Prompt.objects.get_or_create(
        project_id=held.project_id,
        sha256=new.sha256,
        defaults={
            "messages": new.messages,
            "tags": [held.batch.kind],
            "source": LIVE_SOURCE,
            "language": new.language,
            "held_out": new.is_held_out,
        },
    )
    enqueue_renderings(prompts=[prompt.pk])
    return prompt


@transaction.atomic
def judge_exchange(exchange: Exchange, *, answer: Answer, key: UUID, rng: random.Random, now: datetime) -> Judgment:
    """Record which candidate is better; it goes on, and of two alike the one that chance takes.

    The same key and answer again changes nothing. Raises NothingOffered, and what submit_judgment raises.
    """
    while_no_freeze(exchange.conversation.project_id)  # before the seat, as whoever submits does it
    held = _locked(exchange.conversation)
    exchange = _again(exchange)
    comparison = exchange.comparison
    if comparison is None or _last(held) != exchange:
        raise NothingOffered("There are no answers to judge here.")
    assignment = _assignment(exchange, held)
    was_open = assignment.state == Assignment.State.OPEN
    judgment = submit_judgment(assignment, answer=answer, key=key, now=now)
    if not was_open:
        return judgment  # sent twice: a tie is not drawn twice
    if Withdrawal.objects.filter(judgment=judgment).exists():
        raise NothingOffered("This answer was taken back.")
    pair = (comparison.response_a_id, comparison.response_b_id)
    exchange.went_on_id = pair[judgment.preference > 0] if judgment.preference else rng.choice(pair)
    exchange.state = Exchange.State.JUDGED
    exchange.save(update_fields=["went_on", "state"])
    return judgment


@transaction.atomic
def reconsider(exchange: Exchange, *, now: datetime) -> Exchange:
    """Take the judgment of the last exchange back, before anything was built on it.

    Raises NothingOffered, and what undo_judgment raises.
    """
    while_no_freeze(exchange.conversation.project_id)
    held = _locked(exchange.conversation)
    exchange = _again(exchange)
    if exchange.state != Exchange.State.JUDGED or _last(held) != exchange or held.ended_at:
        raise NothingOffered("The conversation went on since, so this answer stands.")
    newest = Judgment.objects.filter(assignment=_assignment(exchange, held)).order_by("-revision")
    judgment = newest.select_related("comparison").first()
    if judgment is None:
        raise NothingOffered("There is no answer to take back.")
    undo_judgment(judgment, lease=timedelta(seconds=held.project.lease_seconds), now=now)
    exchange.state, exchange.went_on = Exchange.State.OFFERED, None
    exchange.save(update_fields=["state", "went_on"])
    return exchange


@transaction.atomic
def ask_again(exchange: Exchange, *, now: datetime) -> Exchange:
    """Put a turn that got no answer back into the queue, with all its attempts. A worker at it may go on.

    Raises NothingOffered when it is not the last turn, or has its candidates; ConversationEnded, BatchClosed, Paused.
    """
    held = _locked(exchange.conversation)
    exchange = _again(exchange)
    if exchange.state not in (Exchange.State.WAITING, Exchange.State.FAILED) or _last(held) != exchange:
        raise NothingOffered("This turn has its answers.")
    _refuse_closed(held)
    at_work = exchange.lease_until is not None and exchange.lease_until > now
    if exchange.state == Exchange.State.WAITING and at_work:
        return exchange
    exchange.state, exchange.reason, exchange.attempts = Exchange.State.WAITING, "", 0
    exchange.token, exchange.lease_until, exchange.asked_at = exchange.token + 1, None, now
    exchange.save(update_fields=["state", "reason", "attempts", "token", "lease_until", "asked_at"])
    return exchange


@transaction.atomic
def end_conversation(conversation: Conversation, *, now: datetime) -> Conversation:
    """End it, at any point and without a reason. What was judged stays; what waits is left unanswered."""
    held = _locked(conversation)
    if held.ended_at:
        return held
    last = _last(held)
    if last is not None and last.state == Exchange.State.WAITING:
        last.state, last.reason, last.token, last.lease_until = Exchange.State.FAILED, STOPPED, last.token + 1, None
        last.save(update_fields=["state", "reason", "token", "lease_until"])
    elif last is not None and last.comparison_id is not None:
        _leave_unjudged(last, held, now=now)
    held.ended_at = now
    held.save(update_fields=["ended_at"])
    return held


def _leave_unjudged(exchange: Exchange, held: Conversation, *, now: datetime) -> None:
    """Close what was offered and not judged. It is no skip: nobody else will get it, and nothing is counted."""
    assignment = _assignment(exchange, held)
    if assignment.state != Assignment.State.OPEN:
        return
    assignment.state, assignment.ended_at, assignment.skip_reason = Assignment.State.SKIPPED, now, "ended"
    assignment.save(update_fields=["state", "ended_at", "skip_reason"])
    Slot.objects.filter(assignments=assignment, filled_at=None).update(leased_until=None)
    others = Assignment.objects.filter(comparison=assignment.comparison_id, state=Assignment.State.OPEN)
    if not others.exists():
        Comparison.objects.filter(pk=assignment.comparison_id).update(is_open=False)


def _locked(conversation: Conversation) -> Conversation:
    """The conversation with its batch, project and rater, locked. Comes before any other lock but the seat."""
    take_seat(conversation.project_id, conversation.rater_id)
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("batch", "project", "rater")
        .get(pk=conversation.pk)
    )


def _again(exchange: Exchange) -> Exchange:
    return Exchange.objects.select_for_update(of=("self",)).select_related("comparison").get(pk=exchange.pk)


def _last(conversation: Conversation) -> Exchange | None:
    number = conversation.exchanges.aggregate(last=Max("number"))["last"]
    return conversation.exchanges.select_for_update().filter(number=number).first()


def _assignment(exchange: Exchange, held: Conversation) -> Assignment:
    return Assignment.objects.select_related("comparison", "slot").get(
        comparison=exchange.comparison_id, rater=held.rater_id
    )

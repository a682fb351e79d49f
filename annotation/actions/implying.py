"""What an answer to a task implies: judgments, comparisons to hang them on, responses and demonstrations."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

from django.db.models import Count, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Least

from annotation.kinds import IMPLIED_STRENGTH, ImpliedPair, Ranking, Writing, implied_pairs
from annotation.models import Comparison, Demonstration, Judgment, Response, TaskAnswer, TaskResponse, Withdrawal
from annotation.queries import counted_judgments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from annotation.kinds import Content


def imply(answer: TaskAnswer, content: Content, *, now: datetime) -> None:
    """Write what the answer implies, inside the transaction that appends it."""
    if isinstance(content, Ranking):
        _judge(answer, implied_pairs(content.ranks), now=now)
        return
    original = TaskResponse.objects.filter(task=answer.assignment.task_id).values_list("response", flat=True).first()
    if original is not None:
        _judge(answer, [_beats(_kept(answer, content).pk, original)], now=now)
    if not answer.surplus:
        _demonstrate(answer, content.text, now=now)


def take_back(answer: TaskAnswer, *, reason: str, now: datetime) -> None:
    """Undo what the answer implied: its judgments are withdrawn, its demonstration is superseded."""
    judgments = list(Judgment.objects.filter(answer=answer).values_list("pk", "comparison"))
    Withdrawal.objects.bulk_create(Withdrawal(judgment_id=pk, reason=reason, at=now) for pk, _ in judgments)
    _recount([comparison for _, comparison in judgments])
    for demonstration in Demonstration.objects.filter(answer=answer, superseded_at=None):
        _hand_over(demonstration, answer, now=now)


def _beats(edit: int, original: int) -> ImpliedPair:
    return implied_pairs({edit: 1, original: 2})[0]


def _judge(answer: TaskAnswer, pairs: Sequence[ImpliedPair], *, now: datetime) -> None:
    """A judgment of each pair. They share the answer's time evenly, so that their sum is the time it took.

    The reason is about the answer as a whole: only a single pair carries it.
    """
    comparisons = _comparisons(answer, pairs)
    Judgment.objects.bulk_create(
        Judgment(
            answer=answer,
            comparison_id=comparisons[pair.a, pair.b],
            rater_id=answer.rater_id,
            guideline_version_id=answer.assignment.guideline_version_id,
            revision=answer.revision,
            preference=pair.sign * IMPLIED_STRENGTH,
            swapped=False,
            rationale=answer.rationale if len(pairs) == 1 else "",
            seconds=answer.seconds / len(pairs),
            surplus=answer.surplus,
            # a key of its own for each, the same whenever it is made from the answer's
            key=uuid.uuid5(answer.key, f"{pair.a}:{pair.b}"),
            fingerprint=answer.fingerprint,
            created_at=now,
        )
        for pair in pairs
    )
    _recount(list(comparisons.values()))


def _comparisons(answer: TaskAnswer, pairs: Sequence[ImpliedPair]) -> dict[tuple[int, int], int]:
    """The comparison of each pair in the task's batch. One that is made here is closed: it is never lent."""
    task = answer.assignment.task
    Comparison.objects.bulk_create(
        (
            Comparison(
                project_id=task.project_id,
                batch_id=task.batch_id,
                prompt_id=task.prompt_id,
                response_a_id=pair.a,
                response_b_id=pair.b,
                overlap=task.overlap,
                is_open=False,
            )
            for pair in pairs
        ),
        ignore_conflicts=True,
    )
    firsts, seconds = {pair.a for pair in pairs}, {pair.b for pair in pairs}
    found = Comparison.objects.filter(batch=task.batch_id, response_a__in=firsts, response_b__in=seconds)
    rows = found.values_list("response_a", "response_b", "pk")
    by_pair = {(first, second): pk for first, second, pk in rows}
    return {(pair.a, pair.b): by_pair[pair.a, pair.b] for pair in pairs}


def _recount(comparisons: list[int]) -> None:
    """How many judgments each comparison has that count, and a new label for it."""
    counts = (
        counted_judgments()
        .filter(comparison=OuterRef("pk"))
        .order_by()
        .values("comparison")
        .annotate(n=Count("pk"))
        .values("n")
    )
    counted = Coalesce(Subquery(counts), Value(0))
    Comparison.objects.filter(pk__in=comparisons).update(filled=Least(F("overlap"), counted), label_due=True)


def _kept(answer: TaskAnswer, content: Writing) -> Response:
    """The edit as a response of its prompt, by a person."""
    response, _ = Response.objects.get_or_create(
        prompt_id=answer.assignment.task.prompt_id,
        model_digest="",
        sha256=_digest(content.text),
        defaults={"text": content.text, "source": Response.Source.HUMAN, "author_id": answer.rater_id},
    )
    return response


def _demonstrate(answer: TaskAnswer, text: str, *, now: datetime) -> None:
    """The text as a demonstration. The same text of a prompt is one row, which counts again if it was taken back."""
    task = answer.assignment.task
    by_them = {
        "author_id": answer.rater_id,
        "answer": answer,
        "source": task.batch.kind,
        "guideline_version_id": answer.assignment.guideline_version_id,
    }
    row, new = Demonstration.objects.get_or_create(
        prompt_id=task.prompt_id,
        sha256=_digest(text),
        defaults={"project_id": task.project_id, "text": text, "created_at": now, **by_them},
    )
    if not new:
        Demonstration.objects.filter(pk=row.pk, superseded_at__isnull=False).update(superseded_at=None, **by_them)


def _hand_over(demonstration: Demonstration, answer: TaskAnswer, *, now: datetime) -> None:
    """Another rater's standing answer with the same words keeps the demonstration; without one it is superseded."""
    same = Q(assignment__task__prompt=demonstration.prompt_id, content__text=demonstration.text)
    heir = TaskAnswer.objects.filter(same, withdrawal=None, surplus=False).exclude(pk=answer.pk).order_by("pk").first()
    if heir is None:
        Demonstration.objects.filter(pk=demonstration.pk).update(superseded_at=now)
    else:
        Demonstration.objects.filter(pk=demonstration.pk).update(answer=heir, author=heir.rater_id)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

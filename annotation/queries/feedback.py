"""What reviewers said of comparisons that a rater judged. Never another rater's answer, nothing on known ones.

Comparisons with a known answer are left out: a verdict on one would say that it was one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from annotation.kinds import IN_WORDS, canonical
from annotation.models import Adjudication, Judgment
from annotation.queries.words import first_words
from annotation.rendering import visible

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from raters.models import Project, User

PAGE = 20
NEW_FOR = timedelta(days=30)
MOST_NEW = 99


@dataclass(frozen=True, slots=True)
class Feedback:
    """A reviewer's verdict on one comparison, with the sides as this rater saw them."""

    id: int
    question: str
    agreed: bool
    yours: str
    theirs: str
    rule: str
    version_id: int | None
    note: str
    at: datetime
    judgment_id: int


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """Verdicts, the newest first; `before` is where the next page starts, None on the last."""

    items: tuple[Feedback, ...]
    before: int | None


def _verdicts(project: Project, rater: User) -> QuerySet[Adjudication]:
    """The newest verdict of each comparison that the rater judged and did not take back."""
    mine = Judgment.objects.filter(
        comparison=OuterRef("comparison"), rater=rater, withdrawal=None, assignment__isnull=False
    )
    later = Adjudication.objects.filter(comparison=OuterRef("comparison"), pk__gt=OuterRef("pk"))
    return Adjudication.objects.filter(
        Exists(mine), ~Exists(later), comparison__project=project, comparison__gold_preference=None
    )


def new_feedback(project: Project, rater: User, *, now: datetime) -> int:
    """How many verdicts came in the last thirty days; 99 stands for 99 or more."""
    return _verdicts(project, rater).filter(created_at__gte=now - NEW_FOR)[:MOST_NEW].count()


def feedback_page(project: Project, rater: User, *, before: int | None = None, size: int = PAGE) -> FeedbackPage:
    """Verdicts older than the one with the id `before`, or the newest. Two questions."""
    rows = _verdicts(project, rater).select_related("comparison__prompt", "rule").order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: size + 1])
    shown = found[:size]
    own = Judgment.objects.filter(
        comparison__in=[verdict.comparison_id for verdict in shown],
        rater=rater,
        withdrawal=None,
        assignment__isnull=False,
    )
    by_comparison = {judgment.comparison_id: judgment for judgment in own}
    items = tuple(_feedback(verdict, by_comparison[verdict.comparison_id]) for verdict in shown)
    return FeedbackPage(items, shown[-1].pk if len(found) > size else None)


def _feedback(verdict: Adjudication, own: Judgment) -> Feedback:
    return Feedback(
        id=verdict.pk,
        question=first_words(verdict.comparison.prompt.messages),
        agreed=_side(own.preference) == _side(verdict.preference),
        yours=IN_WORDS[canonical(own.preference, swapped=own.swapped)],
        theirs=IN_WORDS[canonical(verdict.preference, swapped=own.swapped)],
        rule=f"{verdict.rule.number} {verdict.rule.title}" if verdict.rule else "",
        version_id=verdict.rule.version_id if verdict.rule else None,
        note=visible(verdict.note),
        at=verdict.created_at,
        judgment_id=own.pk,
    )


def _side(preference: int) -> int:
    return (preference > 0) - (preference < 0)

"""The judgments that count, one by one, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from annotation.models import Judgment
from annotation.queries.work import counted_judgments
from guidelines.models import Rule
from raters.models import Standing

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from raters.models import Project

GONE = "rater-gone"  # as in a snapshot: a standing is made with the first membership and stays
SAID = (
    "id",
    "preference",
    "swapped",
    "qualities",
    "flags_a",
    "flags_b",
    "no_rule",
    "rationale",
    "seconds",
    "revision",
    "answer",
    "created_at",
)


def listed_judgments(
    project: Project, *, batch: int | None = None, since: datetime | None = None
) -> QuerySet[Judgment, dict[str, Any]]:
    """What a snapshot would hold if it were frozen now, as rows: no gold item, a pseudonym and never a name.

    `batch` is the id of one batch of the project; `since` lets in what was judged then or later.
    """
    asked_for = Q(comparison__project=project, comparison__gold_preference=None)
    if batch is not None:
        asked_for &= Q(comparison__batch=batch)
    if since is not None:
        asked_for &= Q(created_at__gte=since)
    standing = Standing.objects.filter(project=project, user=OuterRef("rater"))
    cited = Rule.objects.filter(judgments=OuterRef("pk")).order_by("position")
    rows: QuerySet[Judgment, dict[str, Any]] = (
        counted_judgments()
        .filter(asked_for)
        .values(
            *SAID,
            batch=F("comparison__batch"),
            pair_id=F("comparison"),
            prompt=F("comparison__prompt"),
            held_out=F("comparison__prompt__held_out"),
            response_a=F("comparison__response_a"),
            response_b=F("comparison__response_b"),
            pseudonym=Coalesce(Subquery(standing.values("pseudonym")[:1]), Value(GONE)),
            panel=Coalesce(Subquery(standing.values("panel")[:1]), Value(0)),
            guideline=F("guideline_version__guideline__name"),
            major=F("guideline_version__major"),
            minor=F("guideline_version__minor"),
            cited=ArraySubquery(cited.values("number")),
        )
    )
    return rows

"""What decides the order of work: priorities, how long a comparison is kept, what serves as a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Random

from annotation.models import Batch, Comparison
from annotation.routing import GOLD, SILVER
from raters.actions import note

if TYPE_CHECKING:
    from collections.abc import Collection

    from raters.models import User

SILVER_CERTAINTY = 0.8  # three that agree, or a reviewer's verdict
SILVER_JUDGMENTS = 3
SHORTEST_LEASE = 180
LEASE_FROM = 20  # answers of a batch, of the newest PACE_FROM of all, before its leases follow their time
PACE_FROM = 2000

LEASES = """
UPDATE annotation_batch batch SET lease_seconds = pace.lease
FROM (SELECT comparison.batch_id,
             LEAST(86400, GREATEST(%(shortest)s,
                   ceil(percentile_cont(0.9) WITHIN GROUP (ORDER BY newest.seconds))))::int AS lease
      FROM (SELECT comparison_id, seconds FROM annotation_judgment
            WHERE assignment_id IS NOT NULL ORDER BY id DESC LIMIT %(newest)s) newest
      JOIN annotation_comparison comparison ON comparison.id = newest.comparison_id
      GROUP BY comparison.batch_id HAVING count(*) >= %(from)s) pace
WHERE batch.id = pace.batch_id AND batch.kind = 'pairwise' AND batch.lease_seconds IS DISTINCT FROM pace.lease
"""


@transaction.atomic
def prioritise(batch: Batch, *, comparisons: Collection[int], priority: int, by: User) -> int:
    """Give comparisons of the batch, by id, another priority: the lower, the sooner. Returns how many were open.

    Every rater begins at the front of the batch again, once, and passes what they had.
    """
    Batch.objects.select_for_update().get(pk=batch.pk)
    moved = Comparison.objects.filter(batch=batch, pk__in=comparisons, is_open=True).update(priority=priority)
    Batch.objects.filter(pk=batch.pk).update(epoch=F("epoch") + 1)
    details = {"comparisons": moved, "priority": priority}
    note(batch.project, actor=by, action="batch.prioritised", subject=batch.name, details=details)
    return moved


@transaction.atomic
def fold_leases() -> int:
    """Let a comparison be kept for as long as nine of ten answers of its batch take. Returns how many batches changed.

    At least three minutes, and the project's own time until a batch has 20 of the newest 2,000 answers.
    """
    with connection.cursor() as cursor:
        cursor.execute(LEASES, {"shortest": SHORTEST_LEASE, "newest": PACE_FROM, "from": LEASE_FROM})
        changed: int = cursor.rowcount
    return changed


def sort_silver(comparisons: Collection[int]) -> None:
    """Let comparisons whose label is certain serve as checks where their project shows such, and the others not."""
    folded = Comparison.objects.filter(pk__in=comparisons).exclude(check_as=GOLD)
    certain = folded.filter(
        is_open=False,
        gold_preference=None,
        batch__kind=Batch.Kind.PAIRWISE,
        batch__closed_at=None,
        project__routing_rules__silver_rate__gt=0,
        label__certainty__gte=SILVER_CERTAINTY,
        label__judgments__gte=SILVER_JUDGMENTS,
    )
    sure = list(certain.values_list("pk", flat=True))
    folded.filter(check_as=SILVER).exclude(pk__in=sure).update(check_as="")
    folded.filter(pk__in=sure, check_as="").update(check_as=SILVER, check_key=Random())

"""Which judgments count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotation.models import COUNTED, Judgment

if TYPE_CHECKING:
    from django.db.models import QuerySet


def counted_judgments() -> QuerySet[Judgment]:
    """The judgments that count: neither taken back nor surplus, and asked about the comparison, not the rater.

    At most one per rater and comparison.
    """
    return Judgment.objects.filter(withdrawal=None, surplus=False, purpose__in=COUNTED)


def given_judgments() -> QuerySet[Judgment]:
    """Those of them that a rater gave on two responses shown side by side.

    The rest are implied by a ranking or an edit: they had no side, and those of one answer are not independent.
    """
    return counted_judgments().filter(answer=None)

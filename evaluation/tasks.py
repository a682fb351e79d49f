"""Bells: something changed that a round may be waiting for."""

from celery import shared_task
from django.utils import timezone

from evaluation import actions


@shared_task(name="evaluation.advance")  # type: ignore[untyped-decorator]  # celery has no types
def advance() -> None:
    """Take every round as far as it goes."""
    actions.advance_rounds(now=timezone.now())

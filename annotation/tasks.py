"""Bells of the annotation room."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from annotation import actions


@shared_task(name="annotation.fold")  # type: ignore[untyped-decorator]
def fold() -> None:
    """Labels follow their judgments, leases the time they take, and finished batches close. Safe at any time."""
    while actions.fold_labels(now=timezone.now()):
        continue
    actions.fold_leases()
    actions.close_finished_batches(now=timezone.now())


@shared_task(name="annotation.render")  # type: ignore[untyped-decorator]
def render() -> None:
    """Texts that were stored get their safe HTML. Ends well before the task's limit; the next ring goes on."""
    for _ in range(25):
        if not actions.render_due(now=timezone.now()):
            break

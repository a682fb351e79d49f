"""Bells: a snapshot waits to be frozen."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from snapshots import actions


@shared_task(name="snapshots.build")  # type: ignore[untyped-decorator]  # celery has no types
def build() -> None:
    """Freeze the snapshot that has waited longest; the next one rings again."""
    while actions.build_next_snapshot(now=timezone.now()) is not None:
        pass

"""The verbs of snapshots: asking for one, and freezing it."""

from snapshots.actions.asking import BadName, NameTaken, request_snapshot
from snapshots.actions.freezing import build_next_snapshot
from snapshots.filters import BadFilters

__all__ = ["BadFilters", "BadName", "NameTaken", "build_next_snapshot", "request_snapshot"]

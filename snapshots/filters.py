"""Pure: what a snapshot is asked to hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST = 1000


class BadFilters(ValueError):
    """The filters cannot be used; the message names the one that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which judgments go in. Nothing given means everything.

    batches, guideline_versions: ids. min_certainty: of the label of a comparison, 0 to 1.
    """

    batches: tuple[int, ...] = ()
    guideline_versions: tuple[int, ...] = ()
    min_certainty: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The same filters always as the same JSON: sorted, and only what was asked for."""
        given: dict[str, Any] = {}
        if self.batches:
            given["batches"] = sorted(set(self.batches))
        if self.guideline_versions:
            given["guideline_versions"] = sorted(set(self.guideline_versions))
        if self.min_certainty:
            given["min_certainty"] = self.min_certainty
        return given


def read(data: Any) -> Filters:
    """The filters in JSON data. Raises BadFilters."""
    if not isinstance(data, dict):
        raise BadFilters("filters is an object.")
    unknown = sorted(data.keys() - {"batches", "guideline_versions", "min_certainty"})
    if unknown:
        raise BadFilters(f"{str(unknown[0])[:60]!r} is not a filter: use batches, guideline_versions, min_certainty.")
    return Filters(
        batches=_ids(data, "batches"),
        guideline_versions=_ids(data, "guideline_versions"),
        min_certainty=_share(data.get("min_certainty", 0.0)),
    )


def _ids(data: dict[str, Any], name: str) -> tuple[int, ...]:
    value = data.get(name, [])
    if not isinstance(value, list) or len(value) > MOST:
        raise BadFilters(f"{name} is a list of at most {MOST} ids.")
    if not all(isinstance(entry, int) and not isinstance(entry, bool) and 0 < entry < 2**63 for entry in value):
        raise BadFilters(f"{name} is a list of ids, whole numbers above 0.")
    return tuple(value)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise BadFilters("min_certainty is a number from 0 to 1.")
    return float(value)

"""What a project asks of its raters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotation.kinds import FLAGS, Asks, Quality, Step
from annotation.models import Asking, Batch

if TYPE_CHECKING:
    from datetime import datetime

    from raters.models import Project


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of now. Nobody changed them yet when `changed_at` is None: they are the usual ones."""

    asks: Asks
    changed_by: str = ""
    changed_at: datetime | None = None

    @property
    def version(self) -> str:
        """Tells these questions from all others: the same questions always have the same version."""
        written = json.dumps(self.asks.write(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(written.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Preview:
    """The questions in the words that a lead reads them in."""

    scale: tuple[Step, ...]
    qualities: tuple[Quality, ...]
    qualities_note: str
    rule: str
    reason: str
    flags: tuple[str, ...]
    reading: tuple[str, ...]


def preview_of(asks: Asks) -> Preview:
    """What raters will see, without the responses."""
    return Preview(
        scale=asks.scale,
        qualities=asks.qualities,
        qualities_note="required" if asks.qualities_required else "if they like",
        rule="Required; “No rule fits” is an answer." if asks.rule_required else "If they like.",
        reason=_reason(asks),
        flags=tuple(FLAGS[flag] for flag in asks.flags),
        reading=(
            "The number of words is shown." if asks.show_words else "The number of words is hidden.",
            *(["Both must be read to the end before sending."] if asks.read_to_end else []),
        ),
    )


def _reason(asks: Asks) -> str:
    if not asks.rationale_one_in:
        return "Never asked."
    how_often = "every item" if asks.rationale_one_in == 1 else f"1 item in {asks.rationale_one_in}"
    return f"Asked on {how_often}{', and required there' if asks.rationale_required else ''}."


def questions_of(project: Project) -> Questions:
    """The project's questions of now, and who chose them."""
    asking = Asking.objects.filter(project=project).select_related("changed_by").first()
    if asking is None:
        return Questions(Asks())
    return Questions(Asks.read(asking.asks), asking.changed_by.name if asking.changed_by else "", asking.changed_at)


def asks_of(project: Project) -> Asks:
    """The project's questions of now: those of the next batch. The usual ones until a lead chose others."""
    return questions_of(project).asks


def open_batches(project: Project) -> int:
    """How many batches are open: they keep what they were opened with."""
    return Batch.objects.filter(project=project, closed_at=None).count()

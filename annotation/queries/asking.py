"""What a project asks of its raters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotation.kinds import Asks
from annotation.models import Asking

if TYPE_CHECKING:
    from raters.models import Project


def asks_of(project: Project) -> Asks:
    """The project's questions of now: those of the next batch. The usual ones until a lead chose others."""
    asking = Asking.objects.filter(project=project).first()
    return Asks.read(asking.asks) if asking else Asks()

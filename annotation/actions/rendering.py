"""Rendering: texts wait as rows, and workers turn them into safe HTML, each text once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connection, transaction

from annotation.models import Rendering
from annotation.rendering import RENDERER_VERSION
from annotation.rendering.apart import Apart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

CHUNK = 100
PATIENCE = 20.0  # seconds; a transaction that does nothing is ended by the server after sixty

# The texts never leave the database for this. In the order of their digests, so that two that enqueue the same texts
# wait for each other instead of for ever.
ENQUEUE = """
INSERT INTO annotation_rendering (sha256, version, text)
SELECT DISTINCT ON (sha256) sha256, %(version)s, text FROM (
    SELECT sha256, text FROM annotation_response WHERE %(all)s OR id = ANY(%(responses)s)
    UNION ALL
    SELECT encode(sha256(convert_to(turn ->> 'content', 'UTF8')), 'hex'), turn ->> 'content'
    FROM annotation_prompt, jsonb_array_elements(messages) turn WHERE %(all)s OR annotation_prompt.id = ANY(%(prompts)s)
) found
WHERE NOT EXISTS (
    SELECT FROM annotation_rendering known WHERE known.version = %(version)s AND known.sha256 = found.sha256
)
ORDER BY sha256
ON CONFLICT (version, sha256) DO NOTHING
"""


def enqueue_renderings(*, responses: Sequence[int] = (), prompts: Sequence[int] = ()) -> int:
    """Have the texts of these responses, and the turns of these prompts, rendered; whoever stores one calls this.

    Takes ids, in the caller's transaction. Returns how many texts are new.
    """
    if not responses and not prompts:
        return 0
    return _enqueue(responses=list(responses), prompts=list(prompts), everything=False)


@transaction.atomic
def rerender(*, forget: bool = False) -> int:
    """Have every text rendered that this version of the renderer has not seen. Returns how many.

    What an earlier version still had to do is dropped, and with `forget` also what it has done.
    """
    old = Rendering.objects.exclude(version=RENDERER_VERSION)
    (old if forget else old.filter(state=Rendering.State.DUE)).delete()
    return _enqueue(responses=[], prompts=[], everything=True)


@transaction.atomic
def render_due(*, now: datetime, limit: int = CHUNK, patience: float = PATIENCE, apart: Apart | None = None) -> int:
    """Render up to `limit` texts, the newest first: somebody may be waiting for those. Returns how many.

    Each is rendered in the process `apart`, which bounds its time and memory; one that is too much is shown as it is.
    After `patience` seconds the rest is left for another time. Safe to call at any time, and from many workers.
    """
    due = list(
        Rendering.objects.select_for_update(skip_locked=True)
        .filter(state=Rendering.State.DUE, version=RENDERER_VERSION)
        .order_by("-pk")[:limit]
    )
    if not due:
        return 0
    deadline, finished = time.monotonic() + patience, list[Rendering]()
    with apart or Apart() as room:
        for rendering in due:
            _finish(rendering, room, now=now)
            finished.append(rendering)
            if time.monotonic() > deadline:
                break
    Rendering.objects.bulk_update(finished, ["state", "text", "html", "reason", "rendered_at"])
    return len(finished)


def _finish(rendering: Rendering, apart: Apart, *, now: datetime) -> None:
    rendering.html, rendering.reason = apart.render(rendering.text)
    rendering.state = Rendering.State.DONE if rendering.html else Rendering.State.PLAIN
    rendering.text, rendering.rendered_at = "", now


def _enqueue(*, responses: list[int], prompts: list[int], everything: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            ENQUEUE, {"version": RENDERER_VERSION, "all": everything, "responses": responses, "prompts": prompts}
        )
        return int(cursor.rowcount)

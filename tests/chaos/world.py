"""A project with work, and raters who are signed in, for processes that know only addresses and cookies.

python -m tests.chaos.world 8 100      # raters, comparisons; migrates first; prints the rest as JSON
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from raters.models import Project, User

OVERLAP = 2
BATCH = 150  # comparisons: small enough that some batches are finished during a storm
GOLD = 10  # of a batch, kept apart and shown in between
GOLD_RATE = 0.15
TEXTS = 40  # different ones: a storm is about judgments, and rendering has its own trickle


@dataclass(frozen=True, slots=True)
class World:
    """What a client has to know."""

    project: str
    sessions: dict[int, str]
    """Rater to session cookie."""


def build(*, raters: int, comparisons: int) -> World:
    """Make it in the database that Django is set up for."""
    from tests import make

    project = make.project("Storm")
    people = [make.rater(project, f"rater-{number}") for number in range(raters)]
    _work(project, comparisons)
    return World(project.slug, {person.pk: _signed_in(person) for person in people})


def _work(project: Project, comparisons: int) -> None:
    from annotation import actions as annotation
    from annotation.models import RoutingRules
    from raters.models import Role
    from tests import make

    lead = make.user("lead", Role.LEAD, project=project)
    RoutingRules.objects.create(project=project, gold_rate=GOLD_RATE)
    questions = [
        annotation.NewPrompt(messages=[{"role": "user", "content": f"Question {number}?"}])
        for number in range(comparisons)
    ]
    prompts = annotation.add_prompts(project, conversations=questions)
    said = [(prompt.pk, f"Answer {(at * 2 + side) % TEXTS}.") for at, prompt in enumerate(prompts) for side in (0, 1)]
    stored = annotation.store_responses(project, model_digest="0" * 64, sampling={}, rows=said)
    ids: dict[int, list[int]] = {}
    for response in stored:
        ids.setdefault(response.prompt_id, []).append(response.pk)
    pairs = [(first, second) for first, second in ids.values()]
    for start in range(0, len(pairs), BATCH):
        batch = annotation.open_batch(
            project,
            name=f"storm {start}",
            guideline=make.guideline(project),
            pairs=pairs[start : start + BATCH],
            overlap=OVERLAP,
            split_panels=False,
            rng=np.random.default_rng(start),
        )
        chance = random.Random(start)
        for comparison in batch.comparisons.order_by("-pk")[:GOLD]:
            annotation.mark_gold(comparison, preference=2, reason="Known.", by=lead, reserved=True, rng=chance)


def _signed_in(person: User) -> str:
    """The key of a session of theirs."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from raters.sessions import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def main(arguments: list[str]) -> None:
    """Migrate, build, and say what came of it."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    raters, comparisons = map(int, arguments)
    sys.stdout.write(json.dumps(asdict(build(raters=raters, comparisons=comparisons))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

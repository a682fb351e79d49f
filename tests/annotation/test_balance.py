"""Neither response gains from the side it is shown on: each stands on the left exactly as often as on the right."""

from __future__ import annotations

import uuid
from collections import Counter

import numpy as np
import pytest

from annotation import actions, routing
from annotation.models import Judgment, Prompt, Response, Slot
from raters.models import Project, User
from tests import make


def many_pairs(project: Project, count: int) -> list[tuple[int, int]]:
    """Pairs of responses, stored at once: how they came in is no matter here."""
    turn = [{"role": "user", "content": "Which?"}]
    prompts = Prompt.objects.bulk_create(
        Prompt(project=project, messages=turn, sha256=f"{number:064}") for number in range(count)
    )
    answers = Response.objects.bulk_create(
        Response(prompt=prompt, text=text, sha256=text * 64, model_digest="0" * 64)
        for prompt in prompts
        for text in "ab"
    )
    return [(first.pk, second.pk) for first, second in zip(answers[::2], answers[1::2], strict=True)]


def open_batch(project: Project, pairs: list[tuple[int, int]], *, overlap: int, seed: int) -> int:
    """The batch's id."""
    return actions.open_batch(
        project,
        name=f"overlap {overlap}",
        guideline=make.guideline(project),
        pairs=pairs,
        overlap=overlap,
        split_panels=False,
        rng=np.random.default_rng(seed),
    ).pk


@pytest.mark.parametrize("overlap", range(1, 10))
@pytest.mark.parametrize("starts_swapped", [False, True])
def test_a_comparison_shows_both_orders_alike(overlap: int, starts_swapped: bool) -> None:
    sides = [routing.swapped(number, starts_swapped=starts_swapped) for number in range(1, overlap + 1)]

    odd_one = overlap % 2
    assert 2 * sum(sides) - overlap == (odd_one if starts_swapped else -odd_one)


def test_ten_thousand_places_balance_in_each_comparison_and_over_all(project: Project) -> None:
    """Even overlaps balance in each comparison, odd ones over all of the batch, and so does the whole."""
    sizes = {1: 1200, 2: 800, 3: 1200, 4: 900}  # 1200 + 1600 + 3600 + 3600 places
    pairs = many_pairs(project, sum(sizes.values()))
    for seed, (overlap, size) in enumerate(sizes.items()):
        chosen, pairs = pairs[:size], pairs[size:]
        batch = open_batch(project, chosen, overlap=overlap, seed=seed)
        places = Slot.objects.filter(comparison__batch=batch)
        shown = Counter(places.values_list("comparison", "swapped"))
        if overlap % 2 == 0:
            assert set(shown.values()) == {overlap // 2}
        assert places.filter(swapped=True).count() == places.filter(swapped=False).count() == size * overlap // 2

    assert Slot.objects.count() == 10_000
    assert Slot.objects.filter(swapped=True).count() == 5_000


def test_raters_are_shown_what_the_places_say(project: Project, ada: User) -> None:
    """Four raters work a batch through: A stands on the left for two of them, and B for the other two."""
    open_batch(project, many_pairs(project, 20), overlap=4, seed=1)
    for rater in (ada, make.rater(project), make.rater(project), make.rater(project)):
        for _ in range(20):
            lent = make.assignment(rater, project)
            actions.submit_judgment(lent, answer=actions.Answer(shown=0), key=uuid.uuid4(), now=make.NOW)

    shown = Counter(Judgment.objects.values_list("comparison", "swapped"))
    assert len(shown) == 40
    assert set(shown.values()) == {2}

"""A rater with a stopwatch and a notebook cannot tell which comparisons have a known answer.

Two thousand cards come through the real door, half of them gold: once gold that lies in the queue, once gold that is
kept apart and shown by chance. Whoever wants to find the gold ones sees how long each
answer is, its headers, when it comes in the session and how long it took. A classifier on these must do as well as a
coin: an area under the curve of 0.50 within 0.03.

Chance alone would miss that in one of thirty runs (the standard error at 1000 and 1000 is about 0.014), so the
comparison is made fair instead of lucky. Every gold item has a twin with texts of the same length right before or after
it, drawn by lot: the lengths of texts say nothing, and what is left is what the house itself adds. Time is noise and
cannot be matched; when it is off the bound it is measured again, at most twice, which chance survives and a leak does
not. Gold that is kept apart comes in another order than its twin, so the lengths of texts are taken off instead, and
chance is a bag of lots: of every two cards one is gold. Seen to fail: let the queue not be searched when gold is shown
(`{unless} AND NOT EXISTS (SELECT 1 FROM instead)` in `taking`), and time alone tells it, at 0.74 to 0.99.
"""

from __future__ import annotations

import random
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from annotation import actions
from annotation.actions import lending
from annotation.models import Assignment, Comparison, Prompt, Response, RoutingRules
from raters.models import Project, User
from tests import make

Floats = NDArray[np.float64]

PAIRS = 1000
MORE = 250  # twins of the pool from which gold is drawn: the last is not the only one left
FOLDS = 5
LONGEST_CADENCE = 20  # twins; a multiple of the folds
CADENCES = (2, 5, 10, 20)
BOUND = 0.03
SCRIPT = {"X-Tare-Holds": "", "X-Tare-Ahead": "1"}
CARD = re.compile(rb'data-card="(\d+)"')


@dataclass(frozen=True)
class Seen:
    """One card as it reached the browser: what can be counted of it, which twins it is of, and whether it is gold."""

    body: int
    card: int
    text: int
    headers: tuple[tuple[str, str], ...]
    statements: int
    milliseconds: float
    position: int
    twins: int
    is_gold: bool

    def features(self) -> list[float]:
        """What a classifier is given, time aside. A cadence of gold would show in the remainders."""
        written = sum(len(name) + len(value) for name, value in self.headers)
        return [
            self.body - 2 * self.text,  # each text is there twice: rendered, and as it is
            self.card - 2 * self.text,
            len(self.headers),
            written,
            self.statements,
            self.position,
            *(self.position % cadence for cadence in CADENCES),
        ]


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney, 1947); ties count half. Shapes (n,) and (n,)."""
    ranks = rankdata(scores)
    hits = int(positive.sum())
    above = ranks[positive].sum() - hits * (hits + 1) / 2
    return float(above / (hits * (len(scores) - hits)))


def fit(inputs: Floats, positive: NDArray[np.bool_], *, penalty: float = 1.0) -> Floats:
    """Weights of a logistic regression with a ridge, by Newton's cousin L-BFGS. Shapes (n, d), (n,) -> (d,)."""
    signs = np.where(positive, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (inputs @ weights)
        slope = -signs / (1.0 + np.exp(np.clip(margins, -500, 500)))
        value = np.logaddexp(0.0, -margins).sum() + penalty / 2 * weights @ weights
        return float(value), inputs.T @ slope + penalty * weights

    return np.asarray(minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x)


def detected(inputs: Floats, positive: NDArray[np.bool_], twins: NDArray[np.int_]) -> float:
    """The area under the curve of a classifier on cards it was not trained on; twins stay on one side.

    Shapes (n, d), (n,), (n,). Within a fold, since the scores of two classifiers do not compare; the mean of the folds.
    """
    areas = []
    for fold in range(FOLDS):
        test = twins % FOLDS == fold
        centre, spread = inputs[~test].mean(axis=0), inputs[~test].std(axis=0)
        shaped = (inputs - centre) / np.where(spread > 0, spread, 1.0)
        shaped = np.hstack([shaped, np.ones((len(shaped), 1))])
        areas.append(auc(shaped[test] @ fit(shaped[~test], positive[~test]), positive[test]))
    return float(np.mean(areas))


def of_all(cards: list[Seen]) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int_]]:
    """Features, gold and twins of the cards, as arrays."""
    inputs = np.array([card.features() for card in cards], dtype=np.float64)
    return inputs, np.array([card.is_gold for card in cards]), np.array([card.twins for card in cards])


def drawn_by_lot(rng: np.random.Generator) -> NDArray[np.int_]:
    """Which of each twins is gold, 0 or 1: at each place of a cadence as often the first as the second.

    Without that the AUC strays by 0.018 from one lot to the next, on nothing but the place in the session; so by 0.002.
    """
    lots = np.empty(PAIRS, dtype=np.int_)
    for start in range(LONGEST_CADENCE):
        lots[start::LONGEST_CADENCE] = rng.permutation(np.arange(PAIRS // LONGEST_CADENCE) % 2)
    return lots


@dataclass(frozen=True)
class Pool:
    """What there is to judge: which is gold, and of each its twins' number, when those are shown together."""

    twins: dict[int, int]
    gold: frozenset[int]


def twins_of(project: Project, count: int, *, overlap: int, rng: np.random.Generator) -> list[Comparison]:
    """A batch of twins, one after the other: two comparisons with texts of the same length."""
    prompts = Prompt.objects.bulk_create(
        Prompt(project=project, messages=[{"role": "user", "content": f"Which, {n // 2:04}?"}], sha256=f"{n:064}")
        for n in range(2 * count)
    )
    lengths = rng.integers(1, 60, size=(count, 2))
    answers = Response.objects.bulk_create(
        Response(
            prompt=prompt,
            text=f"{side} {number % 2}" + " word" * int(lengths[number // 2, side]),
            sha256=f"{side:064}",
            model_digest="0" * 64,
        )
        for number, prompt in enumerate(prompts)
        for side in (0, 1)
    )
    batch = actions.open_batch(
        project,
        name="twins",
        guideline=make.guideline(project),
        pairs=[(first.pk, second.pk) for first, second in zip(answers[::2], answers[1::2], strict=True)],
        overlap=overlap,
        split_panels=False,
        rng=rng,
    )
    return list(batch.comparisons.order_by("pk"))


def pool_of(
    comparisons: list[Comparison], lots: NDArray[np.int_], *, reserved: bool, by: User, rng: np.random.Generator
) -> Pool:
    """The comparisons, of which of each twins the one that was drawn is gold."""
    chosen = [comparisons[2 * twins + int(place)] for twins, place in enumerate(lots)]
    chance = random.Random(7)
    for comparison in chosen:
        preference = int(rng.integers(-3, 4))
        actions.mark_gold(comparison, preference=preference, reason="Known.", by=by, reserved=reserved, rng=chance)
    twins = {} if reserved else {comparison.pk: number // 2 for number, comparison in enumerate(comparisons)}
    return Pool(twins, frozenset(comparison.pk for comparison in chosen))


@pytest.fixture
def in_the_queue(project: Project, cleo: User) -> Pool:
    """A thousand twins, one of each marked gold by lot."""
    rng = np.random.default_rng(7)
    return pool_of(twins_of(project, PAIRS, overlap=3, rng=rng), drawn_by_lot(rng), reserved=False, by=cleo, rng=rng)


@pytest.fixture
def kept_apart(project: Project, cleo: User) -> Pool:
    """More twins than are shown, one of each marked gold by lot and kept out of the queue."""
    RoutingRules.objects.create(project=project, gold_rate=0.5, most_per_item=32_767, most_per_rater=2 * (PAIRS + MORE))
    rng = np.random.default_rng(7)
    comparisons = twins_of(project, PAIRS + MORE, overlap=9, rng=rng)
    return pool_of(comparisons, rng.integers(2, size=PAIRS + MORE), reserved=True, by=cleo, rng=rng)


def lots_in_turn(seed: int) -> Iterator[float]:
    """What chance says for each card: whether it is gold, as `drawn_by_lot` has it, and where among the gold to look.

    The first card is not looked at: its time is that of a page.
    """
    rng = np.random.default_rng(seed)
    yield from (0.75, rng.random())
    while True:
        for first in drawn_by_lot(rng):
            for is_gold in (first == 0, first == 1):
                yield 0.25 if is_gold else 0.75
                yield rng.random()


class Statements:
    """Counts what is asked of the database. Django's own log of it is too slow and ends at nine thousand."""

    count = 0

    def __call__(self, execute: Callable[..., Any], *said: Any) -> Any:
        """Let one through."""
        self.count += 1
        return execute(*said)


def watch(client: Client, project: Project, pool: Pool) -> list[Seen]:
    """Judge two thousand at the door, one card at a time, and write down all that can be seen of each."""
    answer = client.get(f"/p/{project.slug}/rate/cards/", headers=SCRIPT)
    cards: list[Seen] = []
    while len(cards) <= 2 * PAIRS and (found := CARD.search(answer.content)):
        lent = Assignment.objects.select_related("comparison__response_a", "comparison__response_b").get(
            pk=int(found[1])
        )
        item = lent.comparison
        if cards:
            cards[-1] = replace(
                cards[-1],
                text=len(item.response_a.text) + len(item.response_b.text),
                twins=pool.twins.get(item.pk, cards[-1].position // 2),
                is_gold=item.pk in pool.gold,
            )
        sent = {"preference": "1", "key": str(uuid.uuid4()), "seconds": "20"}
        address = f"/p/{project.slug}/assignments/{lent.pk}/judgment/"
        statements = Statements()
        with connection.execute_wrapper(statements):
            began = time.perf_counter()
            answer = client.post(address, sent, headers=SCRIPT)
            took = 1000 * (time.perf_counter() - began)
        cards.append(seen(answer, statements=statements.count, milliseconds=took, position=len(cards)))
    return cards[:-1]  # of the last one it is not known what it is


def seen(answer: Any, *, statements: int, milliseconds: float, position: int) -> Seen:
    """What there is to count of an answer; whose card is in it is filled in when it is looked at."""
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in answer.cookies.values()]
    headers = (*answer.headers.items(), *cookies)
    card = answer.content.partition(b"<template data-card")[2].partition(b"<template data-order")[0]
    return Seen(len(answer.content), len(card), 0, headers, statements, milliseconds, position, twins=0, is_gold=False)


def with_time(cards: list[Seen]) -> float:
    """What the classifier makes of the cards when it is given a stopwatch, too."""
    inputs, gold, twins = of_all(cards)
    times = rankdata([card.milliseconds for card in cards])  # ranks: a pause of the machine is no more than slow
    return detected(np.hstack([inputs, times[:, None]]), gold, twins)


def not_found(project: Project, raters: Iterator[User], pool: Pool) -> list[Seen]:
    """Let one rater after the other work, three at most, until time tells no more than a coin. What the first saw."""
    client = Client()
    client.force_login(next(raters))
    cards = watch(client, project, pool)
    inputs, gold, twins = of_all(cards)
    assert len(cards) >= 2 * PAIRS - 2
    assert abs(int(gold.sum()) - PAIRS) <= 1
    assert detected(inputs, gold, twins) == pytest.approx(0.5, abs=BOUND)

    timed = with_time(cards)
    for rater in raters:
        if abs(timed - 0.5) <= BOUND:
            break
        client.force_login(rater)
        timed = with_time(watch(client, project, pool))
    assert timed == pytest.approx(0.5, abs=BOUND)
    return cards


def test_nothing_that_reaches_a_rater_tells_gold(project: Project, ada: User, in_the_queue: Pool) -> None:
    raters = iter((ada, make.rater(project), make.rater(project)))

    cards = not_found(project, raters, in_the_queue)

    a_classifier_that_can_fail(cards)


def test_gold_that_is_kept_apart_takes_no_other_time(
    project: Project, ada: User, kept_apart: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_after_the_other() -> Iterator[User]:
        for seed, rater in enumerate((ada, make.rater(project), make.rater(project))):
            monkeypatch.setattr(lending.CHANCE, "random", lots_in_turn(seed).__next__)
            yield rater

    cards = not_found(project, one_after_the_other(), kept_apart)

    assert len({card.statements for card in cards}) == 1


def a_classifier_that_can_fail(cards: list[Seen]) -> None:
    """With labels drawn by lot it finds nothing; a header, a statement or an attribute too many it finds, and time."""
    inputs, gold, twins = of_all(cards)
    lot = np.random.default_rng(3).permutation(gold)
    assert detected(inputs, lot, twins) == pytest.approx(0.5, abs=2 * BOUND)  # not matched: chance is all there is
    leaks = {
        "a header": [
            replace(card, headers=(*card.headers, ("X-Known", "1")) if card.is_gold else card.headers) for card in cards
        ],
        "a statement": [replace(card, statements=card.statements + card.is_gold) for card in cards],
        "forty bytes": [
            replace(card, body=card.body + 40 * card.is_gold, card=card.card + 40 * card.is_gold) for card in cards
        ],
    }
    for what, leaky in leaks.items():
        assert detected(*of_all(leaky)) > 0.99, f"{what} on gold was not found"
    slow = [replace(card, milliseconds=card.milliseconds * (1.5 if card.is_gold else 1.0)) for card in cards]
    assert with_time(slow) > 0.5 + 2 * BOUND, "half again as long on gold was not found"

"""A storm, and whether those who judge it can be trusted: each thing that must never happen is done here on purpose."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from annotation import actions as annotation
from annotation.models import Assignment, Batch, Comparison, Judgment, Label, Rendering, Seat
from raters.models import Project, Standing, User
from tests import make
from tests.chaos.clients import Log, Sent, read_log
from tests.chaos.oracle import Verdict, examine, is_settled
from tests.chaos.storm import ROUND, plan

if TYPE_CHECKING:
    from annotation.actions import Answer


class TestStorm:
    def test_a_minute_loses_nothing_and_doubles_nothing(self, tmp_path: Path) -> None:
        """Real processes on servers of their own, as `make chaos` starts them."""
        raged = subprocess.run(
            [sys.executable, "-m", "tests.chaos", "--duration", "60", "--seed", "1"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert raged.returncode == 0, raged.stdout + raged.stderr[-4000:]
        report = json.loads(raged.stdout.splitlines()[-1])
        assert report["clean"] and report["settled"], report
        # it was a storm, and there was work in it
        assert report["kills"] >= 5, report
        assert {"web", "web worker", "postgres", "freeze"} <= report["blows"].keys(), report
        assert report["acknowledged"] >= 50, report
        assert report["cut"] > 0, report
        assert report["checks"] > 0, report


class TestPlan:
    def test_the_same_seed_is_the_same_storm(self) -> None:
        assert list(itertools.islice(plan(7), 40)) == list(itertools.islice(plan(7), 40))
        assert list(itertools.islice(plan(7), 40)) != list(itertools.islice(plan(8), 40))

    def test_nothing_is_spared(self) -> None:
        assert {blow.kind for blow in itertools.islice(plan(1), len(ROUND))} == set(ROUND)


class TestLog:
    def test_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        log = Log(tmp_path / "log")
        log.write("sent", key="one", rater=1, assignment=2, shown=-1, seconds=3.0)
        log.write("sent", key="two", rater=1, assignment=3, shown=0, seconds=4.0)
        log.write("acknowledged", key="one", waited=2.5)
        log.write("answered 500")
        sent, acknowledged, faults, longest = read_log(tmp_path / "log")
        assert [each.key for each in sent] == ["one", "two"]
        assert (set(acknowledged), dict(faults), longest) == ({"one"}, {"answered 500": 1}, 2.5)


@pytest.fixture
def told(project: Project, ada: User, ben: User) -> list[Sent]:
    """Two raters judge three comparisons, and the workers have done what followed from it."""
    make.acknowledgement(ben, make.guideline(project).versions.get(state="published"))
    make.batch(project, comparisons=3, overlap=2)
    sent = [_judge(rater, project, shown=shown) for rater in (ada, ben) for shown in (-3, 0, 2)]
    annotation.fold_labels(now=timezone.now())
    annotation.close_finished_batches(now=timezone.now())
    Rendering.objects.all().delete()
    return sent


def _judge(rater: User, project: Project, *, shown: int) -> Sent:
    lent = make.assignment(rater, project)
    key = uuid.uuid4()
    answer: Answer = annotation.Answer(shown=shown, seconds=5.0)
    annotation.submit_judgment(lent, answer=answer, key=key, now=make.now())
    return Sent(key=str(key), rater=rater.pk, assignment=lent.pk, shown=shown, seconds=5.0)


def found(sent: list[Sent]) -> dict[str, int]:
    """What the oracle says when everything that was sent was acknowledged: the counts that are not 0."""
    verdict = examine(sent, {each.key for each in sent})
    assert verdict.is_clean is (not any(getattr(verdict, each.name) for each in fields(Verdict)))
    return {each.name: n for each in fields(Verdict) if (n := getattr(verdict, each.name))}


def forge(sql: str, *given: str) -> None:
    """Change judgments, which the database forbids."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE annotation_judgment DISABLE TRIGGER USER")
        cursor.execute(sql, given)
        cursor.execute("ALTER TABLE annotation_judgment ENABLE TRIGGER USER")


def lose_one(sent: list[Sent]) -> None:
    forge("DELETE FROM annotation_judgment WHERE key = %s", sent[0].key)


def alter_one(sent: list[Sent]) -> None:
    forge("UPDATE annotation_judgment SET seconds = seconds + 1 WHERE key = %s", sent[0].key)


def count_one_twice(sent: list[Sent]) -> None:
    first = Judgment.objects.get(key=sent[0].key)
    first.pk, first.key, first.revision = None, uuid.uuid4(), 1
    first.save(force_insert=True)


def fill_a_slot_twice(sent: list[Sent]) -> None:
    """A third rater on a comparison with two slots."""
    first = Judgment.objects.get(key=sent[0].key)
    assert first.assignment
    third = make.rater(first.comparison.project)
    lent = Assignment.objects.create(
        comparison=first.comparison,
        slot=first.assignment.slot,
        rater=third,
        guideline_version=first.guideline_version,
        swapped=first.swapped,
        state="judged",
        expires_at=make.now(),
        ended_at=make.now(),
    )
    first.pk, first.key, first.rater, first.assignment = None, uuid.uuid4(), third, lent
    first.save(force_insert=True)


def let_a_counter_drift(_: list[Sent]) -> None:
    Comparison.objects.filter(pk=Comparison.objects.earliest("pk").pk).update(filled=1)


def let_a_seat_drift(_: list[Sent]) -> None:
    Seat.objects.filter(pk=Seat.objects.earliest("pk").pk).update(judged=4)


def forget_that_gold_was_seen(_: list[Sent]) -> None:
    Standing.objects.filter(pk=Standing.objects.earliest("pk").pk).update(gold_seen=1)


def forget_that_a_check_was_shown(_: list[Sent]) -> None:
    Comparison.objects.filter(pk=Comparison.objects.earliest("pk").pk).update(shown_as_check=1)


def let_a_label_lag(_: list[Sent]) -> None:
    Label.objects.filter(pk=Label.objects.earliest("pk").pk).update(judgments=1)


def forget_a_label(_: list[Sent]) -> None:
    Label.objects.earliest("pk").delete()


def forget_a_text(_: list[Sent]) -> None:
    Rendering.objects.create(sha256="0" * 64, version="1", text="waits")


def forget_a_batch(_: list[Sent]) -> None:
    Batch.objects.update(closed_at=None)


class TestOracle:
    def test_is_content_with_what_is_right(self, told: list[Sent]) -> None:
        assert found(told) == {}
        assert is_settled()

    def test_a_judgment_without_an_acknowledgment_may_be_there_or_not(self, told: list[Sent], ada: User) -> None:
        unheard = Sent(key=str(uuid.uuid4()), rater=ada.pk, assignment=1, shown=1, seconds=1)
        assert examine([*told, unheard], {each.key for each in told[1:]}).is_clean

    @pytest.mark.parametrize(
        ("crime", "named"),
        [
            (lose_one, {"lost", "drifted", "labels"}),
            (alter_one, {"altered"}),
            (count_one_twice, {"duplicated", "invented", "overfilled", "drifted", "labels"}),
            (fill_a_slot_twice, {"invented", "overfilled", "drifted", "labels"}),
            (let_a_counter_drift, {"drifted"}),
            (let_a_seat_drift, {"drifted"}),
            (forget_that_gold_was_seen, {"drifted"}),
            (forget_that_a_check_was_shown, {"drifted"}),
            (let_a_label_lag, {"labels"}),
            (forget_a_label, {"labels"}),
            (forget_a_text, {"renderings"}),
            (forget_a_batch, {"batches"}),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_names_the_crime(self, told: list[Sent], crime: Callable[[list[Sent]], None], named: set[str]) -> None:
        crime(told)
        assert found(told).keys() == named

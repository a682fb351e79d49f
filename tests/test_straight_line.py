"""The straight line, click to policy, through every room: small, but nothing of it is pretended.

Prompts come in over the API, a real (tiny) language model answers, raters judge in the browser's doors, a snapshot is
frozen, reward models and a policy are trained on it, the result is evaluated, and the next round starts from there.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation import actions as annotation
from annotation.models import Assignment, Judgment, Prompt
from evaluation import actions as evaluation
from evaluation.models import BehaviourReport, Gate, ModelComparison, Round
from evaluation.plan import RoundConfig
from raters import actions as people
from raters.models import Project, Role, User
from snapshots import actions as snapshots
from snapshots.models import Snapshot
from tests import make
from training import actions as training
from training.models import ModelVersion, Run
from training.queries import lineage_of
from training.supervise import work

TINY = {"hidden": 16, "layers": 1, "heads": 2, "ff": 32, "vocab": 320, "steps": 30, "max_tokens": 128}
QUICK = RoundConfig(
    samples=4,
    pairs=6,
    held_out_pairs=2,
    max_new_tokens=8,
    evaluation_samples=2,
    probe_samples=1,
    reward={"epochs": 1},
    ppo={"iterations": 2, "batch": 4, "minibatch": 2, "epochs": 1, "max_new_tokens": 8},
)


def _import(token: str, what: str, rows: list[dict[str, Any]]) -> None:
    body = "".join(json.dumps(row) + "\n" for row in rows)
    answer = Client().post(
        f"/api/v1/{what}/import",
        body,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201, answer.content


def _judge_everything(rater: User, project: Project) -> None:
    """The rater clicks through all their work: the longer response is better, to have something to learn."""
    browser = Client()
    browser.force_login(rater)
    while browser.get(f"/p/{project.slug}/rate/").content.find(b"data-response") > 0:
        lent = Assignment.objects.filter(rater=rater, state=Assignment.State.OPEN).earliest("pk")
        a, b = len(lent.comparison.response_a.text), len(lent.comparison.response_b.text)
        shown = (b > a) - (b < a)
        answer = {"preference": -shown if lent.swapped else shown, "key": uuid.uuid4(), "seconds": 5}
        sent = browser.post(f"/p/{project.slug}/assignments/{lent.pk}/judgment/", answer)
        assert sent.status_code == 302, sent.content


def _all_rooms_work(round: Round, raters: list[User]) -> None:
    """What the bells do, without Celery: until the round is over."""
    for _ in range(40):
        work()
        annotation.fold_labels(now=timezone.now())
        annotation.close_finished_batches(now=timezone.now())
        while snapshots.build_next_snapshot(now=timezone.now()):
            continue
        evaluation.advance_rounds(now=timezone.now())
        round.refresh_from_db()
        if round.state in (Round.State.DONE, Round.State.FAILED):
            return
        if round.state == Round.State.COLLECTING:
            for rater in raters:
                _judge_everything(rater, round.project)


@pytest.mark.django_db(transaction=True)
def test_the_straight_line(tmp_path: Path) -> None:
    project = make.project("Helpfulness")
    emil = make.user("emil", Role.ENGINEER, project=project)
    guideline = make.guideline(project)
    ada, eve = make.rater(project, "ada"), make.rater(project, "eve")
    _, token = people.make_token(project, user=emil, name="ci", scopes=people.SCOPES, now=timezone.now())

    # prompts and demonstrations come in
    asked = [{"prompt": f"What is {n} plus 1?", "held_out": n > 5} for n in range(1, 8)]
    _import(token, "prompts", asked)
    _import(token, "demonstrations", [{**row, "completion": f"It is {n}."} for n, row in enumerate(asked[:5])])
    assert Prompt.objects.filter(project=project, held_out=True).count() == 2

    # a small real language model, then SFT
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": f"{n} plus 1 is {n + 1}."}) + "\n" for n in range(200)))
    training.queue_run(project, kind="base", name="base", recipe=TINY, inputs={"texts": str(texts)}, by=emil)
    work()
    base = ModelVersion.objects.get(project=project, name="base")
    training.queue_run(project, kind="sft", name="sft", recipe={"epochs": 1}, start_from=base, by=emil)
    work()
    sft = ModelVersion.objects.get(project=project, name="sft")

    # one round, with two people at the bench
    first = evaluation.start_round(
        project, reference=sft, start=sft, guideline=guideline, config=QUICK, by=emil, now=timezone.now()
    )
    _all_rooms_work(first, [ada, eve])

    assert first.state == Round.State.DONE, first.reason
    assert Judgment.objects.filter(comparison__batch=first.batch).count() == 16
    assert first.snapshot is not None
    assert first.snapshot.state == Snapshot.State.READY
    assert set(Run.objects.filter(project=project).values_list("state", flat=True)) == {"done"}
    assert {verdict.judge for verdict in ModelComparison.objects.filter(round=first)} >= {"proxy", "audit"}
    assert BehaviourReport.objects.filter(round=first).count() >= 2
    assert Gate.objects.filter(round=first).exists()

    # every weight is traceable to judgments, guideline versions and raters
    policy = first.policy
    assert policy is not None
    lineage = lineage_of(policy)
    assert (lineage.judgments, lineage.raters) == (16, 2)
    assert lineage.guideline_versions == ("Helpfulness 1.0",)

    # the circle closes: the next round starts from the new policy
    second = evaluation.start_round(
        project, reference=sft, start=policy, guideline=guideline, config=QUICK, by=emil, now=timezone.now()
    )
    for _ in range(2):
        evaluation.advance_rounds(now=timezone.now())
        work()
    evaluation.advance_rounds(now=timezone.now())
    second.refresh_from_db()
    assert second.state == Round.State.COLLECTING, second.reason
    assert {
        digest
        for digest in second.batch.comparisons.values_list("response_a__model_digest", flat=True)  # type: ignore[union-attr]
    } == {policy.digest}

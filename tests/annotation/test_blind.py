"""Blindness as a property of bytes: a thousand answers to a rater, and not one tells what a rater must not know."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from annotation import actions, queries
from annotation.models import Assignment, Comparison, Judgment, Label, Response
from raters.models import Project, Standing, User
from snapshots.models import Snapshot
from tests import make
from training.models import ModelVersion, Run

SCRIPT = {"X-Tare-Holds": "", "X-Tare-Ahead": "2"}
# words that are only in what is hidden, and numbers that are only ids of hidden rows
CANARIES = re.compile(rb"canary|gold|sampling|temperature|digest|is_known|7777000\d\d\d|0\.8271", re.IGNORECASE)
IDS = ("annotation_response", "annotation_comparison", "annotation_slot", "training_modelversion")


class Watcher:
    """Ada's browser, with every byte it is sent kept."""

    def __init__(self, client: Client) -> None:
        self.client, self.leaks, self.seen = client, Counter[bytes](), Counter[str]()

    def ask(self, method: str, path: str, **how: Any) -> HttpResponse:
        """One request; what came back is searched, headers and all."""
        answer: HttpResponse = getattr(self.client, method)(f"/p/helpfulness/{path}", **how)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        everything = body + repr(answer.headers).encode() + repr(answer.cookies).encode()
        self.leaks.update(CANARIES.findall(everything))
        self.seen[re.sub(r"\d+", "N", path)] += 1
        return answer


@pytest.fixture
def secrets(project: Project) -> User:
    """Everything a rater must not know, each with a canary in it. Returns the other rater."""
    with connection.cursor() as cursor:
        for table in IDS:
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), 7777000000)", [table])
    eve = make.rater(project, "evecanary")
    ModelVersion.objects.create(
        project=project, name="canary-policy", kind=ModelVersion.Kind.POLICY, digest="canarydigest", path="/canary"
    )
    Run.objects.create(project=project, name="canary-run", kind=Run.Kind.PPO, results={"score": "canaryscore"})
    Snapshot.objects.create(project=project, name="canary-snapshot")
    make.batch(project, comparisons=130, overlap=2)
    for kind in ("ranking", "edit", "demonstration"):
        make.task_batch(project, kind, tasks=20, overlap=2)
    Response.objects.update(model_digest="canarydigest", sampling={"temperature": "canarysampling"})
    for comparison in Comparison.objects.order_by("pk")[:65]:
        make.gold(comparison, 3)
    Comparison.objects.filter(gold_preference__isnull=False).update(gold_reason="canaryreason")
    for _ in range(30):
        make.judgment(eve, project, rationale="canaryrationale", preference=-3)
    for comparison in Comparison.objects.filter(filled__gt=0):
        Label.objects.create(
            comparison=comparison, soft=0.8271, tie=0, score=0.8271, certainty=0.8271, judgments=1, method="canarylabel"
        )
    Standing.objects.filter(user=eve).update(pseudonym="canarypseudonym", pause_reason="canarypause")
    return eve


def judge(ada: Watcher, lent: Assignment, *, preference: str) -> None:
    """All that a bench does with one comparison."""
    path = f"assignments/{lent.pk}/"
    ada.ask("put", f"{path}draft/", data="preference=1", content_type="application/x-www-form-urlencoded")
    ada.ask("get", f"{path}source/a/")
    answer = {"preference": preference, "key": str(uuid.uuid4()), "quality_safe": "0", "seconds": "30"}
    ada.ask("post", f"{path}judgment/", data={"key": "no key"}, headers=SCRIPT)
    ada.ask("post", f"{path}judgment/", data=answer, headers=SCRIPT)
    ada.ask("post", f"{path}judgment/", data=answer | {"key": str(uuid.uuid4())}, headers=SCRIPT)


def work(ada: Watcher, project: Project, rater: User, batch: Any) -> None:
    """All that a page of other work does with one task."""
    ada.ask("get", f"work/{batch.pk}/")
    lent = actions.lend_task(project, rater=rater, batch=batch, now=timezone.now())
    said = make.content(lent)
    fields = {"text": said.text} if hasattr(said, "text") else {f"rank_{place}": str(place) for place in range(1, 5)}
    answer = {**fields, "key": str(uuid.uuid4()), "seconds": "60", "as_shown": "on"}
    assert ada.ask("post", f"tasks/{lent.pk}/answer/", data=answer).status_code in (200, 302, 303)


def test_a_thousand_answers_to_a_rater_hold_no_canary(
    client: Client, project: Project, ada: User, secrets: User
) -> None:
    client.force_login(ada)
    hers = Watcher(client)
    held = 0
    while held < 110:
        queue = actions.lend_ahead(project, rater=ada, ahead=1, now=timezone.now())
        lent = Assignment.objects.select_related("comparison").get(pk=queue.ids[0])
        hers.ask("get", "rate/")
        hers.ask("get", "rate/cards/", headers=SCRIPT)
        hers.ask("post", "rate/leases/", headers={"X-Tare-Holds": str(lent.pk)})
        judge(hers, lent, preference=str(held % 7 - 3))
        if held % 10 == 9:
            judged = Judgment.objects.get(assignment=lent)
            hers.ask("post", f"assignments/{lent.pk}/undo/", data={"key": str(judged.key)}, headers=SCRIPT)
            hers.ask("post", f"assignments/{lent.pk}/skip/", data={"reason": "broken"}, headers=SCRIPT)
        held += 1
    for batch in project.batches.exclude(kind="pairwise"):
        for _ in range(10):
            work(hers, project, ada, batch)
    mine = Judgment.objects.filter(rater=ada, answer=None, withdrawal=None).order_by("pk")
    for judgment in mine[:20]:
        hers.ask("get", f"answers/{judgment.pk}/")
        revised = {"preference": "0", "key": str(uuid.uuid4())}
        hers.ask("post", f"answers/{judgment.pk}/revision/", data=revised)
    version = make.guideline(project).versions.get()
    for path in (
        "",
        "answers/",
        "answers/other/",
        "feedback/",
        "earnings/",
        "earnings/csv/",
        "guidelines/",
        "sensitive/",
    ):
        for _ in range(3):
            assert hers.ask("get", path).status_code == 200, path
    for path in (f"guidelines/{version.pk}/", f"guidelines/{version.pk}/drawer/"):
        assert hers.ask("get", path).status_code == 200, path

    assert hers.leaks == Counter()
    assert hers.seen.total() >= 1000, hers.seen
    assert queries.counted_judgments().filter(rater=ada, answer=None).count() >= 90


def test_the_eye_would_have_seen_a_leak(client: Client, project: Project, ada: User, secrets: User) -> None:
    """The same search over what a lead is shown finds what is hidden from raters."""
    client.force_login(make.user("lead", "lead", project=project))
    hers = Watcher(client)
    hers.ask("get", "quality/")
    hers.ask("get", "datasets/")

    assert hers.leaks

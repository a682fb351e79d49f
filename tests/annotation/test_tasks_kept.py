"""The doors of what a rater typed or sent before: drafts, undo, another revision; and no door tells too much."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from annotation import actions, queries
from annotation.kinds import DEMONSTRATION, EDIT, RANKING
from annotation.models import Batch, Judgment, Response, TaskAnswer, TaskAssignment
from raters.models import Project, User
from tests import make

HTMX = {"HX-Request": "true"}
KINDS = [RANKING, DEMONSTRATION, EDIT]
SAID: dict[str, dict[str, str]] = {
    RANKING: {"rank_1": "2", "rank_2": "1", "rank_3": "2", "rank_4": "4"},
    DEMONSTRATION: {"text": "It is four."},
    EDIT: {"text": "It is four."},
}


@pytest.fixture
def bench(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _work(batch: Batch) -> str:
    return f"/p/helpfulness/work/{batch.pk}/"


def _send(client: Client, lent: TaskAssignment, said: dict[str, str], **how: Any) -> Any:
    sent = {"key": str(uuid.uuid4()), "seconds": "12.5", **said}
    return client.post(f"/p/helpfulness/tasks/{lent.pk}/answer/", sent, **how)


class TestUndo:
    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_the_answer_as_it_was_sent(self, bench: Client, project: Project, ada: User, kind: str) -> None:
        batch = make.task_batch(project, kind, tasks=2)
        _send(bench, make.task_assignment(ada, batch), SAID[kind])
        answer = TaskAnswer.objects.get()

        page = bench.post(f"/p/helpfulness/task-answers/{answer.pk}/undo/", headers=HTMX).content.decode()

        assert not queries.counted_judgments().exists()
        assert page.count(" checked") == (4 if kind == RANKING else 0)
        assert ("It is four.</textarea>" in page) == (kind != RANKING)
        again = bench.get(_work(batch)).content.decode()  # and after a reload too
        assert again.count(" checked") == page.count(" checked")

    def test_refuses_strangers_the_second_time_and_what_is_frozen(
        self, bench: Client, project: Project, ada: User, mallory: User
    ) -> None:
        batch = make.task_batch(project, tasks=2)
        undone, frozen = make.task_answer(ada, batch), make.task_answer(ada, batch)
        path = "/p/helpfulness/task-answers/{}/undo/".format
        Batch.objects.update(frozen_judgment=Judgment.objects.latest("pk").pk)
        assert bench.post(path(frozen.pk)).status_code == 409
        Batch.objects.update(frozen_judgment=0)

        assert bench.get(path(undone.pk)).status_code == 405
        assert bench.post(path(undone.pk)).status_code == 200
        assert bench.post(path(undone.pk)).status_code == 409
        bench.force_login(mallory)
        assert bench.post(path(frozen.pk)).status_code == 404


class TestRevise:
    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_the_answer_and_takes_a_better_one(
        self, bench: Client, project: Project, ada: User, kind: str
    ) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, kind))
        _send(bench, lent, SAID[kind])
        path = f"/p/helpfulness/task-answers/{TaskAnswer.objects.get().pk}/"
        page = bench.get(path).content.decode()
        assert page.count(" checked") == (4 if kind == RANKING else 0)
        assert ("It is four.</textarea>" in page) == (kind != RANKING)

        better = {"rank_1": "1", "rank_2": "2", "rank_3": "2", "rank_4": "1"} if kind == RANKING else {"text": "Four."}
        done = bench.post(path, {"key": str(uuid.uuid4()), "seconds": "3", **better}, follow=True)

        assert b"Your change is saved" in done.content
        assert TaskAnswer.objects.filter(withdrawal=None).get().revision == 1
        assert bench.get(path).status_code == 404  # the first revision is history

    def test_shows_what_an_edit_changed(self, bench: Client, project: Project, ada: User) -> None:
        batch = make.task_batch(project, EDIT, texts=("The <b>cat</b> sat.",))
        answer = make.task_answer(ada, batch, "The <b>dog</b> sat.")

        page = bench.get(f"/p/helpfulness/task-answers/{answer.pk}/").content.decode()

        assert "The &lt;b&gt;<del>cat</del><ins>dog</ins>&lt;/b&gt; sat." in page

    def test_refuses_bad_input_strangers_and_what_is_frozen(
        self, bench: Client, project: Project, ada: User, mallory: User
    ) -> None:
        answer = make.task_answer(ada, make.task_batch(project, EDIT))
        path = f"/p/helpfulness/task-answers/{answer.pk}/"
        sent = {"key": str(uuid.uuid4()), "text": "Better."}

        assert bench.post(path, {**sent, "text": " "}).status_code == 422
        Batch.objects.update(frozen_judgment=Judgment.objects.latest("pk").pk)
        frozen = bench.post(path, sent)
        assert (frozen.status_code, b"Better.</textarea>" in frozen.content) == (409, True)
        assert bench.put(path).status_code == 405
        bench.force_login(mallory)
        assert (bench.get(path).status_code, bench.post(path, sent).status_code) == (404, 404)


class TestDraft:
    def test_is_kept_and_comes_back_with_the_page(self, bench: Client, project: Project, ada: User) -> None:
        batch = make.task_batch(project, EDIT)
        lent = make.task_assignment(ada, batch)

        assert _put(bench, lent, {"fields": {"text": "Half a thou", "seconds": "31.0"}, "at": 1000}) == 204

        page = bench.get(_work(batch)).content.decode()
        assert "Half a thou</textarea>" in page
        assert 'name="seconds" value="31.0"' in page
        assert 'data-draft-at="1000"' in page

    @pytest.mark.parametrize(
        "body",
        [
            "not json",
            "[]",
            {"fields": {"text": "x"}},
            {"fields": {"text": 5}, "at": 1},
            {"fields": {"rater": "x"}, "at": 1},
            {"fields": {}, "at": -1},
            {"fields": {"text": "x" * 400_000}, "at": 1},
        ],
    )
    def test_refuses_what_is_no_draft(self, bench: Client, project: Project, ada: User, body: Any) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, DEMONSTRATION))

        assert _put(bench, lent, body) == 422
        lent.refresh_from_db()
        assert lent.draft is None

    def test_is_only_for_who_holds_the_task(self, bench: Client, project: Project, ada: User, mallory: User) -> None:
        lent = make.task_answer(ada, make.task_batch(project, DEMONSTRATION)).assignment
        draft = {"fields": {"text": "x"}, "at": 1}

        assert bench.post(f"/p/helpfulness/tasks/{lent.pk}/draft/").status_code == 405
        assert _put(bench, lent, draft) == 409
        bench.force_login(mallory)
        assert _put(bench, lent, draft) == 404


def _put(client: Client, lent: TaskAssignment, body: Any) -> int:
    sent = body if isinstance(body, str) else json.dumps(body)
    return client.put(f"/p/helpfulness/tasks/{lent.pk}/draft/", sent, content_type="application/json").status_code


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_tells_a_model_a_source_or_which_response_is_which(
    bench: Client, project: Project, ada: User, kind: str
) -> None:
    with connection.cursor() as cursor:  # ids that nothing else on a page looks like
        cursor.execute("SELECT setval(pg_get_serial_sequence('annotation_response', 'id'), 734500)")
    prompt = make.prompt(project, source="canarysource", tags=["canarytag"])
    digest = "ca9a" * 16
    texts = {RANKING: ("p", "q", "r"), EDIT: ("p",), DEMONSTRATION: ()}[kind]
    found = make.responses(prompt, *texts, model_digest=digest) if texts else []
    Response.objects.update(sampling={"temperature": "canarysampling"})
    batch = actions.open_task_batch(
        project,
        name="blind",
        guideline=make.guideline(project),
        kind=kind,
        tasks=[(prompt.pk, [response.pk for response in found])],
        overlap=2,
    )
    eve = make.rater(project, "eve")
    make.task_answer(eve, batch, "canaryother" if kind != RANKING else (), rationale="canaryother")

    pages: list[Any] = [bench.get(_work(batch))]
    lent = TaskAssignment.objects.get(rater=ada)
    pages.append(_send(bench, lent, {"key": "bad"}))
    said = {"rank_1": "1", "rank_2": "3", "rank_3": "2"} if kind == RANKING else {"text": "Mine."}
    pages.append(_send(bench, lent, said, headers=HTMX))
    answer = TaskAnswer.objects.get(rater=ada)
    pages.append(bench.get(f"/p/helpfulness/task-answers/{answer.pk}/"))

    for page in pages:
        html = page.content.decode() + json.dumps(dict(page.headers))
        assert not re.search(r"canary|ca9a|sampling|7345\d\d", html)
        assert eve.name not in html

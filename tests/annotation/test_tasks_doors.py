"""The doors of ranking, writing and improving: works, refuses strangers and bad input; and stays blind."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation import queries
from annotation.kinds import DEMONSTRATION, EDIT, LONGEST_TEXT, RANKING
from annotation.models import Batch, Demonstration, Response, TaskAnswer, TaskAssignment
from raters.models import Project, Standing, User
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


class TestWork:
    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_the_next_task(self, bench: Client, project: Project, ada: User, kind: str) -> None:
        batch = make.task_batch(
            project, kind, texts=() if kind == DEMONSTRATION else ("a", "b", "c")[: 3 if kind == RANKING else 1]
        )
        page = bench.get(_work(batch)).content.decode()

        lent = TaskAssignment.objects.get()
        assert queries.task_card(lent).work.question in page
        assert lent.task.prompt.question in page

    def test_preselects_no_rank(self, bench: Client, project: Project) -> None:
        page = bench.get(_work(make.task_batch(project))).content.decode()

        assert page.count('type="radio"') == 16
        assert " checked" not in page

    def test_shows_the_responses_in_the_order_of_the_seed(self, bench: Client, project: Project) -> None:
        page = bench.get(_work(make.task_batch(project))).content.decode()

        lent = TaskAssignment.objects.get()
        places = [page.index(Response.objects.get(pk=pk).text) for pk in queries.order_of(lent)]
        assert places == sorted(places)

    def test_gives_the_text_to_improve_as_it_is(self, bench: Client, project: Project) -> None:
        hostile = "</textarea><script>alert(1)</script>\u202eevil"
        page = bench.get(_work(make.task_batch(project, EDIT, texts=(hostile,)))).content.decode()

        assert "\n&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;\u202eevil</textarea>" in page
        assert "<script>alert" not in page

    def test_sends_to_the_guideline_first(self, client: Client, project: Project, ben: User) -> None:
        client.force_login(ben)
        batch = make.task_batch(project)

        assert "/guidelines/" in client.get(_work(batch)).headers["Location"]
        assert "/guidelines/" in client.get(_work(batch), headers=HTMX).headers["HX-Redirect"]

    def test_says_when_nothing_is_left(self, bench: Client, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        make.task_answer(ada, batch)

        page = bench.get(_work(batch)).content.decode()
        assert "All done" in page
        assert "Undo" in page

    def test_says_why_a_rater_is_paused(self, bench: Client, project: Project, ada: User) -> None:
        Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")

        assert "Let us talk." in bench.get(_work(make.task_batch(project))).content.decode()

    def test_says_how_to_ask_for_distressing_work(self, bench: Client, project: Project) -> None:
        assert (
            "Only for those who chose it"
            in bench.get(_work(make.task_batch(project, is_sensitive=True))).content.decode()
        )

    def test_veils_distressing_work(self, bench: Client, project: Project, ada: User) -> None:
        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)

        assert "data-unveil" in bench.get(_work(make.task_batch(project, is_sensitive=True))).content.decode()

    def test_is_not_for_comparisons(self, bench: Client, project: Project) -> None:
        assert bench.get(_work(make.batch(project))).status_code == 404

    def test_does_not_exist_for_strangers(self, client: Client, project: Project, mallory: User, cleo: User) -> None:
        batch = make.task_batch(project)
        assert client.get(_work(batch)).status_code == 302
        for stranger in (mallory, cleo):
            client.force_login(stranger)
            assert client.get(_work(batch)).status_code == 404
        assert bench_post(client, _work(batch)) == 405

    @pytest.mark.parametrize("kind", KINDS)
    def test_asks_the_database_no_more_however_many_tasks_there_are(
        self, bench: Client, project: Project, ada: User, kind: str, django_assert_max_num_queries: Any
    ) -> None:
        batch = make.task_batch(project, kind, tasks=12, overlap=2)
        for _ in range(4):
            make.task_answer(ada, batch)
        bench.get(_work(batch))  # the session is touched once

        with django_assert_max_num_queries(24):
            bench.get(_work(batch))


def bench_post(client: Client, path: str) -> int:
    """The status of an empty POST."""
    return client.post(path).status_code


class TestSubmit:
    @pytest.mark.parametrize("kind", KINDS)
    def test_stores_the_answer_and_gives_the_next_task(
        self, bench: Client, project: Project, ada: User, kind: str
    ) -> None:
        batch = make.task_batch(project, kind, tasks=2)
        lent = make.task_assignment(ada, batch)

        page = _send(bench, lent, SAID[kind], headers=HTMX)

        answer = TaskAnswer.objects.get()
        assert (page.status_code, answer.assignment, answer.seconds) == (200, lent, 12.5)
        assert b"1 done, 1 to go" in page.content
        assert f"task-answers/{answer.pk}/undo/".encode() in page.content

    def test_reads_ranks_by_place_and_stores_them_by_response(self, bench: Client, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))

        _send(bench, lent, SAID[RANKING])

        first, second, third, fourth = queries.order_of(lent)
        assert TaskAnswer.objects.get().content == {
            "ranks": {str(second): 1, str(first): 2, str(third): 2, str(fourth): 3}
        }

    def test_redirects_a_browser_without_script(self, bench: Client, project: Project, ada: User) -> None:
        batch = make.task_batch(project)

        assert _send(bench, make.task_assignment(ada, batch), SAID[RANKING]).headers["Location"] == _work(batch)

    def test_says_which_rank_is_missing_and_keeps_the_others(self, bench: Client, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))

        page = _send(bench, lent, {**SAID[RANKING], "rank_3": "", "rationale": "Because."}, headers=HTMX)

        html = page.content.decode()
        assert (page.status_code, TaskAnswer.objects.count()) == (422, 0)
        assert 'id="rank_3-error"' in html
        assert 'id="rank_2-error"' not in html
        assert html.count(" checked") == 3
        assert "Because.</textarea>" in html

    @pytest.mark.parametrize("rank", ["0", "5", "-1", "best", "1e9"])
    def test_refuses_a_rank_that_cannot_be(self, bench: Client, project: Project, ada: User, rank: str) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))

        assert _send(bench, lent, {**SAID[RANKING], "rank_1": rank}).status_code == 422

    def test_asks_once_about_a_ranking_in_the_order_shown(self, bench: Client, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        in_order = {f"rank_{n}": str(n) for n in range(1, 5)}

        asked = _send(bench, lent, in_order, headers=HTMX)
        assert (asked.status_code, TaskAnswer.objects.count()) == (422, 0)
        assert b"just as they were shown" in asked.content
        assert b'name="as_shown" value="on"' in asked.content

        assert _send(bench, lent, {**in_order, "as_shown": "on"}, headers=HTMX).status_code == 200

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("  \n ", "Write the answer first"),
            ("x" * (LONGEST_TEXT + 1), "40,000 is the most"),
            ("What was there.\r\n", "word for word"),
        ],
    )
    def test_says_what_is_wrong_with_a_text(
        self, bench: Client, project: Project, ada: User, text: str, words: str
    ) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, EDIT, texts=("What was there.",)))

        page = _send(bench, lent, {"text": text}, headers=HTMX)

        assert (page.status_code, TaskAnswer.objects.count()) == (422, 0)
        assert words in page.content.decode()
        assert text.strip()[:5000] in page.content.decode()

    def test_asks_why_where_the_project_requires_it(self, bench: Client, project: Project, ada: User) -> None:
        batch = make.task_batch(project)
        Batch.objects.update(asks={"rationale_one_in": 1, "rationale_required": True})
        lent = make.task_assignment(ada, batch)

        refused = _send(bench, lent, SAID[RANKING], headers=HTMX)
        assert (refused.status_code, b"rationale-error" in refused.content) == (422, True)
        assert _send(bench, lent, {**SAID[RANKING], "rationale": "Clear."}, headers=HTMX).status_code == 200

    @pytest.mark.parametrize("key", ["", "no key"])
    def test_refuses_a_form_without_a_key(self, bench: Client, project: Project, ada: User, key: str) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))

        assert _send(bench, lent, {**SAID[RANKING], "key": key}).status_code == 422

    def test_counts_a_repeated_send_once(self, bench: Client, project: Project, ada: User) -> None:
        lent, key = make.task_assignment(ada, make.task_batch(project, EDIT)), str(uuid.uuid4())

        for _ in range(2):
            assert _send(bench, lent, {"text": "Better.", "key": key}, headers=HTMX).status_code == 200
        assert (TaskAnswer.objects.count(), Demonstration.objects.count()) == (1, 1)
        assert _send(bench, lent, {"text": "Another.", "key": key}).status_code == 422

    def test_keeps_a_text_that_comes_from_a_second_tab_on_the_screen(
        self, bench: Client, project: Project, ada: User
    ) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, EDIT))
        _send(bench, lent, {"text": "From the first tab."})

        page = _send(bench, lent, {"text": "From the second tab."}, headers=HTMX)

        assert page.status_code == 409
        assert "From the second tab.</textarea>" in page.content.decode()
        assert f'action="/p/helpfulness/task-answers/{TaskAnswer.objects.get().pk}/"' in page.content.decode()

    def test_is_only_for_who_it_was_lent_to(self, client: Client, project: Project, ada: User, mallory: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        for stranger in (make.rater(project, "eve"), mallory):
            client.force_login(stranger)
            assert _send(client, lent, SAID[RANKING]).status_code == 404
        assert client.get(f"/p/helpfulness/tasks/{lent.pk}/answer/").status_code == 405

    def test_sends_and_gives_the_next_with_a_fixed_number_of_statements(
        self, bench: Client, project: Project, ada: User, django_assert_max_num_queries: Any
    ) -> None:
        texts = tuple(f"text {n}" for n in range(9))
        batch = make.task_batch(project, tasks=6, texts=texts)
        said = {f"rank_{n}": str(10 - n) for n in range(1, 10)}
        _send(bench, make.task_assignment(ada, batch), said, headers=HTMX)
        lent = make.task_assignment(ada, batch)

        with django_assert_max_num_queries(41):  # for 36 pairs as for 3
            _send(bench, lent, said, headers=HTMX)


class TestSkip:
    def test_hands_the_task_back_and_gives_the_next(self, bench: Client, project: Project, ada: User) -> None:
        lent = make.task_assignment(ada, make.task_batch(project, tasks=2))

        page = bench.post(f"/p/helpfulness/tasks/{lent.pk}/skip/", {"reason": "knowledge"}, headers=HTMX)

        lent.refresh_from_db()
        assert (page.status_code, lent.state, lent.skip_reason) == (200, "skipped", "knowledge")

    def test_refuses_strangers_bad_reasons_and_the_second_time(
        self, bench: Client, project: Project, ada: User, mallory: User
    ) -> None:
        lent = make.task_assignment(ada, make.task_batch(project))
        path = f"/p/helpfulness/tasks/{lent.pk}/skip/"

        assert bench.get(path).status_code == 405
        assert bench.post(path, {"reason": "bored"}).status_code == 422
        assert bench.post(path, {"reason": "skip"}).status_code == 302
        assert bench.post(path, {"reason": "skip"}).status_code == 409
        bench.force_login(mallory)
        assert bench.post(path, {"reason": "skip"}).status_code == 404

"""The rater's doors: works, refuses strangers, refuses bad input, refuses the wrong method; and stays blind."""

from __future__ import annotations

import re
import uuid
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation import actions as annotation
from annotation.models import Assignment, Judgment, Slot
from guidelines.models import Rule
from raters.models import Project, Standing, User
from tests import make

SCRIPT = {"X-Tare-Holds": "", "X-Tare-Ahead": "1"}


@pytest.fixture
def bench(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _submit(client: Client, assignment: Assignment, **answer: object) -> object:
    sent = {"preference": "2", "key": str(uuid.uuid4()), "seconds": "12.5", **answer}
    return client.post(f"/p/helpfulness/assignments/{assignment.pk}/judgment/", sent, headers=SCRIPT)


def _undo(client: Client, assignment: Assignment | None, *, key: str = "") -> Any:
    assert assignment is not None
    return client.post(f"/p/helpfulness/assignments/{assignment.pk}/undo/", {"key": key}, headers=SCRIPT)


class TestRate:
    def test_shows_two_responses_and_the_scale(self, bench: Client, project: Project) -> None:
        comparison = make.comparison(project)

        html = bench.get("/p/helpfulness/rate/").content.decode()

        assert comparison.response_a.text in html
        assert comparison.response_b.text in html
        assert html.count('name="preference"') == 7
        assert html.count('name="quality_') == 12

    def test_shows_the_sides_as_the_slot_says(self, bench: Client, project: Project) -> None:
        comparison = make.comparison(project)
        Slot.objects.update(swapped=True)

        html = bench.get("/p/helpfulness/rate/").content.decode()

        assert html.index(comparison.response_b.text) < html.index(comparison.response_a.text)

    def test_sends_to_the_guideline_first(self, client: Client, project: Project, ben: User) -> None:
        make.batch(project)
        client.force_login(ben)

        assert "/guidelines/" in client.get("/p/helpfulness/rate/").headers["Location"]

    def test_says_when_there_is_nothing_left(self, bench: Client) -> None:
        assert "All done" in bench.get("/p/helpfulness/rate/").content.decode()

    def test_tells_a_paused_rater_why(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")

        assert "Let us talk." in bench.get("/p/helpfulness/rate/").content.decode()

    @pytest.mark.parametrize("who", ["cleo", "emil", "mallory"])
    def test_does_not_exist_for_others(
        self, client: Client, request: pytest.FixtureRequest, project: Project, who: str
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert client.get("/p/helpfulness/rate/").status_code == 404

    def test_asks_strangers_to_sign_in(self, client: Client, project: Project) -> None:
        assert client.get("/p/helpfulness/rate/").headers["Location"].startswith("/accounts/login/")

    def test_refuses_post(self, bench: Client) -> None:
        assert bench.post("/p/helpfulness/rate/").status_code == 405

    def test_never_runs_what_a_model_wrote(self, bench: Client, project: Project) -> None:
        prompt = make.prompt(project)
        first, second = make.responses(prompt, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>\u202egnp")
        annotation.open_batch(
            project,
            name="hostile",
            guideline=make.guideline(project),
            pairs=[(first.pk, second.pk)],
            overlap=1,
            split_panels=False,
            rng=np.random.default_rng(1),
        )

        html = bench.get("/p/helpfulness/rate/").content.decode()

        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html

    def test_costs_the_same_however_much_there_is(
        self, bench: Client, project: Project, django_assert_max_num_queries: Any
    ) -> None:
        make.batch(project, comparisons=30)

        with django_assert_max_num_queries(24):
            bench.get("/p/helpfulness/rate/")


class TestSubmit:
    def test_answers_with_the_next_card(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        first = make.assignment(ada, project)

        answer = _submit(bench, first)

        assert answer.status_code == 201  # type: ignore[attr-defined]
        second = Assignment.objects.get(state="open")
        assert f"/assignments/{second.pk}/judgment/" in answer.content.decode()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("comparisons", [5, 60])
    def test_costs_ten_statements_however_much_there_is(
        self, bench: Client, project: Project, ada: User, comparisons: int
    ) -> None:
        make.batch(project, comparisons=comparisons, overlap=2)
        rules = list(Rule.objects.values_list("pk", flat=True))
        for _ in range(2):
            _submit(bench, make.assignment(ada, project))
        lent = make.assignment(ada, project)

        with CaptureQueriesContext(connection) as asked:
            answer = _submit(bench, lent, rules=rules, quality_clear="1", flags_left="unsafe")
        # the test's own transaction turns the request's into a savepoint
        statements = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]

        assert len(statements) <= 10, statements

        assert answer.status_code == 201  # type: ignore[attr-defined]
        assert b"data-card" in answer.content  # type: ignore[attr-defined]

    def test_sends_only_the_cards_the_browser_lacks(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=5)
        held = annotation.lend_ahead(project, rater=ada, ahead=3, now=make.now()).ids

        answer = bench.get(
            "/p/helpfulness/rate/cards/",
            headers={"X-Tare-Holds": ",".join(map(str, held[:2])), "X-Tare-Ahead": "4"},
        ).content.decode()

        newest = Assignment.objects.latest("pk").pk
        assert re.findall(r'data-card="(\d+)"', answer) == [str(held[2]), str(newest)]

    def test_stores_qualities_and_flags_of_the_responses_not_of_the_sides(
        self, bench: Client, project: Project, ada: User
    ) -> None:
        make.batch(project)
        Slot.objects.update(swapped=True)

        _submit(bench, make.assignment(ada, project), quality_clear="-1", quality_safe="0", flags_left="broken")

        judgment = Judgment.objects.get()
        assert judgment.qualities == {"clear": 1, "safe": 0}
        assert (judgment.flags_a, judgment.flags_b) == ([], ["broken"])

    def test_redirects_a_browser_without_script(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        answer = bench.post(
            f"/p/helpfulness/assignments/{lent.pk}/judgment/", {"preference": "0", "key": str(uuid.uuid4())}
        )

        assert (answer.status_code, answer.headers["Location"]) == (302, "/p/helpfulness/rate/")

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"preference": ""}, "Choose how much better"),
            ({"preference": "9"}, "Choose one of the 7 steps"),
            ({"key": "x"}, "Bad key"),
            ({"rules": "999999"}, "not in the guideline"),
            ({"rules": "x"}, "not one of the available choices"),
            ({"quality_clear": "2"}, "Clear: say A, the same, or B"),
            ({"flags_left": "rude"}, "not one of the available choices"),
            ({"seconds": "-1"}, "greater than or equal to 0"),
            ({"rationale": "x" * 4001}, "at most 4000"),
            ({"rationale": "a\x00b"}, "Null characters"),
        ],
    )
    def test_says_what_is_missing_in_the_same_card(
        self, bench: Client, project: Project, ada: User, wrong: dict[str, str], said: str
    ) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        answer = _submit(bench, lent, **wrong)

        assert answer.status_code == 422  # type: ignore[attr-defined]
        assert said in answer.content.decode()  # type: ignore[attr-defined]
        assert not Judgment.objects.exists()

    def test_counts_a_retry_with_the_same_key_once(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        lent, key = make.assignment(ada, project), str(uuid.uuid4())

        statuses = [_submit(bench, lent, key=key).status_code for _ in range(2)]  # type: ignore[attr-defined]

        assert statuses == [201, 201]
        assert Judgment.objects.count() == 1

    def test_says_so_when_it_was_answered_before(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)
        _submit(bench, lent)

        assert _submit(bench, lent).status_code == 409  # type: ignore[attr-defined]

    def test_does_not_exist_for_someone_elses_assignment(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert _submit(client, lent).status_code == 404  # type: ignore[attr-defined]

    def test_refuses_a_form_from_another_site(self, project: Project, ada: User) -> None:
        make.batch(project)
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(ada)

        assert _submit(strict, make.assignment(ada, project)).status_code == 403  # type: ignore[attr-defined]

    def test_refuses_get(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        assert bench.get(f"/p/helpfulness/assignments/{lent.pk}/judgment/").status_code == 405

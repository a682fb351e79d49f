"""Programs read the judgments that count, as they come in: by pseudonym, a page at a time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from annotation.actions import Answer, submit_judgment, undo_judgment
from annotation.models import Judgment
from raters.models import Project, User
from tests import make
from tests.api import Program, program

PATH = "/api/v1/judgments"


@pytest.fixture
def caller(project: Project, emil: User) -> Program:
    return program(emil, project, "judgments:read")


def results(caller: Program, query: str = "") -> list[dict[str, Any]]:
    answer = caller.get(PATH + query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_judgment_is_there_with_all_that_was_said(caller: Program, project: Project, ada: User) -> None:
    make.comparison(project, held_out=True)
    judgment = make.given(
        ada,
        project,
        preference=-3,
        qualities={"safe": 1, "clear": 0},
        flags_a=["broken"],
        flags_b=["unsafe"],
        no_rule=True,
        rationale="It is true.",
    )
    comparison = judgment.comparison
    (row,) = results(caller)
    assert row == {
        "id": judgment.pk,
        "batch": comparison.batch_id,
        "pair_id": str(comparison.pk),
        "prompt": comparison.prompt_id,
        "response_a": comparison.response_a_id,
        "response_b": comparison.response_b_id,
        "split": "test",
        "rater": ada.standings.get().pseudonym,
        "panel": ada.standings.get().panel,
        "preference": -3,
        "swapped": judgment.swapped,
        "seconds": 30.0,
        "guideline": "Helpfulness",
        "guideline_version": "1.0",
        "qualities": [{"name": "clear", "value": 0}, {"name": "safe", "value": 1}],
        "flags_a": ["broken"],
        "flags_b": ["unsafe"],
        "rules": [],
        "no_rule": True,
        "rationale": "It is true.",
        "implied": False,
        "revision": 0,
        "created_at": row["created_at"],
    }


def test_cited_rules_stand_in_the_order_of_the_guideline(caller: Program, project: Project, ada: User) -> None:
    make.comparison(project)
    rules = list(make.guideline(project).versions.get().rules.all())
    make.judgment(ada, project, rules=tuple(rule.pk for rule in reversed(rules)))
    assert results(caller)[0]["rules"] == [rule.number for rule in rules]


def test_an_implied_judgment_says_so(caller: Program, project: Project, ada: User) -> None:
    make.implied(ada, make.comparison(project))
    assert results(caller)[0]["implied"]


def test_no_byte_names_a_rater(caller: Program, project: Project) -> None:
    make.comparison(project)
    make.judgment(make.rater(project, "zaphod"), project)
    content = caller.get(PATH).content.lower()
    assert b"rater-" in content
    assert b"zaphod" not in content


def test_what_does_not_count_is_not_there(caller: Program, project: Project, ada: User) -> None:
    make.comparison(project)
    undo_judgment(make.judgment(ada, project), lease=timedelta(minutes=10), now=make.now())
    counted = make.judgment(ada, project)
    make.gold(make.comparison(project), 2)
    make.judgment(ada, project)
    make.comparison(project)
    lent = make.assignment(ada, project)
    assert lent.slot is not None
    lent.slot.rater, lent.slot.filled_at = make.rater(project), make.now()
    lent.slot.save()
    submit_judgment(lent, answer=Answer(shown=1), key=uuid.uuid4(), now=make.now())
    assert Judgment.objects.count() == 4
    assert [row["id"] for row in results(caller)] == [counted.pk]


def test_another_projects_judgments_are_not_there(caller: Program, project: Project) -> None:
    other = make.project()
    make.comparison(other)
    make.judgment(make.rater(other), other)
    assert results(caller) == []


def test_a_batch_is_asked_for_by_its_id(caller: Program, project: Project, ada: User) -> None:
    make.comparison(project)
    make.comparison(project)
    for _ in range(2):
        make.judgment(ada, project)
    wanted = Judgment.objects.latest("pk")
    assert [row["id"] for row in results(caller, f"?batch={wanted.comparison.batch_id}")] == [wanted.pk]


def test_another_projects_batch_does_not_exist(caller: Program, project: Project) -> None:
    assert caller.get(f"{PATH}?batch={make.batch(make.project()).pk}").status_code == 404


def test_since_lets_in_what_is_as_new_or_newer(caller: Program, project: Project, ada: User) -> None:
    make.batch(project, comparisons=3)
    judgments = [make.judgment(ada, project) for _ in range(3)]
    since = quote(judgments[1].created_at.isoformat())
    assert [row["id"] for row in results(caller, f"?since={since}")] == [judgments[2].pk, judgments[1].pk]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        *((f"batch={value}", "invalid-batch") for value in ("x", "-1", "", "%00", "9" * 19, "1.5", "%D9%A3")),
        *(
            (f"since={value}", "invalid-since")
            for value in ("", "x", "2026-11-23", "2026-11-23T09:00:00", "2026-13-01T00:00:00Z", "%00", "9" * 400)
        ),
    ],
)
def test_a_filter_that_means_nothing_is_refused(caller: Program, query: str, kind: str) -> None:
    answer = caller.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, f"urn:tare:problem:{kind}")


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time_can_be_asked_for(caller: Program, since: str) -> None:
    assert caller.get(f"{PATH}?since={since}").status_code == 200


def test_pages_hold_every_judgment_once_while_new_ones_come(caller: Program, project: Project, ada: User) -> None:
    make.batch(project, comparisons=8)
    judgments = [make.judgment(ada, project).pk for _ in range(7)]
    answer = caller.get(f"{PATH}?limit=3").json()
    make.judgment(ada, project)
    seen = [row["id"] for row in answer["results"]]
    while answer["next"]:
        answer = caller.get(answer["next"]).json()
        seen += [row["id"] for row in answer["results"]]
    assert seen == judgments[::-1]


@pytest.mark.parametrize("more", [1, 30])
def test_more_judgments_cost_no_more_statements(
    caller: Program, project: Project, ada: User, more: int, django_assert_max_num_queries: Any
) -> None:
    make.batch(project, comparisons=more)
    for _ in range(more):
        make.given(ada, project)
    caller.get(PATH)
    with django_assert_max_num_queries(3):
        assert len(results(caller)) == more


def test_a_stranger_is_not_heard(db: None) -> None:
    assert Program().get(PATH).status_code == 401


def test_another_scope_is_not_enough(project: Project, emil: User) -> None:
    assert program(emil, project, "snapshots:read", "questions:read").get(PATH).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_judgments_are_for_reading(caller: Program, method: str) -> None:
    assert caller.ask(method, PATH, kind="application/json").status_code == 405

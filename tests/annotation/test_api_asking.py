"""Programs read what is asked and choose it; nobody is overwritten unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from annotation.actions import change_asking
from annotation.kinds import Asks, Quality
from annotation.queries import asks_of, questions_of
from raters.models import AuditEntry, Membership, Project, Role, User
from tests import make
from tests.api import Program, program

PATH = "/api/v1/questions"
SHORT = Asks(steps=3, qualities=(Quality("kind", "Kind"),), flags=("unsafe",), rationale_one_in=0)


@pytest.fixture
def caller(project: Project, cleo: User) -> Program:
    return program(cleo, project, "questions:read", "questions:write")


def etag(caller: Program) -> str:
    return str(caller.get(PATH).headers["ETag"])


def test_the_questions_are_read_with_what_their_values_mean(caller: Program, project: Project, cleo: User) -> None:
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=cleo, now=make.now())
    answer = caller.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == {
        "steps": 3,
        "qualities": [{"name": "kind", "label": "Kind", "hint": ""}],
        "qualities_required": False,
        "rule_required": False,
        "rationale_one_in": 0,
        "rationale_required": False,
        "flags": ["unsafe"],
        "show_words": True,
        "read_to_end": False,
        "scale": [
            {"value": -2, "label": "A better"},
            {"value": 0, "label": "About the same"},
            {"value": 2, "label": "B better"},
        ],
        "quality_values": [{"value": -1, "label": "A"}, {"value": 0, "label": "Same"}, {"value": 1, "label": "B"}],
        "flag_labels": {"unsafe": "Unsafe"},
        "changed_at": answer.json()["changed_at"],
    }
    assert answer.headers["ETag"] == f'"{questions_of(project).version}"'


def test_a_program_chooses_what_is_asked(caller: Program, project: Project, cleo: User) -> None:
    answer = caller.put(PATH, SHORT.write(), If_Match=etag(caller))
    assert (answer.status_code, answer.headers["ETag"]) == (200, etag(caller))
    assert asks_of(project) == SHORT
    assert AuditEntry.objects.get(action="questions.changed").actor == cleo


def test_what_was_read_may_be_sent_back_changed(caller: Program, project: Project) -> None:
    read = caller.get(PATH)
    answer = caller.put(PATH, {**read.json(), "steps": 5}, If_Match=read.headers["ETag"])
    assert (answer.status_code, asks_of(project)) == (200, replace(Asks(), steps=5))


def test_without_if_match_nothing_is_changed(caller: Program, project: Project) -> None:
    answer = caller.put(PATH, SHORT.write())
    assert (answer.status_code, answer.json()["type"]) == (428, "urn:tare:problem:precondition-required")
    assert asks_of(project) == Asks()


@pytest.mark.parametrize("match", ['"0000000000000000"', "nonsense", "", '""', 'W/"{}"', "{}"])
def test_an_etag_that_is_not_of_now_changes_nothing(caller: Program, project: Project, match: str) -> None:
    given = match.format(questions_of(project).version)
    answer = caller.put(PATH, SHORT.write(), If_Match=given)
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:tare:problem:changed-meanwhile")
    assert answer.headers["ETag"] == etag(caller)
    assert asks_of(project) == Asks()


def test_a_colleagues_change_is_not_written_over(caller: Program, project: Project, olga: User) -> None:
    old = etag(caller)
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=olga, now=make.now())
    assert caller.put(PATH, Asks(steps=5).write(), If_Match=old).status_code == 412
    assert caller.put(PATH, Asks(steps=5).write(), If_Match=f'"other", {etag(caller)}').status_code == 200


def test_the_same_change_sent_again_is_well(caller: Program) -> None:
    old = etag(caller)
    assert [caller.put(PATH, SHORT.write(), If_Match=old).status_code for _ in range(2)] == [200, 200]
    assert AuditEntry.objects.filter(action="questions.changed").count() == 1


def test_a_star_takes_whatever_is_there(caller: Program, project: Project) -> None:
    assert caller.put(PATH, SHORT.write(), If_Match="*").status_code == 200
    assert asks_of(project) == SHORT


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"steps": 4}, "/steps"),
        ({"qualities": [{"name": "a", "label": ""}]}, "/qualities/0/label"),
        ({"flags": ["rude"]}, "/flags/0"),
        ({"qualities": 3}, ""),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_cannot_be_asked_is_named_where_it_stands(
    caller: Program, project: Project, body: dict[str, Any], pointer: str
) -> None:
    answer = caller.put(PATH, body, If_Match=etag(caller))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tare:problem:bad-questions")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert asks_of(project) == Asks()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"steps": NaN}', b'{"qualities": [{"name": "a\\u0000"}]}'])
def test_a_body_that_is_no_object_is_refused(caller: Program, body: bytes) -> None:
    assert caller.put(PATH, body, If_Match=etag(caller)).status_code in (400, 422)


def test_an_empty_object_stands_for_the_usual_questions(caller: Program, project: Project) -> None:
    caller.put(PATH, SHORT.write(), If_Match="*")
    assert (caller.put(PATH, {}, If_Match="*").status_code, asks_of(project)) == (200, Asks())


def test_another_kind_of_body_is_415(caller: Program) -> None:
    assert caller.put(PATH, b"steps=3", kind="application/x-www-form-urlencoded", If_Match="*").status_code == 415


def test_an_engineer_reads_and_does_not_choose(project: Project, emil: User) -> None:
    engineer = program(emil, project)
    assert engineer.get(PATH).status_code == 200
    assert engineer.put(PATH, SHORT.write(), If_Match="*").status_code == 403
    assert asks_of(project) == Asks()


def test_a_token_to_read_does_not_write(project: Project, cleo: User) -> None:
    reader = program(cleo, project, "questions:read")
    assert reader.put(PATH, SHORT.write(), If_Match="*").status_code == 403


def test_a_lead_who_became_an_engineer_chooses_no_more(project: Project, cleo: User, caller: Program) -> None:
    Membership.objects.filter(user=cleo).update(role=Role.ENGINEER)
    assert caller.put(PATH, SHORT.write(), If_Match="*").status_code == 403


def test_a_token_sees_its_own_project_alone(caller: Program, project: Project, mallory: User) -> None:
    elsewhere = Project.objects.get(name="Elsewhere")
    program(mallory, elsewhere).put(PATH, SHORT.write(), If_Match="*")
    assert (asks_of(elsewhere), caller.get(PATH).json()["steps"]) == (SHORT, 7)


def test_a_stranger_is_not_heard(db: None) -> None:
    assert [Program().get(PATH).status_code, Program().put(PATH, {}, If_Match="*").status_code] == [401, 401]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_other_methods_are_405(caller: Program, method: str) -> None:
    assert caller.ask(method, PATH, kind="application/json").status_code == 405


def test_reading_takes_few_statements(caller: Program, django_assert_max_num_queries: Any) -> None:
    caller.get(PATH)
    with django_assert_max_num_queries(3):
        caller.get(PATH)


def test_choosing_takes_few_statements(caller: Program, django_assert_max_num_queries: Any) -> None:
    caller.get(PATH)
    with django_assert_max_num_queries(15):
        caller.put(PATH, SHORT.write(), If_Match="*")

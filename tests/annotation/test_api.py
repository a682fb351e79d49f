"""Programs bring prompts and demonstrations, as JSON lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import resolve

from annotation import api
from annotation.models import Demonstration, Prompt
from raters.models import Project, User
from tests import make
from tests.api import Program, program, token_for

PROMPTS = "/api/v1/prompts/import"
DEMONSTRATIONS = "/api/v1/demonstrations/import"


@pytest.fixture
def caller(project: Project, emil: User) -> Program:
    return program(emil, project)


def test_prompts_come_in(caller: Program, project: Project) -> None:
    answer = caller.lines(PROMPTS, {"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"})
    assert (answer.status_code, answer.json()) == (201, {"created": 2, "duplicates": 1})
    assert Prompt.objects.filter(project=project).count() == 2


def test_demonstrations_come_in(caller: Program) -> None:
    answer = caller.lines(DEMONSTRATIONS, {"prompt": "a", "completion": "b"})
    assert (answer.status_code, answer.json()) == (201, {"created": 1, "duplicates": 0})
    assert Demonstration.objects.get().text == "b"


def test_the_other_name_of_json_lines_is_read_too(caller: Program) -> None:
    assert caller.post(PROMPTS, b'{"prompt": "a"}', kind="application/jsonl; charset=utf-8").status_code == 201


def test_prompts_go_to_the_tokens_project_alone(caller: Program, mallory: User) -> None:
    caller.lines(PROMPTS, {"prompt": "a"})
    assert not Prompt.objects.filter(project__name="Elsewhere").exists()


def test_bad_lines_are_named_and_nothing_comes_in(caller: Program) -> None:
    answer = caller.post(PROMPTS, b'{"prompt": "a"}\n{\n{"prompt": 3}', kind="application/x-ndjson")
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["count"]) == (422, "urn:tare:problem:bad-lines", 2)
    assert [error["line"] for error in problem["errors"]] == [2, 3]
    assert all(error["reason"] for error in problem["errors"])
    assert not Prompt.objects.exists()


def test_half_a_line_is_a_bad_line(caller: Program) -> None:
    answer = caller.post(PROMPTS, b'{"prompt": "a"}\n{"prompt": "b', kind="application/x-ndjson")
    assert (answer.status_code, answer.json()["errors"][0]["line"]) == (422, 2)


def test_an_empty_body_is_refused(caller: Program) -> None:
    assert caller.post(PROMPTS, b"", kind="application/x-ndjson").status_code == 422


@pytest.mark.parametrize(
    "kind", ["application/json", "text/csv", "multipart/form-data; boundary=x", "application/x-ndjson; charset=latin-1"]
)
def test_another_kind_of_body_is_415(caller: Program, kind: str) -> None:
    answer = caller.post(PROMPTS, b'{"prompt": "a"}', kind=kind)
    assert (answer.status_code, answer.json()["status"]) == (415, 415)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    caller: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_IMPORT_BYTES", 10)
    assert caller.lines(PROMPTS, {"prompt": "a"}).status_code == 413


def test_a_body_without_a_length_is_411(caller: Program) -> None:
    assert caller.post(PROMPTS, b"", kind="application/x-ndjson", Transfer_Encoding="chunked").status_code == 411


def test_a_body_that_breaks_off_brings_nothing(project: Project, emil: User) -> None:
    secret = token_for(emil, project)[1]
    request = RequestFactory().generic(
        "POST",
        PROMPTS,
        b'{"prompt": "a"}\n',
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {secret}"},
    )
    request.META["CONTENT_LENGTH"] = "1000"
    answer: Any = resolve(PROMPTS).func(request).render()
    assert (answer.status_code, json.loads(answer.content)["type"]) == (400, "urn:tare:problem:incomplete-body")
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_the_doors_take_posts_only(caller: Program, method: str) -> None:
    assert caller.ask(method, PROMPTS).status_code == 405
    assert caller.ask(method, DEMONSTRATIONS).status_code == 405


def test_a_stranger_without_a_token_is_not_heard(db: None) -> None:
    assert Program().lines(PROMPTS, {"prompt": "a"}).status_code == 401
    assert not Prompt.objects.exists()


def test_what_is_imported_can_be_rated(caller: Program, project: Project) -> None:
    caller.lines(PROMPTS, {"prompt": "a"})
    assert make.responses(Prompt.objects.get())

"""What holds at every door of the API: nothing anyone sends makes it fail, and every refusal is a problem document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DataError, IntegrityError, OperationalError
from django.db.models import ProtectedError
from pytest_django import Settings

from raters.models import Project, User
from snapshots import api as snapshots_api
from snapshots.models import Snapshot
from tests.api import Program, program

DEEP = b"[" * 100_000
NASTY_BODIES = {
    "nothing": b"",
    "half": b'{"name": "a',
    "nul": b'{"name": "a\\u0000b"}',
    "raw nul": b'{"name": "a\x00b"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "surrogate key": b'{"\\udfff": 1}',
    "nul in filters": b'{"name": "a", "filters": {"a\\u0000": 1}}',
    "deep list": DEEP,
    "deep list, closed": DEEP + b"]" * 100_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep filters": b'{"name": "a", "filters": ' + b"[" * 40 + b"]" * 40 + b"}",
    "huge integer": b'{"name": "a", "filters": {"batches": [' + b"9" * 5000 + b"]}}",
    "integer beyond the database": b'{"name": "a", "filters": {"batches": [99999999999999999999]}}',
    "nan": b'{"name": "a", "filters": {"min_certainty": NaN}}',
    "infinity": b'{"name": "a", "filters": {"min_certainty": -Infinity}}',
    "1e999": b'{"name": "a", "filters": {"min_certainty": 1e999}}',
    "latin-1": '{"name": "é"}'.encode("latin-1"),
    "utf-16": '{"name": "a"}'.encode("utf-16"),
    "bad utf-8": b'{"name": "\xff\xfe"}',
    "repeated keys": b'{"name": "a", "name": "b"}',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "two megabytes": b'{"name": "' + b"x" * 2_000_000 + b'"}',
    "byte order mark": b'\xef\xbb\xbf{"name": "a"}x',
}
NASTY_KINDS = (
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=base64",
    "application/json; charset=no-such-charset",
    "application/json; charset=\xff",
    "application/x-ndjson",
    "application/x-ndjson; charset=hex",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
    "nonsense",
    "",
)
NASTY_QUERIES = (
    "limit=99999999999999999999",
    "limit=" + "9" * 5000,
    "limit=-1",
    "limit=%00",
    "cursor=%00",
    "cursor=%ED%A0%80",
    "cursor=" + "A" * 10_000,
    "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
    "cursor=bz05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ==",
    "offset=99999999999999999999",
    "format=xml",
    "a=1&" * 300,
    "%",
    "=",
    "%ff%fe=%00",
)
NASTY_IDS = ("0", "-1", "9" * 19, "9" * 40, "9" * 5000, "1e5", "%00", "%ED%A0%80", "a", "1%0A", "..", "\u0663")
LISTS = ("snapshots/", "runs/", "models/", "judgments")
POSTS = ("snapshots/", "prompts/import", "demonstrations/import")


@pytest.fixture
def caller(project: Project, emil: User) -> Program:
    return program(emil, project)


def check(answer: Any, *, ok: bool = False) -> None:
    assert answer.status_code < 500
    assert ok or answer.status_code >= 400
    if answer.status_code >= 400:
        problem = json.loads(answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance", "request_id", "errors"} <= problem.keys()
        assert problem["status"] == answer.status_code
        assert answer.headers["X-Request-ID"] == problem["request_id"]


@pytest.mark.parametrize("body", NASTY_BODIES.values(), ids=NASTY_BODIES.keys())
def test_no_body_makes_a_door_fail(caller: Program, body: bytes) -> None:
    for path in POSTS:
        for kind in NASTY_KINDS:
            check(caller.post(f"/api/v1/{path}", body, kind=kind))
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize("query", NASTY_QUERIES, ids=range(len(NASTY_QUERIES)))
def test_no_query_makes_a_list_fail(caller: Program, query: str) -> None:
    for path in LISTS:
        check(caller.get(f"/api/v1/{path}?{query}"), ok=True)


@pytest.mark.parametrize("what", NASTY_IDS, ids=range(len(NASTY_IDS)))
def test_no_id_makes_a_door_fail(caller: Program, what: str) -> None:
    for path in (f"snapshots/{what}/", f"snapshots/{what}/files/a", f"snapshots/1/files/{what}"):
        check(caller.get(f"/api/v1/{path}"))
    for path in (f"runs/{what}/", f"models/{what}/"):
        check(caller.get(f"/api/v1/{path}"))


@pytest.mark.parametrize(
    "header",
    [
        {"Accept": "text/html"},
        {"Accept": "\x00"},
        {"Accept": "*/*;q=x"},
        {"Accept": "application/json; version=\xff"},
        {"Range": "bytes=" + "9" * 5000 + "-"},
        {"If-None-Match": "\x00"},
        {"X-Request-ID": "x\r\nSet-Cookie: a=b"},
        {"X-Request-ID": "\x00" * 50},
        {"Content-Length": "x"},
        {"Content-Length": "-5"},
        {"Host": "elsewhere.example"},
        {"Cookie": "sessionid=\x00"},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_no_header_makes_a_door_fail(caller: Program, header: dict[str, Any]) -> None:
    for path in LISTS:
        check(caller.ask("GET", f"/api/v1/{path}", **header), ok=True)
    check(caller.post("/api/v1/snapshots/", {"name": "No"}, **header))
    check(caller.post("/api/v1/prompts/import", b"{", kind="application/x-ndjson", **header))


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v2/runs/", "/api/v1/runs//", "/api/%00"]
)
def test_a_path_that_is_none_is_a_problem_too(caller: Program, path: str) -> None:
    answer = caller.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tare:problem:not-found")


def test_a_problem_carries_the_clients_request_id(caller: Program) -> None:
    answer = caller.get("/api/v1/runs/0/", X_Request_ID="my-request-0001")
    assert answer.json()["request_id"] == "my-request-0001"


def test_an_unknown_format_is_406(caller: Program) -> None:
    assert caller.get("/api/v1/runs/", Accept="text/html").status_code == 406


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ProtectedError("held", set()), 409),
        (IntegrityError("twice"), 409),
        (DataError("too long"), 400),
        (OperationalError("gone"), 503),
        (RecursionError(), 400),
        (ValueError("nobody expected this"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_database_says_becomes_an_answer(
    caller: Program, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(snapshots_api, "request_snapshot", fail)
    answer = caller.post("/api/v1/snapshots/", {"name": "a"})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert "nobody expected" not in answer.content.decode()
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_page_outside_the_api_stays_a_page(db: None) -> None:
    assert Program().get("/no/such/page").headers["Content-Type"].startswith("text/html")


def test_the_document_is_valid_and_complete(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))
    assert "snapshots_create" in (tmp_path / "schema.yml").read_text()


def test_the_document_is_served(db: None) -> None:
    answer = Program().get("/api/schema/")
    assert answer.status_code == 200
    assert b"openapi: 3" in answer.content


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    out = io.StringIO()
    call_command("spectacular", format="openapi-json", stdout=out)
    for path, methods in json.loads(out.getvalue())["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_asks_for_a_token_and_documents_its_refusals() -> None:
    for path, method, operation in operations():
        assert operation["security"] == [{"bearerToken": []}], (path, method)
        assert {"400", "401", "403"} <= operation["responses"].keys(), (path, method)


def test_the_largest_answer_is_still_a_page(caller: Program, project: Project, settings: Settings) -> None:
    for number in range(250):
        Snapshot.objects.create(project=project, name=f"s{number}")
    assert len(caller.get("/api/v1/snapshots/?limit=200").json()["results"]) == 200

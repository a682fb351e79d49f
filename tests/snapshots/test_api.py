"""Programs ask for snapshots and download them, in part or whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from raters.models import Project, User
from snapshots.actions import build_next_snapshot, request_snapshot
from snapshots.models import Snapshot
from tests import make
from tests.api import Program, program

SNAPSHOTS = "/api/v1/snapshots/"


@pytest.fixture(autouse=True)
def exports(settings: Settings, tmp_path: Path) -> None:
    settings.TARE_EXPORTS = tmp_path


@pytest.fixture
def caller(project: Project, emil: User) -> Program:
    return program(emil, project)


@pytest.fixture
def stranger(mallory: User) -> Program:
    return program(mallory, Project.objects.get(name="Elsewhere"))


@pytest.fixture
def ready(project: Project, ada: User) -> Snapshot:
    make.batch(project, comparisons=3)
    for preference in (2, -1, 0):
        make.judgment(ada, project, preference=preference)
    return frozen(project)


def frozen(project: Project, name: str = "prefs") -> Snapshot:
    request_snapshot(project, name=name, filters={})
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    return snapshot


def file_url(snapshot: Snapshot, name: str = "pairs-train.parquet") -> str:
    return f"{SNAPSHOTS}{snapshot.pk}/files/{name}"


def body(answer: HttpResponse) -> bytes:
    return b"".join(answer) if answer.streaming else answer.content


def test_a_snapshot_is_asked_for_and_followed(caller: Program) -> None:
    answer = caller.post(SNAPSHOTS, {"name": "prefs@r1"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert caller.get(answer.headers["Location"]).json()["name"] == "prefs@r1"


def test_asking_twice_gives_one_snapshot(caller: Program) -> None:
    first, second = (caller.post(SNAPSHOTS, {"name": "prefs"}) for _ in range(2))
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])


def test_asking_for_one_that_is_ready_says_so(caller: Program, ready: Snapshot) -> None:
    assert caller.post(SNAPSHOTS, {"name": "prefs"}).status_code == 200


def test_a_name_with_other_filters_is_a_conflict(caller: Program) -> None:
    caller.post(SNAPSHOTS, {"name": "prefs"})
    answer = caller.post(SNAPSHOTS, {"name": "prefs", "filters": {"min_certainty": 0.9}})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tare:problem:name-taken")


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({}, "/name"),
        ({"name": "Not A Name"}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"name": None}, "/name"),
        ({"name": ["a"]}, "/name"),
        ({"name": "a", "filters": []}, "/filters"),
        ({"name": "a", "filters": None}, "/filters"),
        ({"name": "a", "filters": {"colour": "red"}}, "/filters"),
        ({"name": "a", "filters": {"batches": [99999]}}, "/filters"),
        ({"name": "a", "filters": {"batches": [10**30]}}, "/filters"),
        ({"name": "a", "filters": {"min_certainty": "1"}}, "/filters"),
    ],
)
def test_bad_input_is_400_and_says_where(caller: Program, data: Any, pointer: str) -> None:
    answer = caller.post(SNAPSHOTS, data)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert not Snapshot.objects.exists()


def test_a_ready_snapshot_shows_its_manifest_and_files(caller: Program, ready: Snapshot) -> None:
    shown = caller.get(f"{SNAPSHOTS}{ready.pk}/").json()
    assert (shown["state"], shown["sha256"]) == ("ready", ready.sha256)
    assert shown["manifest"]["counts"]["judgments"] == 3
    assert file_url(ready) in [file["url"] for file in shown["files"]]


def test_strangers_see_nothing(stranger: Program, ready: Snapshot) -> None:
    assert stranger.get(SNAPSHOTS).json()["results"] == []
    assert stranger.get(f"{SNAPSHOTS}{ready.pk}/").status_code == 404
    assert stranger.get(file_url(ready)).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_wrong_methods_are_405_with_a_problem(caller: Program, ready: Snapshot, method: str) -> None:
    for path in (SNAPSHOTS, f"{SNAPSHOTS}{ready.pk}/", file_url(ready)):
        answer = caller.ask(method, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")


def test_the_list_pages_by_cursor(caller: Program, project: Project) -> None:
    for number in range(5):
        request_snapshot(project, name=f"s{number}", filters={})
    first = caller.get(SNAPSHOTS + "?limit=2")
    second = caller.get(first.json()["next"])
    names = [row["name"] for row in first.json()["results"] + second.json()["results"]]
    assert names == ["s4", "s3", "s2", "s1"]
    assert 'rel="next"' in first.headers["Link"]


@pytest.mark.parametrize("cursor", ["x", "", "cD0x%00", "cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "é"])
def test_an_invalid_cursor_is_400(caller: Program, cursor: str) -> None:
    answer = caller.get(f"{SNAPSHOTS}?cursor={cursor}")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:tare:problem:invalid-cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "", "9" * 5000, "1.5", "²"])
def test_an_impossible_limit_is_400(caller: Program, limit: str) -> None:
    assert caller.get(f"{SNAPSHOTS}?limit={limit}").status_code == 400


def test_the_list_costs_the_same_for_many(
    caller: Program, project: Project, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        request_snapshot(project, name=f"s{number}", filters={})
    with django_assert_max_num_queries(6):
        caller.get(SNAPSHOTS)


def test_a_file_comes_whole_with_its_hash_as_etag(caller: Program, ready: Snapshot) -> None:
    answer, export = caller.get(file_url(ready)), ready.exports.get(name="pairs-train.parquet")
    data = body(answer)
    assert hashlib.sha256(data).hexdigest() == export.sha256
    assert answer.headers["ETag"] == f'"{export.sha256}"'
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_says_the_same_without_the_bytes(caller: Program, ready: Snapshot) -> None:
    answer = caller.ask("HEAD", file_url(ready))
    assert (answer.status_code, body(answer)) == (200, b"")
    assert answer.headers["Content-Length"] == str(ready.exports.get(name="pairs-train.parquet").bytes)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=3-99999999", 3, None)],
)
def test_a_range_comes_as_206(caller: Program, ready: Snapshot, asked: str, start: int, end: int | None) -> None:
    whole, part = body(caller.get(file_url(ready))), caller.get(file_url(ready), Range=asked)
    assert (part.status_code, body(part)) == (206, whole[start:end])
    assert part.headers["Content-Range"].endswith(f"/{len(whole)}")
    assert part.headers["Content-Length"] == str(len(whole[start:end]))


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(caller: Program, ready: Snapshot, asked: str) -> None:
    answer = caller.get(file_url(ready), Range=asked)
    size = ready.exports.get(name="pairs-train.parquet").bytes
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=" + "9" * 99]
)
def test_a_range_that_is_none_gives_the_whole_file(caller: Program, ready: Snapshot, asked: str) -> None:
    assert caller.get(file_url(ready), Range=asked).status_code == 200


def test_a_download_is_resumed_only_of_the_same_file(caller: Program, ready: Snapshot) -> None:
    etag = caller.get(file_url(ready)).headers["ETag"]
    same = caller.get(file_url(ready), Range="bytes=4-", If_Range=etag)
    other = caller.get(file_url(ready), Range="bytes=4-", If_Range='"other"')
    assert (same.status_code, other.status_code) == (206, 200)


def test_a_file_one_has_is_not_sent_again(caller: Program, ready: Snapshot) -> None:
    etag = caller.get(file_url(ready)).headers["ETag"]
    assert caller.get(file_url(ready), If_None_Match=etag).status_code == 304


def test_json_lines_are_given_to_whom_asks_for_them(caller: Program, ready: Snapshot) -> None:
    answer = caller.get(file_url(ready, "pairs-train.jsonl"), Accept="application/x-ndjson")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert len(body(answer).splitlines()) == 2


@pytest.mark.parametrize(
    "name", ["nothing", "..%2F..%2Fetc%2Fpasswd", "manifest.json", "a%00b", "%ED%A0%80", "." * 300]
)
def test_a_file_that_is_none_is_404(caller: Program, ready: Snapshot, name: str) -> None:
    answer = caller.get(file_url(ready, name))
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_snapshot_that_is_not_ready_has_no_files(caller: Program, project: Project) -> None:
    snapshot = request_snapshot(project, name="prefs", filters={})
    assert caller.get(file_url(snapshot)).status_code == 404

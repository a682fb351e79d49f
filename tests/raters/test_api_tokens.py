"""Who may use the API: a token that is known, alive and of someone who still belongs; with the scope that it takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from raters.actions import revoke_token
from raters.models import ApiToken, Membership, Project, Role, User
from tests import make
from tests.api import Program, program, token_for, yesterday

RUNS = "/api/v1/runs/"


def test_a_good_token_lets_in(project: Project, emil: User) -> None:
    assert program(emil, project).get(RUNS).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer tare_unknown",
        "Bearer a b",
        "Bearer tare_\x00",
        "Bearer " + "x" * 5000,
        "Bearer tàre",
        "Basic b2xnYTpvbGdh",
        "",
    ],
)
def test_no_good_token_is_401_with_a_problem(project: Project, header: str) -> None:
    answer = Program().get(RUNS, Authorization=header)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:tare:problem:unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tare"'


def test_no_header_at_all_is_401(project: Project) -> None:
    assert Program().get(RUNS).status_code == 401


def test_an_expired_token_is_401(project: Project, emil: User) -> None:
    _, secret = token_for(emil, project, now=yesterday() - timedelta(days=90), days=90)
    assert Program(secret).get(RUNS).status_code == 401


def test_a_revoked_token_is_401(project: Project, emil: User) -> None:
    token, secret = token_for(emil, project)
    revoke_token(token, by=emil, now=timezone.now())
    assert Program(secret).get(RUNS).status_code == 401


def test_the_token_of_an_inactive_person_is_401(project: Project, emil: User) -> None:
    caller = program(emil, project)
    User.objects.filter(pk=emil.pk).update(is_active=False)
    assert caller.get(RUNS).status_code == 401


def test_the_token_of_someone_who_left_is_401(project: Project, emil: User) -> None:
    caller = program(emil, project)
    Membership.objects.filter(user=emil).delete()
    assert caller.get(RUNS).status_code == 401


def test_the_token_of_an_engineer_who_only_rates_now_is_401(project: Project, emil: User) -> None:
    caller = program(emil, project)
    Membership.objects.filter(user=emil).update(role=Role.RATER)
    assert caller.get(RUNS).status_code == 401


def test_membership_elsewhere_does_not_keep_a_token_alive(project: Project, emil: User) -> None:
    caller = program(emil, project)
    Membership.objects.filter(user=emil).update(project=make.project())
    assert caller.get(RUNS).status_code == 401


def test_every_refused_token_gets_the_same_words(project: Project, emil: User) -> None:
    _, expired = token_for(emil, project, now=yesterday(), days=0)
    words = {Program(secret).get(RUNS).json()["detail"] for secret in (expired, "tare_unknown")}
    assert len(words) == 1


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/api/v1/prompts/import", "prompts:write"),
        ("POST", "/api/v1/demonstrations/import", "prompts:write"),
        ("GET", "/api/v1/snapshots/", "snapshots:read"),
        ("POST", "/api/v1/snapshots/", "snapshots:write"),
        ("GET", "/api/v1/snapshots/1/", "snapshots:read"),
        ("GET", "/api/v1/snapshots/1/files/pairs-train.jsonl", "snapshots:read"),
        ("HEAD", "/api/v1/snapshots/1/files/pairs-train.jsonl", "snapshots:read"),
        ("GET", "/api/v1/runs/", "runs:read"),
        ("GET", "/api/v1/runs/1/", "runs:read"),
        ("GET", "/api/v1/models/", "models:read"),
        ("GET", "/api/v1/models/1/", "models:read"),
        ("GET", "/api/v1/judgments", "judgments:read"),
        ("GET", "/api/v1/questions", "questions:read"),
    ],
)
def test_a_door_opens_to_its_scope_alone(project: Project, emil: User, method: str, path: str, needed: str) -> None:
    kind = "application/x-ndjson" if path.endswith("import") else "application/json"
    others = [name for name in ("prompts:write", "snapshots:read", "snapshots:write", "runs:read") if name != needed]
    refused = program(emil, project, *others).ask(method, path, kind=kind)
    allowed = program(emil, project, needed).ask(method, path, kind=kind)
    assert (refused.status_code, allowed.status_code == 403) == (403, False)


def test_a_missing_scope_is_named(project: Project, emil: User) -> None:
    answer = program(emil, project, "models:read").get(RUNS)
    assert (answer.status_code, answer.json()["detail"]) == (403, "This token lacks the scope runs:read.")


def test_a_session_does_not_open_the_api(project: Project, emil: User) -> None:
    caller = Program()
    caller.client.force_login(emil)
    assert caller.get(RUNS).status_code == 401


def test_the_use_of_a_token_is_remembered(project: Project, emil: User) -> None:
    program(emil, project).get(RUNS)
    assert ApiToken.objects.get().last_used_at is not None


def test_use_is_written_at_most_once_a_minute(project: Project, emil: User) -> None:
    caller = program(emil, project)
    just_now = timezone.now() - timedelta(seconds=30)
    ApiToken.objects.update(last_used_at=just_now)
    caller.get(RUNS)
    assert ApiToken.objects.get().last_used_at == just_now


def test_use_is_written_again_after_a_minute(project: Project, emil: User) -> None:
    caller = program(emil, project)
    ApiToken.objects.update(last_used_at=yesterday())
    caller.get(RUNS)
    used = ApiToken.objects.get().last_used_at
    assert used is not None
    assert timezone.now() - used < timedelta(minutes=1)


def test_a_refused_token_is_not_in_use(project: Project, emil: User) -> None:
    _, secret = token_for(emil, project, now=yesterday(), days=0)
    Program(secret).get(RUNS)
    assert ApiToken.objects.get().last_used_at is None

"""docker-compose.yml says the same as the embedded default, and names nothing that does not exist."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from config import engines
from evaluation.demo.processes import commands

BASE = Path(settings.BASE_DIR)
COMPOSE: dict[str, Any] = yaml.safe_load((BASE / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("web", "worker", "relay", "beat", "gpu", "generate")
# what reads a variable that none of our files does
READ_ELSEWHERE = {"REMAP_SIGTERM": "billiard.common"}


def test_has_every_service() -> None:
    assert set(SERVICES) == {"db", "redis", "prepare", *OURS}


@pytest.mark.parametrize("name", OURS)
def test_runs_what_the_demo_runs(name: str) -> None:
    ours = [
        part.replace(sys.executable, "python").replace("127.0.0.1:8000", "0.0.0.0:8000")
        for part in commands(8000)[name]
    ]
    assert SERVICES[name]["command"] == ours


def test_every_management_command_exists() -> None:
    named = [
        service["command"][2]
        for service in SERVICES.values()
        if service.get("command", [])[:2] == ["python", "manage.py"]
    ]
    assert named
    assert set(named) <= set(get_commands())


def test_every_module_exists() -> None:
    for name in OURS:
        command = SERVICES[name]["command"]
        named = [after for before, after in zip(command, command[1:], strict=False) if before in {"-m", "-A"}]
        named += [
            part.removeprefix("python:") for part in command if part.startswith("config.") or part.startswith("python:")
        ]
        for module in named:
            assert importlib.import_module(module)


def test_every_setting_is_read_by_the_code() -> None:
    source = "".join(path.read_text() for path in (BASE / "config").glob("*.py"))
    for name in {name for service in OURS for name in SERVICES[service]["environment"]}:
        elsewhere = READ_ELSEWHERE.get(name)
        read = source if elsewhere is None else Path(str(importlib.import_module(elsewhere).__file__)).read_text()
        assert f'"{name}"' in read or f"'{name}'" in read, name


def test_every_queue_is_worked() -> None:
    routed = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
    worked = {after for name in OURS for before, after in _pairs(SERVICES[name]["command"]) if before == "--queues"}
    assert worked == routed


def test_redis_asks_for_a_password_and_is_not_published() -> None:
    redis = SERVICES["redis"]
    assert "--requirepass" in redis["command"]
    assert "ports" not in redis
    assert "ports" not in SERVICES["db"]


def test_the_web_process_cannot_reach_redis() -> None:
    assert not set(SERVICES["web"]["networks"]) & set(SERVICES["redis"]["networks"])


def test_redis_loses_and_evicts_no_more_than_the_embedded_one() -> None:
    assert ("--appendonly", "yes") in _pairs(SERVICES["redis"]["command"])
    assert ("--maxmemory-policy", "noeviction") in _pairs(SERVICES["redis"]["command"])


def test_is_the_same_postgresql_as_the_embedded_one() -> None:
    assert SERVICES["db"]["image"] == f"postgres:{engines.POSTGRES_MAJOR}"
    source = Path(engines.__file__).read_text()
    for argument in SERVICES["db"]["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert argument in source


def test_no_password_is_written_down() -> None:
    text = (BASE / "docker-compose.yml").read_text()
    assert not re.findall(r"(?:PASSWORD|SECRET_KEY)\w*:\s*\"?(?!\"?\$\{)\w", text)


def test_the_image_of_the_web_holds_no_torch() -> None:
    web, gpu = (BASE / "Dockerfile").read_text().split("FROM web AS gpu")
    assert "worker.lock" not in web
    assert "worker.lock" in gpu
    assert "torch" not in (BASE / "requirements" / "web.lock").read_text()
    assert re.search(r"^torch==2\.13\.0$", (BASE / "requirements" / "worker.lock").read_text(), re.MULTILINE)


@pytest.mark.parametrize("lock", ["web", "worker", "dev"])
def test_a_lock_pins_everything_and_names_no_place(lock: str) -> None:
    lines = (BASE / "requirements" / f"{lock}.lock").read_text().splitlines()
    assert lines
    assert [line for line in lines if line and not re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


def _pairs(command: list[str]) -> list[tuple[str, str]]:
    return list(zip(command, command[1:], strict=False))

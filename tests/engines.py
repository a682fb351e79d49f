"""One PostgreSQL and one Redis for a test run, on a folder that is thrown away; started by the first test that asks.

Each of xdist's workers has a database (pytest-django's suffix), a Redis number and a ``var/`` of its own on them.
With DATABASE_URL or REDIS_URL in the environment those servers are used instead.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import redis

from config import env
from config.embedded import Engines, VarIsTaken
from config.test_settings import NOWHERE, TEST_VAR

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


def pytest_configure(config: pytest.Config) -> None:
    """Clear away what a test run that was killed left running."""
    if _is_controller(config):
        for left in TEST_VAR.parent.glob(f"tare-tests-{os.getuid()}-*"):
            if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
                with suppress(VarIsTaken):  # another checkout's: its own next run clears it away
                    _remove(left)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The one that started xdist's workers, or that runs alone, ends the servers when all are done."""
    if _is_controller(config) and TEST_VAR.exists():
        _remove(TEST_VAR)


@pytest.fixture(scope="session")
def engines() -> Engines:
    """The servers of this test run. Nothing is started before one of them is asked for its address."""
    return Engines(var=TEST_VAR, fast=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, engines: Engines) -> None:
    """pytest-django calls this before it makes the test database: now is when PostgreSQL is needed."""
    from django.db import connection

    if NOWHERE in os.environ["DATABASE_URL"]:
        found = env.database(engines.database_url())
        connection.settings_dict.update({name: found[name] for name in ("USER", "PASSWORD", "HOST", "PORT")})


@pytest.fixture(scope="session")
def redis_url(engines: Engines) -> str:
    """A Redis database that no other worker uses, empty at first."""
    given = os.environ["REDIS_URL"]
    if NOWHERE not in given:
        return given
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    return engines.redis_url().removesuffix("0") + str(number)


@pytest.fixture
def broker(redis_url: str, settings: "Settings") -> Iterator["redis.Redis"]:
    """The Redis that Celery's messages go through, empty before the test and after."""
    settings.CELERY_BROKER_URL = redis_url
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def child_environment(transactional_db: None, redis_url: str) -> dict[str, str]:
    """The environment for a process of ours that a test starts: it sees the test's database, Redis and ``var/``."""
    from django.db import connection

    at = {
        name: quote(str(value), safe="") for name, value in connection.settings_dict.items() if isinstance(value, str)
    }
    url = f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return os.environ | {"DATABASE_URL": url, "REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "config.test_settings"}


def _is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def _remove(var: Path) -> None:
    Engines(var=var, fast=True).stop()
    shutil.rmtree(var, ignore_errors=True)

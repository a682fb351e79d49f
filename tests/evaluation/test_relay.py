"""The relay: what PostgreSQL says reaches Celery's queue, whichever of the two was away."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.fixtures import Settings

from evaluation.management.commands.relay import Ringer

EVERYTHING = {task for tasks in settings.BELLS.values() for task in tasks}


def rung(client: redis.Redis) -> set[str]:
    """The tasks in the queues, taken out of them."""
    tasks = set()
    for queue in ("default", "gpu", "generate"):
        for message in client.lrange(queue, 0, -1):
            tasks.add(json.loads(message)["headers"]["task"])
        client.delete(queue)
    return tasks


def wait_for(happened: Callable[[], bool], *, seconds: float = 20) -> float:
    """How long it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def notify(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('tare', %s)", [table])


@pytest.fixture
def relay(child_environment: dict[str, str], broker: redis.Redis) -> Iterator["subprocess.Popen[bytes]"]:
    """A relay that has started and rung everything once."""
    process = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=settings.BASE_DIR, env=child_environment)
    heard: set[str] = set()
    wait_for(lambda: heard.update(rung(broker)) or heard >= EVERYTHING)  # type: ignore[func-returns-value]
    yield process
    process.kill()
    process.wait()


@pytest.mark.django_db(transaction=True)
class TestRelay:
    def test_rings_what_a_change_concerns(self, relay: "subprocess.Popen[bytes]", broker: redis.Redis) -> None:
        """One start for several facts: it costs seconds."""
        notify("annotation_judgment")
        assert wait_for(lambda: broker.llen("default") > 0) < 1.0
        assert rung(broker) == {"annotation.fold"}

        # training goes to the queue of the gpu
        notify("training_run")
        wait_for(lambda: broker.llen("gpu") > 0)
        assert json.loads(broker.lindex("gpu", 0) or b"")["headers"]["task"] == "training.work"
        time.sleep(0.2)
        rung(broker)

        # many changes ring a few times, not many times
        for _ in range(200):
            notify("annotation_judgment")
        wait_for(lambda: broker.llen("default") > 0)
        time.sleep(0.5)
        assert broker.llen("default") < 10
        rung(broker)

        # a name that no bell hangs on rings nothing
        notify("annotation_judgment'; DROP TABLE raters_user; --")
        time.sleep(0.5)
        assert rung(broker) == set()

    def test_listens_again_after_its_connection_was_cut_and_ends_when_told(
        self, relay: "subprocess.Popen[bytes]", broker: redis.Redis
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchall() == [(True,)]
        # everything is rung after a break, because nobody knows what was said meanwhile
        heard: set[str] = set()
        wait_for(lambda: heard.update(rung(broker)) or heard >= EVERYTHING)  # type: ignore[func-returns-value]
        assert relay.poll() is None
        relay.terminate()
        assert relay.wait(timeout=5) == 0


class TestRinger:
    def test_keeps_what_redis_did_not_take(self, settings: Settings, broker: redis.Redis) -> None:
        there = settings.CELERY_BROKER_URL
        settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        ringer = Ringer()
        began = time.monotonic()
        ringer.ring(["annotation_judgment"])
        assert time.monotonic() - began < 3
        ringer.app.conf.broker_url = there
        ringer.app.conf.broker_write_url = there
        ringer.ring([])
        assert rung(broker) == {"annotation.fold"}

    def test_waits_longer_after_each_failure(self, settings: Settings) -> None:
        settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        ringer = Ringer()
        ringer.ring(["training_run"])
        first = ringer.patience
        ringer.ring([])
        assert first < ringer.patience <= 10

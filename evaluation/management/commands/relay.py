"""Carry the database's news to the workers: ``python manage.py relay``.

The web process writes rows and never speaks to Redis. PostgreSQL names the table that changed on the channel ``tare``;
this process hears it and rings the tasks that settings.BELLS names for it. A bell says "look whether there is work" and
nothing else, so ringing too often costs a query and ringing too late costs a delay: everything is rung at the start,
after every break, and every fifteen seconds.
"""

import logging
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from celery import Celery
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError as RedisError

CHANNEL = "tare"
GATHER_SECONDS = 0.1
ROUND_SECONDS = 15.0
LONGEST_WAIT = 10.0

log = logging.getLogger("tare.relay")


class Command(BaseCommand):
    """Runs until it is told to end. Outlives the loss of either server."""

    help = "Listen to PostgreSQL and wake the workers."

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, _end)
        ringer = Ringer()
        wait = 0.5
        while True:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"LISTEN {CHANNEL}")
                log.info("listening")
                wait = 0.5
                relay(ringer)
            except DatabaseError as loss:
                log.warning("PostgreSQL does not answer, next try in %.1f s: %s", wait, loss)
                connection.close()
                time.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)


def relay(ringer: "Ringer", *, clock: Callable[[], float] = time.monotonic) -> NoReturn:
    """Ring for what is heard, until the connection breaks."""
    next_round = clock()
    while True:
        ringer.ring(hear(min(next_round - clock(), ringer.patience)))
        if clock() >= next_round:
            # also shows whether PostgreSQL is still there: a silent connection may be a dead one
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            ringer.ring(settings.BELLS)
            next_round = clock() + ROUND_SECONDS


def hear(seconds: float) -> set[str]:
    """The tables that changed: waits so long for the first, then a moment for those that come with it."""
    raw = connection.connection
    if not select.select([raw], [], [], max(0.0, seconds))[0]:
        return set()
    time.sleep(GATHER_SECONDS)
    # the driver's own object: its errors have to be made Django's, which is what handle() expects
    with connection.wrap_database_errors:
        raw.poll()
    heard = {notification.payload for notification in raw.notifies}
    raw.notifies.clear()
    return heard


class Ringer:
    """Publishes bells, keeping those that Redis did not take for the next time."""

    def __init__(self) -> None:
        self.app = Celery("relay", set_as_current=False)
        self.app.config_from_object("django.conf:settings", namespace="CELERY")
        # by default kombu tries for ever, and we would stop listening meanwhile
        no_retries = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
        self.app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | no_retries
        self._pending: set[str] = set()
        self._wait = 0.5

    @property
    def patience(self) -> float:
        """How long the next attempt may wait."""
        return self._wait if self._pending else ROUND_SECONDS

    def ring(self, tables: Iterable[str]) -> None:
        """Ring what these tables' changes concern, and what is still owed."""
        self._pending |= {task for table in tables for task in settings.BELLS.get(table, ())}
        if not self._pending:
            return
        try:
            with self.app.connection_for_write() as redis:
                for task in sorted(self._pending):
                    # the next round replaces one that no worker took in time
                    self.app.send_task(task, connection=redis, expires=4 * ROUND_SECONDS, retry=False)
        except (RedisError, OSError) as loss:
            log.warning("Redis does not answer, next try in %.1f s: %s", self._wait, loss)
            self._wait = min(LONGEST_WAIT, self._wait * 2)
            return
        log.debug("rang %s", ", ".join(sorted(self._pending)))
        self._pending, self._wait = set(), 0.5


def _end(number: int, frame: object) -> NoReturn:
    # at any point: a bell that was not rung is rung by the next relay's first round
    log.info("ending")
    sys.exit(0)

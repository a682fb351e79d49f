"""A database server that stopped answering must not hold the web process.

A frozen PostgreSQL (a stopped virtual machine, a dead disk) keeps its connections open and says nothing, and its own
timeouts stand still with it. Without more, every thread that asks it something waits for good, and pages that need no
database wait for a thread. So each wait of the driver has a deadline here (psycopg2's wait callback, which also makes
COPY and large objects impossible: exports are the workers' business).

Slow is not dead. After a second of silence the server is asked something that needs no session, over a connection of
its own: whether it speaks TLS. A server that answers is waited for, two seconds longer than its statement timeout. One
that does not is away: the connection is closed, and until the server answers again everybody is refused at once, while
one thread at a time looks whether it does.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import extensions

STATEMENT_SECONDS = 7.0  # the statement timeout is five
CONNECT_SECONDS = 3.0
SILENT_SECONDS = 1.0  # before the server is asked whether it lives
ANSWER_SECONDS = 1.0  # which it has to say within
LOOK_SECONDS = 0.25  # between two looks at a server that is away

# PostgreSQL's message SSLRequest: its length, and its code. The answer is one byte, from any server and any pooler.
_DO_YOU_SPEAK_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}

Where = tuple[socket.AddressFamily, Any]


class ServerAway(psycopg2.OperationalError):  # type: ignore[misc]  # the driver ships no types
    """The database server does not answer. The connection on which this was noticed is closed, and not used again."""


class Watch:
    """What one process knows of its database server. Shared by its threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looking = threading.Lock()
        self._away: Where | None = None
        self._looked_at = float("-inf")

    def wait(self, connection: Any) -> None:
        """Return when the driver's connection is through with what it does; psycopg2 calls this for every statement.

        Raises ServerAway; the driver then closes the connection. What was sent may still have been done.
        """
        self._refuse_while_away()
        is_connecting = connection.status == extensions.STATUS_SETUP
        deadline = self._clock() + (CONNECT_SECONDS if is_connecting else STATEMENT_SECONDS)
        while (wanted := connection.poll()) != extensions.POLL_OK:
            while not _is_ready(connection.fileno(), wanted, seconds=min(SILENT_SECONDS, deadline - self._clock())):
                self._look_after(connection.fileno(), late=self._clock() >= deadline)

    def _refuse_while_away(self) -> None:
        """Raises ServerAway at once while the server is known to be away; now and then one caller looks first."""
        where = self._away
        if where is None:
            return
        if self._clock() - self._looked_at > LOOK_SECONDS and self._looking.acquire(blocking=False):
            try:
                self._away = None if _answers(where) else where
                self._looked_at = self._clock()
            finally:
                self._looking.release()
        if self._away is None:
            return
        raise ServerAway("the database server does not answer")

    def _look_after(self, descriptor: int, *, late: bool) -> None:
        """The server is silent on this connection. Raises ServerAway if it is so altogether, or if it is late."""
        where = _peer_of(descriptor)
        with self._looking:
            recently = self._clock() - self._looked_at < SILENT_SECONDS / 2
            if where is not None and self._away is None and not recently:
                silent = not _answers(where)
                self._looked_at = self._clock()
                self._away = where if silent else None
        if late or self._away is not None:
            raise ServerAway("the database server did not answer in time")


def _is_ready(descriptor: int, wanted: int, *, seconds: float) -> bool:
    asked = select.poll()
    asked.register(descriptor, _EVENTS[wanted])
    return bool(asked.poll(max(0.0, seconds) * 1000))


def _peer_of(descriptor: int) -> Where | None:
    """Whom this socket is connected to; None while it is not."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        try:
            return same.family, same.getpeername()
        except OSError:
            return None


def _answers(where: Where) -> bool:
    """Does anybody speak there? A refusal is an answer too: whoever tries to connect is told at once."""
    family, address = where
    with socket.socket(family) as line:
        line.settimeout(ANSWER_SECONDS)
        try:
            line.connect(address)
            line.sendall(_DO_YOU_SPEAK_TLS)
            line.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True
    return True


def install() -> None:
    """Put the deadline on every connection of this process, and of those it forks."""
    extensions.set_wait_callback(Watch().wait)

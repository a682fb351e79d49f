"""Raters' browsers: the protocol of static/js/outbox.js, and a log of what was sent and what was acknowledged.

The log is written by the clients alone, each line before what follows from it: it is what the storm is judged by.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TextIO
from urllib.parse import urlencode

AHEAD = 3
TIMEOUT = 15.0
CSRF = "c" * 32
LONGEST_PAUSE = 2.0
ONCE_MORE = 0.1  # of the acknowledged answers are sent again, half of these by two at the same moment
ORDER = re.compile(r'data-order="([\d,]*)"')


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer that a rater gave, as displayed."""

    key: str
    rater: int
    assignment: int
    shown: int
    seconds: float


class Log:
    """One file for all clients."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w")
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def write(self, what: str, **more: object) -> None:
        """One line, out of our hands before this returns."""
        with self._lock:
            self._file.write(json.dumps({"what": what, "at": round(time.monotonic() - self._began, 2), **more}) + "\n")
            self._file.flush()


def read_log(path: Path) -> tuple[list[Sent], frozenset[str], Counter[str], float]:
    """What was sent, which keys were acknowledged, the answers nobody should get, and the longest wait in seconds."""
    sent, acknowledged, faults, longest = [], set(), Counter[str](), 0.0
    for line in path.read_text().splitlines():
        row = json.loads(line)
        what, _ = row.pop("what"), row.pop("at")
        if what == "sent":
            sent.append(Sent(**row))
        elif what == "acknowledged":
            acknowledged.add(row["key"])
            longest = max(longest, row["waited"])
        else:
            faults[what] += 1
    return sent, frozenset(acknowledged), faults, longest


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, if anything: status 0 is no answer at all."""

    status: int
    text: str = ""
    retry_after: float | None = None


class Client(threading.Thread):
    """One rater, from the first card until `enough` is set and what is on its way has arrived."""

    def __init__(
        self,
        *,
        port: int,
        project: str,
        rater: int,
        session: str,
        log: Log,
        enough: threading.Event,
        rng: random.Random,
        patience: float,
    ) -> None:
        super().__init__(name=f"rater {rater}", daemon=True)
        self._port, self.project, self._rater, self._session = port, project, rater, session
        self._log, self._enough, self._rng, self._patience = log, enough, rng, patience
        self._held: list[int] = []

    def run(self) -> None:
        """Judge, and go on judging."""
        while not self._enough.is_set():
            if self._held:
                self._judge(self._held.pop(0))
                continue
            answer = self.ask("GET", f"/p/{self.project}/rate/cards/")
            if answer.status == 200:
                self._take(answer)
            elif not self._is_away(answer):
                self._log.write(f"cards answered {answer.status}")
            if not self._held:
                self._enough.wait(answer.retry_after or 0.5)

    def _judge(self, assignment: int) -> None:
        """Send one answer until it is acknowledged."""
        sent = Sent(
            key=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            rater=self._rater,
            assignment=assignment,
            shown=self._rng.randint(-3, 3),
            seconds=round(self._rng.uniform(1, 60), 1),
        )
        self._log.write("sent", **asdict(sent))
        began, pause = time.monotonic(), 0.25
        while self._is_away(answer := self._send(sent)):
            if self._enough.is_set() and time.monotonic() - began > self._patience:
                self._log.write("gave up", key=sent.key)
                return
            time.sleep(answer.retry_after or pause * self._rng.uniform(0.5, 1.5))
            pause = min(LONGEST_PAUSE, pause * 2)
        if answer.status != 201:
            self._log.write(f"judgment answered {answer.status}", key=sent.key, text=answer.text[:2000])
            return
        self._log.write("acknowledged", key=sent.key, waited=time.monotonic() - began)
        self._take(answer)
        if self._rng.random() < ONCE_MORE:
            self._send_again(sent, twice=self._rng.random() < 0.5)

    def _send_again(self, sent: Sent, *, twice: bool) -> None:
        """A double click, or a browser that did not hear: nothing may come of it."""
        answers: list[Answer] = []
        clicks = [threading.Thread(target=lambda: answers.append(self._send(sent))) for _ in range(1 + twice)]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
        for answer in answers:
            if answer.status != 201 and not self._is_away(answer):
                self._log.write(f"a repeated judgment answered {answer.status}", key=sent.key, text=answer.text[:2000])

    def _send(self, sent: Sent) -> Answer:
        path = f"/p/{self.project}/assignments/{sent.assignment}/judgment/"
        return self.ask("POST", path, {"preference": sent.shown, "seconds": sent.seconds}, key=sent.key)

    def _take(self, answer: Answer) -> None:
        """The comparisons that the site says this rater holds."""
        found = ORDER.search(answer.text)
        self._held = [int(number) for number in found[1].split(",")] if found and found[1] else []

    def _is_away(self, answer: Answer) -> bool:
        """Whether trying again is what a browser does. A 500 is a fault of the site, and tried again all the same."""
        if answer.status >= 500 and answer.status != 503:
            self._log.write(f"answered {answer.status}")
        return answer.status == 0 or answer.status >= 500

    def ask(self, method: str, path: str, form: dict[str, object] | None = None, *, key: str = "") -> Answer:
        """One request on a connection of its own."""
        headers = {
            "Cookie": f"sessionid={self._session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "X-Tare-Holds": ",".join(map(str, self._held)),
            "X-Tare-Ahead": str(AHEAD),
            "Connection": "close",
        }
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        line = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            line.request(method, path, urlencode(form) if form is not None else None, headers)
            answer = line.getresponse()
            text = answer.read().decode()
            after = answer.headers.get("Retry-After")
            return Answer(answer.status, text, float(after) if after else None)
        except (OSError, HTTPException):
            return Answer(0)
        finally:
            line.close()

"""Raters who send and take the next, as static/js/outbox.js does it, over one connection that stays open."""

from __future__ import annotations

import gzip
import http.client
import random
import re
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlencode

from benchmarks.rating.machine import HOST, Web

AHEAD = 3
TOKEN = "b" * 32
CARDS = re.compile(rb'<template data-card="(\d+)"')
ORDER = re.compile(rb'<template data-order="([\d,]*)"')
QUALITIES = ("accurate", "as_asked", "clear", "safe")


@dataclass
class Rater:
    """One signed-in rater and the comparisons that their browser holds, in the order of work."""

    session: str
    held: list[int] = field(default_factory=list)

    def headers(self, web: Web) -> dict[str, str]:
        """What a browser sends with everything."""
        return {
            "Cookie": f"sessionid={self.session}; csrftoken={TOKEN}",
            "Accept-Encoding": "gzip",
            "Origin": web.origin,
            "X-Tare-Ahead": str(AHEAD),
            "X-Tare-Holds": ",".join(map(str, self.held)),
        }


@dataclass
class Line:
    """One connection to a site."""

    web: Web
    rng: random.Random
    sent: int = 0
    bytes_in: int = 0

    def __post_init__(self) -> None:
        self.wire = http.client.HTTPConnection(HOST, self.web.port, timeout=30)

    def open(self) -> None:
        """A connection that is open and warm: the server ends one that was silent for some seconds."""
        self.wire.close()
        self._ask("GET", "/healthz", b"", {}, wanted=200)

    def hello(self, rater: Rater | None) -> float:
        """Seconds that a hello takes: to a stranger, or to a rater by name."""
        headers = rater.headers(self.web) if rater else {}
        seconds, _ = self._ask("GET", "/p/hello/you/" if rater else "/p/hello/", b"", headers, wanted=200)
        return seconds

    def sit_down(self, rater: Rater) -> None:
        """Take the first comparisons, as opening the bench does."""
        _, body = self._ask("GET", "/p/bench/rate/cards/", b"", rater.headers(self.web), wanted=200)
        self._hold(rater, body, lacking=AHEAD)

    def send_and_next(self, rater: Rater) -> float:
        """Send an answer to the first comparison held; the seconds until the next card is here, whole."""
        headers = rater.headers(self.web) | {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-CSRFToken": TOKEN,
            "Idempotency-Key": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)),
        }
        address = f"/p/bench/assignments/{rater.held[0]}/judgment/"
        seconds, body = self._ask("POST", address, self._answer(), headers, wanted=201)
        self.sent += 1
        self._hold(rater, body, lacking=1)
        return seconds

    def _answer(self) -> bytes:
        said = {"preference": self.rng.randint(-3, 3), "seconds": round(self.rng.uniform(20, 90), 1)}
        said |= {f"quality_{name}": self.rng.randint(-1, 1) for name in self.rng.sample(QUALITIES, 2)}
        reason = {"rationale": "The left one answers what was asked."} if self.rng.random() < 0.25 else {}
        return urlencode(said | reason).encode()

    def _ask(
        self, method: str, address: str, body: bytes, headers: dict[str, str], *, wanted: int
    ) -> tuple[float, bytes]:
        began = time.perf_counter()
        self.wire.request(method, address, body or None, headers)
        answer = self.wire.getresponse()
        raw = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != wanted:
            raise SystemExit(f"{method} {address}: {answer.status} instead of {wanted}: {raw[:300]!r}")
        self.bytes_in += len(raw)
        return seconds, gzip.decompress(raw) if answer.headers.get("Content-Encoding") == "gzip" else raw

    def _hold(self, rater: Rater, body: bytes, *, lacking: int) -> None:
        found = ORDER.search(body)
        cards = CARDS.findall(body)
        if found is None or len(cards) != lacking:
            raise SystemExit(f"{len(cards)} cards came instead of {lacking}: the pool is too small for this many.")
        rater.held = [int(one) for one in found[1].split(b",")]

"""Claim: "send and next" costs the same among a thousand comparisons and among a million.

    python -m benchmarks.rating [--sizes 1000,20000,1000000] [--judgments 600] [--seed 1] [--keep folder]

The site as it is shipped (gunicorn with its workers and threads, sessions, CSRF, HTML, gzip) on a PostgreSQL of this
run's own with fsync on, each size in a database of its own with 2,000 raters (benchmarks/rating/world.py says what is
in it). One request sends an answer, as the browser's outbox does, and brings the next card, leased and committed.

- Latency: one client, sizes in turn every few judgments, so that whatever else the machine does meets all alike.
  `--judgments` of each size, by 200 of the raters in random order; the connection stays open.
- `cpu_ms`: what the kernel says that gunicorn's and PostgreSQL's processes used meanwhile, for one judgment.
- `judgments_per_s_core`: judgments in a second of CPU time of those processes, with 8 clients. The client's own
  is not counted; on wall clocks it has its share of the same cores.
- `flatness`: p99 at the largest size by p99 at the smallest.
- `lone_rater`: p99 of a rater who has judged a tenth of the largest pool (100 thousand of a million) by p99 of one who
  has judged nothing, one judgment each in turn. `lone_rater_p50` is the same of the medians.
- `of_pgbench`: judgments per second by pairs per second of pgbench (benchmarks/rating/floor.py), one client each, in
  turns at the largest size; `of_pgbench_8` with 8 clients each.
- `of_hello`: CPU of one judgment by CPU of a view that says hello to a stranger behind the same middleware;
  `of_hello_signed_in` the same with the session and the person read.

Nothing leaves the loopback. With `--keep` the pools stay and the next run measures fresh copies of them. Prints a
table, and one JSON line last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rating import floor, machine
from benchmarks.rating.client import Line, Rater
from benchmarks.rating.machine import Meter, Postgres, Web

RATERS = 2_000
ACTIVE = 200
BLOCK = 25
WARM_UP = 50
CLIENTS = 8
PAIRS = 200


@dataclass
class Site:
    """One size under measurement."""

    size: int
    database: str
    web: Web
    meter: Meter
    busy: Meter
    lone: Rater
    new: Rater
    raters: list[Rater]
    line: Line
    newest: int
    seconds: list[float] = field(default_factory=list)
    per_second: float = 0.0
    sent_by_many: int = 0
    sent_in_all: int = 0

    def cpu_ms(self) -> dict[str, float]:
        """Of one judgment of one client: in the web process, in PostgreSQL, together."""
        return _per_request(self.meter, len(self.seconds))


@dataclass
class Hello:
    """The site that says hello, and what that costs."""

    line: Line
    rater: Rater
    stranger: Meter
    person: Meter
    count: int = 0


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table and then JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.rating", description=__doc__, formatter_class=_Words)
    parser.add_argument("--sizes", type=_sizes, default=[1_000, 20_000, 1_000_000])
    parser.add_argument("--judgments", type=int, default=600, help="of each size, by one client")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the pools here, and use those that are here")
    asked = parser.parse_args(argv)
    most = min(asked.sizes) * 2 - ACTIVE * 3 - WARM_UP
    if asked.judgments * 1.5 > most:
        parser.error(f"{min(asked.sizes)} comparisons have work for {max(0, int(most / 1.5))} --judgments at most.")
    with _scratch(asked.keep) as var, machine.postgres(var) as postgres:
        with postgres.set("max_wal_size", "8GB"):  # fewer checkpoints while the pools are made
            _make_pools(postgres, asked.sizes)
        figures = _measure(postgres, var, asked.sizes, judgments=asked.judgments, rng=random.Random(asked.seed))
    _tell(json.dumps(figures))
    return 0


class _Words(argparse.RawDescriptionHelpFormatter):
    """The text above as it is written."""


def _sizes(text: str) -> list[int]:
    return sorted(int(word) for word in text.split(","))


@contextmanager
def _scratch(keep: Path | None) -> Iterator[Path]:
    """A var/ of its own; the account that root lends to the servers can walk through it."""
    var = (keep or Path(tempfile.mkdtemp(prefix="tare-rating-"))).resolve()
    var.mkdir(parents=True, exist_ok=True)
    var.chmod(0o711)
    try:
        yield var
    finally:
        if keep is None:
            shutil.rmtree(var, ignore_errors=True)


def _make_pools(postgres: Postgres, sizes: Sequence[int]) -> None:
    if not postgres.has("empty"):
        machine.django(postgres, machine.BASE_NAME, "manage.py", "prepare", "--verbosity", "0")
        postgres.copy("empty", source=machine.BASE_NAME)
    for size in sizes:
        if postgres.has(f"pool_{size}"):
            continue
        began = time.monotonic()
        postgres.copy("unfinished", source="empty")
        machine.django(postgres, "unfinished", "-m", "benchmarks.rating.world", "make", str(size))
        postgres.run(f"ALTER DATABASE unfinished RENAME TO pool_{size}")
        _tell(f"{size:>9,} comparisons made in {time.monotonic() - began:.0f} s")


def _measure(
    postgres: Postgres, var: Path, sizes: Sequence[int], *, judgments: int, rng: random.Random
) -> dict[str, Any]:
    floor.make(postgres, comparisons=max(100_000, *sizes), raters=RATERS)
    with ExitStack() as open_sites:
        sites = [_open(postgres, size, open_sites, rng) for size in sizes]
        hello = _open_hello(postgres, sites[-1], open_sites, rng)
        _tell(f"load before: {', '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} cores")
        pairs = []
        for _ in range(judgments // BLOCK):
            for site in sites:
                _rate(site, BLOCK, rng)
            _say_hello(hello)
            pairs.append(floor.pairs_per_second(postgres, var, clients=1, pairs=PAIRS, raters=RATERS))
        lone, new = _alone(sites[-1], judgments // 3)
        for site in sites:
            _rate_together(site, judgments // 2)
        pairs_8 = floor.pairs_per_second(postgres, var, clients=CLIENTS, pairs=PAIRS, raters=RATERS)
        for site in sites:
            _check(postgres, site)
        return _report(sites, hello, pairs=statistics.median(pairs), pairs_8=pairs_8, lone=lone, new=new)


def _open(postgres: Postgres, size: int, until: ExitStack, rng: random.Random) -> Site:
    """The site on a fresh copy of the pool, its raters at work, everything warm."""
    database = f"run_{size}"
    postgres.copy(database, source=f"pool_{size}")
    until.callback(postgres.run, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    sessions = json.loads(machine.django(postgres, database, "-m", "benchmarks.rating.world", "sign-in"))["sessions"]
    web = until.enter_context(machine.web(postgres, database))
    raters = [Rater(session) for session in rng.sample(sessions[2:], ACTIVE)]
    meters = [Meter(web=web.pid, postgres=postgres.pid) for _ in range(2)]
    line = Line(web, random.Random(rng.random()))
    newest = postgres.run("SELECT max(id) FROM annotation_judgment", name=database)[0][0]
    site = Site(size, database, web, meters[0], meters[1], Rater(sessions[0]), Rater(sessions[1]), raters, line, newest)
    for rater in (site.lone, site.new, *raters):
        line.sit_down(rater)
    for rater in rng.choices(raters, k=WARM_UP):
        line.send_and_next(rater)
    site.sent_in_all += WARM_UP
    return site


def _open_hello(postgres: Postgres, site: Site, until: ExitStack, rng: random.Random) -> Hello:
    web = until.enter_context(machine.web(postgres, site.database, settings="benchmarks.rating.hello"))
    meters = [Meter(web=web.pid, postgres=postgres.pid) for _ in range(2)]
    hello = Hello(Line(web, rng), site.raters[0], meters[0], meters[1])
    for _ in range(WARM_UP):
        hello.line.hello(None)
        hello.line.hello(hello.rater)
    return hello


def _rate(site: Site, count: int, rng: random.Random) -> None:
    """So many judgments by raters at random, one after the other."""
    site.line.open()
    with site.meter.on():
        site.seconds += [site.line.send_and_next(rater) for rater in rng.choices(site.raters, k=count)]
    site.sent_in_all += count


def _say_hello(hello: Hello) -> None:
    hello.line.open()
    with hello.stranger.on():
        for _ in range(BLOCK):
            hello.line.hello(None)
    with hello.person.on():
        for _ in range(BLOCK):
            hello.line.hello(hello.rater)
    hello.count += BLOCK


def _alone(site: Site, count: int) -> tuple[list[float], list[float]]:
    """Seconds of the rater who has judged much, and of the one who has judged nothing, in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    site.line.open()
    for rater in (site.lone, site.new) * 5:
        site.line.send_and_next(rater)
    for _ in range(count):
        for rater, seconds in zip((site.lone, site.new), taken, strict=True):
            seconds.append(site.line.send_and_next(rater))
    site.sent_in_all += 2 * count + 10
    return taken


def _rate_together(site: Site, count: int) -> None:
    """So many judgments by several clients at once, each with raters of its own."""
    lines = [Line(site.web, random.Random(place)) for place in range(CLIENTS)]
    share = count // CLIENTS
    failed: list[BaseException] = []

    def work(place: int) -> None:
        mine = site.raters[place::CLIENTS]
        try:
            lines[place].open()
            for _ in range(share):
                lines[place].send_and_next(lines[place].rng.choice(mine))
        except SystemExit as words:
            failed.append(words)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(CLIENTS)]
    began = time.perf_counter()
    with site.busy.on():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    site.sent_by_many = share * CLIENTS
    site.per_second = site.sent_by_many / (time.perf_counter() - began)
    site.sent_in_all += site.sent_by_many


def _check(postgres: Postgres, site: Site) -> None:
    """Every answer that was acknowledged is a judgment in the database."""
    added = postgres.run(f"SELECT count(*) FROM annotation_judgment WHERE id > {site.newest}", name=site.database)[0][0]  # noqa: S608  a number of ours
    if added != site.sent_in_all:
        raise SystemExit(f"{site.sent_in_all} answers were acknowledged and {added} are there.")


def _per_request(meter: Meter, count: int) -> dict[str, float]:
    web, postgres = meter.web_seconds / count * 1000, meter.postgres_seconds / count * 1000
    return {"web": round(web, 2), "database": round(postgres, 2), "total": round(web + postgres, 2)}


def _percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


def _report(
    sites: Sequence[Site], hello: Hello, *, pairs: float, pairs_8: float, lone: list[float], new: list[float]
) -> dict[str, Any]:
    largest = sites[-1]
    cpu = {str(site.size): site.cpu_ms() for site in sites}
    greeted = {"stranger": _per_request(hello.stranger, hello.count), "person": _per_request(hello.person, hello.count)}
    by_size = {
        f"{name}_ms": {str(site.size): round(_percentile(site.seconds, share) * 1000, 2) for site in sites}
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    busy = {str(site.size): _per_request(site.busy, site.sent_by_many) for site in sites}
    total = cpu[str(largest.size)]["total"]
    figures = {
        **by_size,
        "cpu_ms": cpu,
        "cpu_ms_8": busy,
        "judgments_per_s": {str(site.size): round(site.per_second, 1) for site in sites},
        "judgments_per_s_core": {size: round(1000 / each["total"], 1) for size, each in busy.items()},
        "flatness": round(_percentile(largest.seconds, 0.99) / _percentile(sites[0].seconds, 0.99), 2),
        "flatness_cpu": round(total / cpu[str(sites[0].size)]["total"], 2),
        "lone_rater": round(_percentile(lone, 0.99) / _percentile(new, 0.99), 2),
        "lone_rater_p50": round(statistics.median(lone) / statistics.median(new), 2),
        "lone_rater_ms": {"lone": _spread(lone), "new": _spread(new)},
        "hello_cpu_ms": greeted,
        "of_hello": round(total / greeted["stranger"]["total"], 1),
        "of_hello_signed_in": round(total / greeted["person"]["total"], 1),
        "pgbench_pairs_per_s": {"1": round(pairs, 1), str(CLIENTS): round(pairs_8, 1)},
        "of_pgbench": round(1 / statistics.fmean(largest.seconds) / pairs, 3),
        "of_pgbench_8": round(largest.per_second / pairs_8, 3),
        "kb_in_per_judgment": round(largest.line.bytes_in / max(1, largest.line.sent) / 1000, 2),
        "judgments": len(largest.seconds),
    }
    _table(figures)
    return figures


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {name: round(_percentile(seconds, share) * 1000, 2) for name, share in (("p50", 0.5), ("p99", 0.99))}


def _table(figures: dict[str, Any]) -> None:
    _tell(
        f"{'comparisons':>12} {'p50':>8} {'p95':>8} {'p99 ms':>8} {'web':>7} {'db ms':>7} {'j/s, 8':>8} {'j/s core':>8}"
    )
    for size in figures["p50_ms"]:
        waits = " ".join(f"{figures[name][size]:>8.2f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
        cpu = figures["cpu_ms"][size]
        rates = f"{figures['judgments_per_s'][size]:>8.1f} {figures['judgments_per_s_core'][size]:>8.1f}"
        _tell(f"{int(size):>12,} {waits} {cpu['web']:>7.2f} {cpu['database']:>7.2f} {rates}")
    for name, goal in (
        ("flatness", "at most 1.5"),
        ("lone_rater", "at most 1.5"),
        ("of_pgbench", "at least 0.1"),
        ("of_hello", "at most 12"),
    ):
        _tell(f"{name:>12} {figures[name]:>8} ({goal})")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

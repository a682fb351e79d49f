"""Sixteen raters work while everything under them dies: python -m tests.chaos --duration 60 --seed 1

Web workers, the web master, PostgreSQL, Redis and Celery's workers are killed with SIGKILL, PostgreSQL is frozen, Redis
is emptied, and answers are cut off after COMMIT. Then the clients' log says what the database has to hold. All of it is
started here, on loopback and in a folder of its own, and ends with it. Prints one JSON line last; the exit status is 1
when anything that was acknowledged is lost, counted twice or different, and when a slot or a job's effect is wrong.

The seed gives the schedule and the answers; how far each process has got at a blow is the machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.storm import Hand
    from tests.chaos.world import World

CLIENTS = 16
CUT = 0.05
PATIENCE = 60.0  # seconds in which, after the storm, everything has to arrive and settle
TRICKLE = 1.0  # seconds between two new texts to render
PROCESSES = ("web", "worker", "beat", "relay")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    duration: float
    seed: int
    comparisons: int
    keep: Path | None


def main(argv: list[str] | None = None) -> int:
    """Raise a storm, and say what it did."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of storm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--comparisons", type=int, default=3000)
    parser.add_argument("--keep", type=Path, help="keep the database and the logs here")
    asked = Asked(**vars(parser.parse_args(argv)))
    with _scratch(asked.keep) as var:
        _set_up(var)
        report = _weather(var, asked)
    tell(json.dumps(report))
    return 0 if report["clean"] else 1


def tell(line: str) -> None:
    """To whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _scratch(keep: Path | None) -> Iterator[Path]:
    """A var/ of its own; the account that root lends to the servers can walk through it."""
    var = keep or Path(tempfile.mkdtemp(prefix="tare-chaos-"))
    var.mkdir(parents=True, exist_ok=True)
    var.chmod(0o711)
    try:
        yield var
    finally:
        if keep is None:
            shutil.rmtree(var, ignore_errors=True)


def _set_up(var: Path) -> None:
    """Real settings on servers of our own; nobody's data."""
    for name in ("DATABASE_URL", "REDIS_URL", "TARE_ORIGIN", "TARE_SECRET_KEY"):
        os.environ.pop(name, None)
    os.environ |= {"TARE_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings", "TARE_LOG_LEVEL": "WARNING"}
    import django

    django.setup()


def _weather(var: Path, asked: Asked) -> dict[str, object]:
    """The storm, from the first start to the verdict."""
    from django.conf import settings

    from evaluation.demo.processes import Supervisor
    from tests.chaos import oracle
    from tests.chaos.clients import read_log
    from tests.chaos.proxy import Proxy
    from tests.chaos.storm import Hand
    from tests.chaos.world import build

    site = Supervisor(port=0)
    for name in site.children.keys() - set(PROCESSES):
        del site.children[name]
    log = var / "clients.jsonl"
    with site:
        world = build(raters=CLIENTS, comparisons=asked.comparisons)
        assert settings.TARE_ENGINES is not None  # no address was given, so they are ours
        hand = Hand(site, settings.TARE_ENGINES, rng=random.Random(f"hand {asked.seed}"))
        with Proxy(site.port, share=CUT, rng=random.Random(f"proxy {asked.seed}")) as proxy:
            _rage(world, hand, log, port=proxy.port, asked=asked)
        settled = _wait_until_settled()
        sent, acknowledged, faults, longest = read_log(log)
        verdict = oracle.examine(sent, acknowledged)
        checks = oracle.checks()
    return {
        "clean": verdict.is_clean and settled and not faults,
        "seed": asked.seed,
        "seconds": asked.duration,
        "kills": sum(count for what, count in hand.done.items() if what not in ("freeze", "flush")),
        "blows": dict(sorted(hand.done.items())),
        "cut": proxy.cut,
        "sent": len(sent),
        "acknowledged": len(acknowledged),
        "checks": checks,
        "worst_wait_s": round(longest, 1),
        "settled": settled,
        "faults": dict(faults),
        **asdict(verdict),
    }


def _rage(world: World, hand: Hand, log: Path, *, port: int, asked: Asked) -> None:
    """Sixteen raters, one hand, and a trickle of texts to render."""
    from tests.chaos.clients import Client, Log
    from tests.chaos.storm import plan

    enough, written = threading.Event(), Log(log)
    clients = [
        Client(
            port=port,
            project=world.project,
            rater=rater,
            session=session,
            log=written,
            enough=enough,
            rng=random.Random(f"rater {at} {asked.seed}"),
            patience=PATIENCE,
        )
        for at, (rater, session) in enumerate(sorted(world.sessions.items()))
    ]
    others = [*clients, threading.Thread(target=_trickle, args=(world.project, enough), daemon=True)]
    for each in others:
        each.start()
    end = time.monotonic() + asked.duration
    for blow in plan(asked.seed):
        if time.monotonic() + blow.after + blow.lasts > end:
            break
        time.sleep(blow.after)
        hand.strike(blow)
        tell(f"{asked.duration - (end - time.monotonic()):6.1f} s  {blow.kind}")
    time.sleep(max(0.0, end - time.monotonic()))
    enough.set()
    for each in others:
        each.join()


def _trickle(project: str, enough: threading.Event) -> None:
    """New texts, so that there is something to render whatever is killed."""
    from django.db import Error, connection

    from annotation import actions as annotation
    from raters.models import Project

    number = 0
    while not enough.wait(TRICKLE):
        number += 1
        try:
            prompt = Project.objects.get(slug=project).prompts.earliest("pk")
            said = [(prompt.pk, f"*Text* number {number}.")]
            annotation.store_responses(prompt.project, model_digest="1" * 64, sampling={}, rows=said)
        except Error:
            # the database is away just now, which is what a storm is for
            connection.close()
    connection.close()


def _wait_until_settled() -> bool:
    from django.db import Error, connection

    from tests.chaos import oracle

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if oracle.is_settled():
                return True
        except Error:
            connection.close()
        time.sleep(0.5)
    return False


if __name__ == "__main__":
    sys.exit(main())

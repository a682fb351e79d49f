"""Claim: the compare page comes in a few small requests, and each judgment after it costs one.

    python -m benchmarks.page [--judgments 5] [--seed 1] [--keep folder]

A fresh database, the site as in production (gunicorn, collected static files, no debug), responses of 2 KB of Markdown
with code and a table, and the machine's Chromium with an empty cache. What is counted is what came over the wire as the
browser's own debugger reports it: compressed bodies and headers, kilobytes of 1,000 bytes, fonts apart. The server's
access log is the witness for requests that the page's debugger does not see, those of a service worker for one.

The rater presses 4 and Enter and waits until "n of m" says another n: how the page does that is its own affair.
Prints what was loaded, and one JSON line last.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Page, sync_playwright

from config import server
from tests.browser.flags import FLAGS

if TYPE_CHECKING:
    from raters.models import User

HOST = "127.0.0.1"
RATE = "/p/bench/rate/"
SETTLE_MS = 2500
"""Longer than the page waits before it saves a draft or asks for more."""
GUARD_MS = 500
"""After a new card keys are deaf for 400 ms, so that one Enter cannot send two."""
PLACE = "() => Number(/(\\d+)\\s+of\\s+\\d+/.exec(document.body.innerText)?.[1] ?? 0)"
PROSE_BYTES = 1500
VOCABULARY = """
the a of to and in is it you that for on with as are be this not or by from at can if when which one have there what
all how each time will about after more than other into only some then these two may first any like between data value
answer question model number column table index average window result method function return list sort order group
count row query cache memory error test check step case example reason rule note short long simple clear exact small
large always never often usually because however although instead before during without until while since whether rice
water heat bacteria toxin minute hour night kitchen plate safe cold warm store cook fridge room temperature letter
manager notice month work team offer contract leave date reply polite direct honest climate weather year decade
pattern region trend train plane ticket station airport price travel city river coast bridge moon wall orbit camera
satellite light distance kilometre visible unaided eye myth claim evidence source history proof limit series digit
fraction equal repeat decimal infinite converge subtract multiply
"""
WORDS = VOCABULARY.split()


@dataclass
class Wire:
    """What the debugger saw of the network since the last `clear`."""

    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        """Listen to the page's traffic, from before its first request."""
        debugger = page.context.new_cdp_session(page)
        debugger.on("Network.requestWillBeSent", self._asked)
        debugger.on("Network.responseReceived", lambda seen: self._note(seen, encoding=_encoding(seen)))
        debugger.on("Network.dataReceived", self._came)
        debugger.on("Network.loadingFinished", lambda seen: self._note(seen, wire=seen["encodedDataLength"]))
        debugger.send("Network.enable")
        debugger.send("Network.setCacheDisabled", {"cacheDisabled": False})

    def _asked(self, seen: dict[str, Any]) -> None:
        url = seen["request"]["url"]
        if not url.startswith("data:"):
            kind = seen.get("type", "Other")
            self.loaded[seen["requestId"]] = {"url": url, "kind": kind, "wire": 0, "raw": 0, "encoding": ""}

    def _came(self, seen: dict[str, Any]) -> None:
        if seen["requestId"] in self.loaded:
            self.loaded[seen["requestId"]]["raw"] += seen["dataLength"]

    def _note(self, seen: dict[str, Any], **what: Any) -> None:
        if seen["requestId"] in self.loaded:
            self.loaded[seen["requestId"]].update(what)

    def clear(self) -> list[dict[str, Any]]:
        """What crossed the wire so far; what the cache answered crossed none."""
        found = [each for each in self.loaded.values() if each["wire"] > 0]
        self.loaded.clear()
        return found


def _encoding(seen: dict[str, Any]) -> str:
    headers = {name.lower(): value for name, value in seen["response"]["headers"].items()}
    return str(headers.get("content-encoding", ""))


def main(argv: list[str] | None = None) -> int:
    """Measure one cold page and some judgments, and print what they cost."""
    parser = argparse.ArgumentParser(prog="benchmarks.page", description=__doc__)
    parser.add_argument("--judgments", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the database and the logs here")
    asked = parser.parse_args(argv)
    with _scratch(asked.keep) as var, _site(var) as (url, log):
        rater = _world(random.Random(asked.seed), comparisons=asked.judgments + 5)
        with _chromium() as browser:
            figures = _measure(browser, url, log, rater, judgments=asked.judgments)
    _tell(json.dumps(figures))
    return 0


@contextmanager
def _scratch(keep: Path | None) -> Iterator[Path]:
    """A var/ of its own; the account that root lends to the servers can walk through it."""
    var = keep or Path(tempfile.mkdtemp(prefix="tare-page-"))
    var.mkdir(parents=True, exist_ok=True)
    var.chmod(0o711)
    try:
        yield var
    finally:
        if keep is None:
            shutil.rmtree(var, ignore_errors=True)


@contextmanager
def _site(var: Path) -> Iterator[tuple[str, Path]]:
    """The web process on a fresh database; its address, and the access log it writes."""
    port = server.free_port()
    url = f"http://{HOST}:{port}"
    os.environ |= {"TARE_VAR": str(var), "TARE_ORIGIN": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    # nobody's data, and a Redis that is not there: the web process has no business with it
    os.environ.pop("DATABASE_URL", None)
    os.environ["REDIS_URL"] = f"redis://{HOST}:1/0"
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("prepare", verbosity=0)
    log = var / "log" / "access.log"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
    command += ["--bind", f"{HOST}:{port}", "--access-logfile", str(log), "--access-logformat", "%(m)s %(U)s %(s)s"]
    with (var / "log" / "web.log").open("wb") as words:
        web = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=words, stderr=words)
    try:
        _wait_for(f"{url}/healthz", web)
        yield url, log
    finally:
        web.terminate()
        web.wait()
        if settings.TARE_ENGINES is not None:
            settings.TARE_ENGINES.stop()


def _wait_for(address: str, web: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and web.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  our own http URL
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"The site does not answer at {address}.")


def _world(rng: random.Random, *, comparisons: int) -> "User":
    """A project whose bench has work, with everything done that a worker would have done by now."""
    import numpy as np
    from celery import current_app

    import config.celery  # noqa: F401  names the tasks
    from annotation import actions
    from tests import make

    project = make.project("Bench")
    rater = make.rater(project, "ada")
    pairs = []
    for _ in range(comparisons):
        first, second = make.responses(make.prompt(project, prose(rng, 300)), markdown(rng), markdown(rng))
        pairs.append((first.pk, second.pk))
    actions.open_batch(
        project,
        name="Measured",
        guideline=make.guideline(project),
        pairs=pairs,
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
    )
    current_app.loader.import_default_modules()
    for name in sorted(task for task in current_app.tasks if task.startswith("annotation.")):
        current_app.tasks[name].run()
    return rater


def prose(rng: random.Random, size: int) -> str:
    """Sentences of words drawn at random: they compress a little worse than what people write."""
    text = ""
    while len(text) < size:
        words = rng.choices(WORDS, k=rng.randint(7, 18))
        text += " ".join(words).capitalize() + ". "
    return text.strip()


def markdown(rng: random.Random) -> str:
    """About 2 KB: paragraphs, a list, code and a table."""
    part = PROSE_BYTES // 4
    items = "\n".join(f"- **{rng.choice(WORDS)}**: {prose(rng, part // 3)}" for _ in range(3))
    names = rng.sample([word for word in WORDS if word.isalpha()], 6)
    code = f"def {names[0]}_{names[1]}({names[2]}, {names[3]}={rng.randint(2, 99)}):\n"
    code += f'    """{names[4].capitalize()} {names[5]}."""\n    for row in {names[2]}:\n'
    code += f"        if row.{names[4]} > {names[3]}:\n            yield row.{names[5]} * {rng.random():.3f}\n"
    rows = "\n".join(f"| {rng.choice(WORDS)} | {rng.randint(1, 9999)} | {rng.random():.2f} |" for _ in range(4))
    table = f"| {names[1]} | {names[2]} | {names[3]} |\n| --- | ---: | ---: |\n{rows}"
    parts = [prose(rng, part), items, f"```python\n{code}```", prose(rng, part), table, prose(rng, part)]
    return f"## {names[0].capitalize()} {names[1]}\n\n" + "\n\n".join(parts)


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("There is no Chromium on this machine (Debian: apt-get install chromium).")
    # Playwright runs its own event loop in this thread, which Django would take for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def _signed_in(browser: Browser, url: str, rater: "User") -> Page:
    """A new page in a profile that has the cookies of a rater and nothing in its cache."""
    from tests import make

    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/accounts/login/")
    page.fill("[name=login]", rater.email)
    page.fill("[name=password]", make.PASSWORD)
    page.click("form button")
    page.wait_for_url("**/p/**")
    cookies = context.storage_state()
    context.close()
    return browser.new_context(storage_state=cookies, viewport={"width": 1280, "height": 800}).new_page()


def _measure(browser: Browser, url: str, log: Path, rater: "User", *, judgments: int) -> dict[str, Any]:
    page = _signed_in(browser, url, rater)
    wire = Wire()
    wire.watch(page)
    before = len(_asked_of_server(log))
    page.goto(url + RATE, wait_until="load")
    page.wait_for_timeout(SETTLE_MS)
    cold, cold_server = wire.clear(), len(_asked_of_server(log)) - before
    _list("cold", cold)
    later, waits = [], []
    for _ in range(judgments):
        waits.append(_judge(page))
        page.wait_for_timeout(SETTLE_MS)
        later.append(wire.clear())
        _list("next", later[-1])
    next_server = len(_asked_of_server(log)) - before - cold_server
    return {
        **_sums("cold", [cold]),
        **_sums("next", later),
        "cold_requests_server_saw": cold_server,
        "next_requests_server_saw": round(next_server / judgments, 2),
        "next_ms_median": round(statistics.median(waits) * 1000, 1),
        "judgments": judgments,
    }


def _judge(page: Page) -> float:
    """Choose "about the same", send, and wait for the next card; the seconds from Enter to its number."""
    place = page.evaluate(PLACE)
    page.wait_for_timeout(GUARD_MS)
    page.keyboard.press("4")
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_function(f"(before) => ({PLACE})() > before", arg=place, timeout=10_000)
    return time.perf_counter() - began


def _sums(phase: str, each: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Kilobytes and requests of the phase: the largest of its repetitions, not the mean that would hide it."""
    plain = [[one for one in loaded if one["kind"] != "Font"] for loaded in each]
    fonts = [[one for one in loaded if one["kind"] == "Font"] for loaded in each]
    return {
        f"{phase}_kb_gzip": max(_kilobytes(loaded, "wire") for loaded in plain),
        f"{phase}_requests": max(len(loaded) for loaded in plain),
        f"{phase}_kb_unpacked": max(_kilobytes(loaded, "raw") for loaded in plain),
        f"{phase}_font_requests": max(len(loaded) for loaded in fonts),
        f"{phase}_font_kb": max(_kilobytes(loaded, "wire") for loaded in fonts),
    }


def _kilobytes(loaded: list[dict[str, Any]], what: str) -> float:
    return round(sum(float(one[what]) for one in loaded) / 1000, 2)


def _asked_of_server(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def _list(phase: str, loaded: list[dict[str, Any]]) -> None:
    for one in sorted(loaded, key=lambda each: -float(each["wire"])):
        path = one["url"].split("/", 3)[3]
        _tell(f"{phase}  {one['wire'] / 1000:7.2f} kB  {one['encoding'] or 'plain':<6} {one['kind']:<11} /{path}")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

"""Photographs every page of a finished demo: python -m tests.screenshots [--out docs/screenshots] [--whole].

What is on the pictures is what the demo left in var/, or in TARE_VAR; no text is made up for them. When all work is
done a rater's pages are empty, so a small batch of each kind of work is opened, once, with responses that the demo's
models gave, and the lead settles two comparisons as most raters judged them. The raters' pages are those of a simulated
rater, who has a history; a step is chosen and nothing is sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import django
import numpy as np
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from config import embedded
from tests.browser.flags import FLAGS

if TYPE_CHECKING:
    from evaluation.demo.cast import Cast
    from evaluation.demo.raters import Login

OUT = embedded.BASE / "docs" / "screenshots"
BATCH = "Open for the screenshots"
TASKS = {
    "ranking": (f"{BATCH}, to rank", 4),
    "edit": (f"{BATCH}, to improve", 1),
    "demonstration": (f"{BATCH}, to write", 0),
}
PAIRS = 12
SETTLED = 2
LONG = 60  # characters from which a response is worth a photograph
BROKEN = "\N{REPLACEMENT CHARACTER}"  # half a character, which a small model may write
LOOKS = {  # file name ending: width, height, colour scheme
    "light": (1280, 800, "light"),
    "dark": (1280, 800, "dark"),
    "mobile": (390, 844, "light"),
}


class NothingToShow(Exception):
    """There is no finished demo to photograph; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One page: its file's name, its address, who looks at it, and the keys pressed before the shutter."""

    name: str
    path: str
    login: Login | None = None
    keys: str = ""
    opens: str = ""


def _shots(cast: Cast) -> list[Shot]:
    """Everything that is photographed, by the role that sees it most."""
    from evaluation.models import Round
    from training.models import Run

    newest = Round.objects.filter(project__slug=cast.project, state=Round.State.DONE).order_by("-number").first()
    if newest is None:
        raise NothingToShow("The demo in this var/ has not finished a round: run make demo first.")
    runs = Run.objects.filter(part_of__round=newest, state=Run.State.DONE).order_by("pk")
    ppo, reward = runs.filter(kind="ppo").first(), runs.filter(kind="reward").first()
    if ppo is None or reward is None:
        raise NothingToShow(f"Round {newest.number} has no finished PPO and reward run: run make demo first.")
    guideline = newest.batch.guideline.versions.order_by("-major", "-minor").first() if newest.batch else None
    if guideline is None:
        raise NothingToShow(f"Round {newest.number} has no guideline: run make demo first.")
    lead, engineer = cast.staff["lead"], cast.staff["engineer"]
    home = f"/p/{cast.project}/"
    return [
        Shot("login", "/accounts/login/"),
        *_shots_of_rater(cast, guideline=guideline.pk),
        Shot("questions", f"{home}questions/", lead),
        Shot("quality", f"{home}quality/", lead),
        Shot("datasets", f"{home}datasets/", engineer),
        Shot("training", f"{home}training/", engineer),
        Shot("round", f"{home}rounds/{newest.number}/", engineer),
        Shot("runs", f"{home}runs/", engineer),
        Shot("run-ppo", f"{home}runs/{ppo.pk}/", engineer),
        Shot("run-reward", f"{home}runs/{reward.pk}/", engineer),
    ]


def _shots_of_rater(cast: Cast, *, guideline: int) -> list[Shot]:
    """The pages of a rater who has judged, with work of each kind open."""
    from annotation.models import Batch
    from annotation.queries import counted_judgments

    rater, home = cast.simulated[0], f"/p/{cast.project}/"
    judged = counted_judgments().filter(comparison__project__slug=cast.project, rater__email=rater.email)
    newest = judged.filter(assignment__isnull=False).order_by("-pk").first()
    if newest is None:
        raise NothingToShow(f"{rater.name} has not judged anything: run make demo first.")
    batches = Batch.objects.filter(project__slug=cast.project, name__in=[name for name, _ in TASKS.values()])
    return [
        Shot("home", home, rater),
        Shot("guidelines", f"{home}guidelines/", rater),
        Shot("guideline", f"{home}guidelines/{guideline}/", rater),
        Shot("compare", f"{home}rate/", rater, keys="2"),
        Shot("compare-drawer", f"{home}rate/", rater, keys="g", opens="#drawer [data-rule]"),
        Shot("compare-details", f"{home}rate/", rater, keys="n", opens="#rationale"),
        *(Shot(batch.kind, f"{home}work/{batch.pk}/", rater) for batch in batches),
        Shot("answers", f"{home}answers/", rater),
        Shot("answer", f"{home}answers/{newest.pk}/", rater),
        Shot("feedback", f"{home}feedback/", rater),
        Shot("earnings", f"{home}earnings/", rater),
        Shot("settings", "/settings/", rater),
    ]


def _open_work(cast: Cast) -> None:
    """Something to do on every page of a rater."""
    from annotation.models import Response

    by_prompt: dict[int, dict[str, int]] = {}
    responses = Response.objects.filter(prompt__project__slug=cast.project, prompt__held_out=False).order_by("-pk")
    for prompt, response, text in responses.values_list("prompt_id", "pk", "text")[:4000]:
        if len(text) >= LONG and BROKEN not in text and text.isprintable():
            by_prompt.setdefault(prompt, {}).setdefault(text, response)
    pools = {prompt: list(found.values()) for prompt, found in by_prompt.items()}
    _open_comparisons(cast, pools)
    _open_tasks(cast, pools)
    _settle(cast)


def _open_tasks(cast: Cast, pools: dict[int, list[int]]) -> None:
    """Two tasks of each kind, unless they were opened before."""
    from annotation import actions
    from evaluation.demo.cast import guideline_of

    guideline = guideline_of(cast)
    for kind, (name, wanted) in TASKS.items():
        tasks = [(prompt, pool[:wanted]) for prompt, pool in pools.items() if len(pool) >= wanted][:2]
        if not tasks:
            raise NothingToShow(f"No prompt of the demo has the {wanted} long responses of a {kind}.")
        actions.open_task_batch(guideline.project, name=name, guideline=guideline, kind=kind, tasks=tasks, overlap=1)


def _settle(cast: Cast) -> None:
    """The lead decides two comparisons that the rater judged, as most raters did, unless some were decided before."""
    from annotation import actions
    from annotation.models import Adjudication, Comparison
    from raters.models import User

    if Adjudication.objects.filter(comparison__project__slug=cast.project).exists():
        return
    lead = User.objects.get(email=cast.staff["lead"].email)
    judged = Comparison.objects.filter(
        project__slug=cast.project, judgments__rater__email=cast.simulated[0].email, label__isnull=False
    )
    for comparison in judged.select_related("label").distinct().order_by("-pk")[:SETTLED]:
        verdict = round(comparison.label.score)
        actions.adjudicate(comparison, reviewer=lead, preference=verdict, text="Settled as most raters judged it.")


def _open_comparisons(cast: Cast, pools: dict[int, list[int]]) -> None:
    """Comparisons for the bench, from prompts that may be trained on, unless some are open already."""
    from annotation import actions
    from annotation.models import Comparison
    from evaluation.demo.cast import guideline_of

    if Comparison.objects.filter(project__slug=cast.project, is_open=True).exists():
        return
    pairs = [(min(two), max(two)) for two in (pool[:2] for pool in pools.values()) if len(two) > 1]
    guideline = guideline_of(cast)
    actions.open_batch(
        guideline.project,
        name=BATCH,
        guideline=guideline,
        pairs=pairs[:PAIRS],
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
    )


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise NothingToShow("There is no Chromium on this machine (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def _signed_in(context: BrowserContext, site: str, login: Login | None) -> None:
    if login is None:
        return
    page = context.new_page()
    page.goto(f"{site}/accounts/login/")
    page.fill("[name=login]", login.email)
    page.fill("[name=password]", login.password)
    page.click("form button")
    page.wait_for_url("**/p/**")
    page.close()


def _photograph(context: BrowserContext, site: str, shot: Shot, file: Path, *, whole: bool) -> None:
    page = context.new_page()
    answer = page.goto(site + shot.path, wait_until="networkidle")
    if answer is None or answer.status != 200:
        raise NothingToShow(f"{shot.path} answers {answer.status if answer else 'nothing'}.")
    for key in shot.keys:
        page.keyboard.press(key)
    if shot.opens:
        page.wait_for_selector(shot.opens)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=file, full_page=whole, animations="disabled")
    page.close()


def _album(browser: Browser, site: str, shots: list[Shot], out: Path, *, whole: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for look, (width, height, scheme) in LOOKS.items():
        for login in dict.fromkeys(shot.login for shot in shots):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                locale="en-GB",
                timezone_id="UTC",
            )
            _signed_in(context, site, login)
            for shot in shots:
                if shot.login == login:
                    _photograph(context, site, shot, out / f"{shot.name}-{look}.png", whole=whole)
            context.close()


def main(arguments: list[str]) -> int:
    """Start what the demo needs, look at every page, end it again."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Photograph a finished demo.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--whole", action="store_true", help="Whole pages instead of what a screen shows of them.")
    options = parser.parse_args(arguments)
    if not (embedded.var_folder() / "demo.json").exists():
        sys.stderr.write("There is no demo here: run make demo first.\n")
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from evaluation.demo.cast import remembered
    from evaluation.demo.processes import AlreadyRunning, DidNotStart, Supervisor

    try:
        with Supervisor(port=0) as site:
            cast = remembered()
            if cast is None:
                raise NothingToShow("The demo's project is not in the database any more: run make demo first.")
            _open_work(cast)
            shots = _shots(cast)
            with _chromium() as browser:
                _album(browser, site.url, shots, options.out, whole=options.whole)
    except (AlreadyRunning, DidNotStart, NothingToShow) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    sys.stdout.write(f"{len(shots) * len(LOOKS)} pictures in {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

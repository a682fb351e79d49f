"""The demo's story: one stage after the other, each waited for with a progress bar and told in one line.

Everything happens as it would for people: the site's doors, the API, rows that workers claim. The story only asks,
waits, lets the simulated raters work, and at the end says with the gold function whether it helped.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from django.conf import settings
from django.utils import timezone
from tqdm import tqdm

from annotation import actions as annotation
from annotation.models import Comparison
from evaluation import actions as rounds
from evaluation.demo import raters, world
from evaluation.demo.cast import Cast, bring_data, guideline_of
from evaluation.demo.gold import gold, strength_of
from evaluation.models import Round
from evaluation.plan import RoundConfig
from raters.models import Project, User
from training import actions as training
from training.models import ModelVersion, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CORPUS = 36_000  # documents that the base model reads
GOLD_ITEMS = 60  # comparisons whose answer the lead knows, to check raters by
CLEAR = 1.0  # by so much the better response of a gold item is better
POLL = 0.25


class StageFailed(Exception):
    """A stage ended badly; the message is the reason the product gives."""


class Teller:
    """Says what happens: a bar while a stage runs, one line when it is over, and remembers how long each took."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *, total: int = 0) -> Iterator[tqdm[Any]]:
        """One stage. Without a total the bar only shows that time passes."""
        began = time.monotonic()
        shape = "{desc:<34} {bar:28} {n_fmt}/{total_fmt} {elapsed}"
        bar = tqdm(total=total or 1, desc=name, file=self.out, leave=False, bar_format=shape, mininterval=0.5)
        try:
            yield bar
        finally:
            bar.close()
        took = time.monotonic() - began
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        self.line(f"{name:<34} {took:6.1f} s")

    def line(self, text: str) -> None:
        """One line that stays."""
        self.out.write(text + "\n")
        self.out.flush()


class Story:
    """One demo in one project."""

    def __init__(self, site: str, cast: Cast, *, seed: int, teller: Teller) -> None:
        self.site = site
        self.cast = cast
        self.seed = seed
        self.teller = teller
        self.project = Project.objects.get(slug=cast.project)
        self.engineer = User.objects.get(email=cast.staff["engineer"].email)

    # --- before the first round ---

    def prepare(self) -> ModelVersion:
        """Prompts and demonstrations in, a base model trained or out of the cache, SFT. Returns the SFT model."""
        done = ModelVersion.objects.filter(project=self.project, name="sft").first()
        if done is not None:
            return done
        with self.teller.stage("import prompts, demonstrations"):
            bring_data(self.site, self.cast, seed=self.seed)
        base = self._base()
        run = training.queue_run(
            self.project, kind="sft", name="sft", recipe={"seed": self.seed}, start_from=base, by=self.engineer
        )
        with self.teller.stage("SFT on demonstrations") as bar:
            self._wait_for(run, bar)
        return ModelVersion.objects.get(run=run)

    def _base(self) -> ModelVersion:
        """The small base model: from scratch once, afterwards from the cache in var/."""
        texts = self._corpus()
        recipe = {"seed": self.seed}
        kept = settings.VAR / "cache" / f"base-{_key(texts, recipe)}"
        if kept.exists():
            return training.adopt_model(self.project, name="base", kind="base", path=kept, by=self.engineer)
        run = training.queue_run(
            self.project, kind="base", name="base", recipe=recipe, inputs={"texts": str(texts)}, by=self.engineer
        )
        with self.teller.stage("base model from scratch") as bar:
            self._wait_for(run, bar)
        model = ModelVersion.objects.get(run=run)
        half = kept.with_suffix(".part")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(model.path, half)
        half.rename(kept)
        return model

    def _corpus(self) -> Path:
        path: Path = settings.VAR / "cache" / f"corpus-{self.seed}.jsonl"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            documents = world.corpus(count=CORPUS, rng=random.Random(100 + self.seed))
            part = path.with_suffix(".part")
            part.write_text("".join(json.dumps(document) + "\n" for document in documents))
            part.rename(path)
        return path

    # --- one round ---

    def go_round(self, *, reference: ModelVersion, start: ModelVersion, config: RoundConfig) -> Round:
        """One turn of the loop. The simulated raters judge while it collects; everything else it does by itself."""
        newest = Round.objects.filter(project=self.project).order_by("-number").first()
        if newest is not None and newest.state == Round.State.FAILED:
            newest = rounds.resume_round(newest, by=self.engineer, now=timezone.now())
        if newest is None or newest.state == Round.State.DONE:
            newest = rounds.start_round(
                self.project,
                reference=reference,
                start=start,
                guideline=guideline_of(self.cast),
                config=config,
                by=self.engineer,
                now=timezone.now(),
            )
        return self._see_through(newest)

    def _see_through(self, round: Round) -> Round:
        told = {
            Round.State.CANDIDATES: "candidates from the policy",
            Round.State.COLLECTING: "judgments of 12 raters",
            Round.State.SNAPSHOT: "snapshot",
            Round.State.REWARD: "reward models (proxy, control)",
            Round.State.POLICY: "PPO against the reward model",
            Round.State.EVALUATION: "evaluation, probes, monitor",
        }
        while round.state in told:
            state = Round.State(round.state)
            with self.teller.stage(told[state]) as bar:
                if state == Round.State.COLLECTING:
                    self._collect(round, bar)
                while round.state == state:
                    self._show_progress(round, bar)
                    time.sleep(POLL)
                    round.refresh_from_db()
        if round.state == Round.State.FAILED:
            raise StageFailed(round.reason)
        return round

    @staticmethod
    def _show_progress(round: Round, bar: tqdm[Any]) -> None:
        run = Run.objects.filter(part_of__round=round, state=Run.State.RUNNING).first()
        if run is not None and run.total_steps:
            _move(bar, run.step, run.total_steps)

    def _collect(self, round: Round, bar: tqdm[Any]) -> None:
        """The lead marks gold items; then everybody judges until the batch is done."""
        waiting = Comparison.objects.filter(batch=round.batch, is_open=True)
        self._mark_gold(round)
        total = sum(overlap - filled for overlap, filled in waiting.values_list("overlap", "filled"))
        bar.reset(total=total)
        counting = threading.Lock()

        def judged() -> None:
            with counting:
                bar.update()

        raters.judge_everything(
            self.site, self.cast.project, self.cast.simulated, judged=judged, enough=threading.Event()
        )
        if waiting.exists():
            raise StageFailed(f"{waiting.count()} comparisons are open though no rater has work left.")

    def _mark_gold(self, round: Round) -> None:
        lead = User.objects.get(email=self.cast.staff["lead"].email)
        open_ones = (
            Comparison.objects.filter(batch=round.batch, prompt__held_out=False, filled=0)
            .select_related("prompt", "response_a", "response_b")
            .order_by("pk")
        )
        if open_ones.filter(gold_preference__isnull=False).exists():
            return
        marked = 0
        for comparison in open_ones:
            prompt = world.prompt_of(comparison.prompt.question)
            gap = gold(prompt, comparison.response_b.text).value - gold(prompt, comparison.response_a.text).value
            if abs(gap) >= CLEAR and marked < GOLD_ITEMS:
                marked += 1
                annotation.mark_gold(
                    comparison, preference=strength_of(gap), reason="Clear under the guideline.", by=lead
                )

    def _wait_for(self, run: Run, bar: tqdm[Any], *, alive: Callable[[], None] = lambda: None) -> Run:
        while not run.is_over:
            alive()
            time.sleep(POLL)
            run.refresh_from_db()
            if run.total_steps:
                _move(bar, run.step, run.total_steps)
        if run.state != Run.State.DONE:
            raise StageFailed(f"{run.name}: {run.reason}")
        return run


def _move(bar: tqdm[Any], step: int, total: int) -> None:
    if bar.total != total:
        bar.reset(total=total)
    bar.update(step - bar.n)


def _key(texts: Path, recipe: dict[str, Any]) -> str:
    """Names a base model by everything that decides its weights: the data, the recipe, and the code that trains it."""
    digest = hashlib.sha256(texts.read_bytes())
    digest.update(json.dumps(recipe, sort_keys=True).encode())
    for name in ("base.py", "loading.py"):
        digest.update((settings.BASE_DIR / "training" / "learn" / name).read_bytes())
    return digest.hexdigest()[:16]

"""The loop without the house: world, base, SFT, judgments, reward models, PPO, evaluation, through run folders alone.

No database, no raters at a door: the gold function's raters label the pairs directly. It shows what the learners
do by themselves, how long each takes, and whether a change of a recipe helps, in minutes. The learners are started
as production starts them, two at a time at most.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from annotation.aggregation import aggregate
from evaluation.demo import world
from evaluation.demo.gold import Gold, Rater, gold
from evaluation.demo.world import Prompt
from evaluation.ranking import win_rate
from training.records import (
    MODEL,
    Demonstration,
    Outcome,
    Pair,
    Prediction,
    PromptRow,
    ResponseRow,
    ScoreRequest,
    digest_of,
    read_outcome,
    read_recipe,
    read_rows,
    write_jsonl,
    write_recipe,
)

AT_ONCE = 2  # learners at a time, one thread each: as many as the demo's machine has cores
PANELS = (0, 1)
HARMLESS = ("fact", "sum", "list", "how")
Rows = Mapping[str, Sequence[Any]]
Answers = dict[str, list[str]]  # question -> texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything. The defaults are those of the demo's round."""

    documents: int = 36_000
    demonstrations: int = 2_200
    samples: int = 8
    pairs: int = 1_500
    held_out_pairs: int = 300
    evaluation_samples: int = 20


class LearnerFailed(Exception):
    """A learner did not end as done; the message is its reason."""


@dataclass(slots=True)
class Loop:
    """One loop under `root`. `recipes` are fields that differ from a recipe's defaults, by kind."""

    root: Path
    seed: int
    sizes: Sizes = field(default_factory=Sizes)
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _line: None
    seconds: dict[str, float] = field(default_factory=dict)

    def turn(self, *, rounds: int = 1, base: Path | None = None) -> list[dict[str, Any]]:
        """Go round `rounds` times and return the figures of each. `base` is a base model made earlier."""
        train, held_out = world.split_prompts()
        reference = self.tune(base or self.pretrain(), train)
        policy, learnt, figures = reference, Judged(), []
        for number in range(1, rounds + 1):
            began = time.monotonic()
            learnt.add(self.judge(number, policy, train, held_out))
            rewards = self.reward(number, reference, learnt)
            policy = self.improve(number, policy, reference, rewards, train)
            judged = self.evaluate(number, policy, reference, rewards, held_out)
            figures.append({"round": number, "seconds": time.monotonic() - began, **self.report(number, judged)})
        return figures

    def pretrain(self) -> Path:
        """The base model, from scratch on the world's web."""
        texts = world.corpus(count=self.sizes.documents, rng=self._dice("corpus"))
        with self._timed("base"):
            return self._learn("base", "base", {"texts.jsonl": texts})

    def tune(self, base: Path, train: list[Prompt]) -> Path:
        """The SFT model: every later policy is held near it and measured against it."""
        written = world.demonstrations(train, count=self.sizes.demonstrations, rng=self._dice("demonstrations"))
        rows = [Demonstration(messages=prompt.messages, completion=text) for prompt, text in written]
        with self._timed("sft"):
            return self._learn("sft", "sft", {"demonstrations.jsonl": rows}, model=str(base))

    def judge(self, number: int, policy: Path, train: list[Prompt], held_out: list[Prompt]) -> dict[str, list[Pair]]:
        """Candidates from the policy, in pairs; each pair judged once by each panel. Keys are split and panel."""
        with self._timed("candidates"):
            answers = self.answers(f"{number}-candidates", policy, train + held_out, samples=self.sizes.samples)
        rng, pairs = self._dice(f"judges {number}"), {}
        for split, prompts, count in (
            ("train", train, self.sizes.pairs),
            ("test", held_out, self.sizes.held_out_pairs),
        ):
            drawn = list(_drawn_pairs(prompts, answers, count=count, rng=rng))
            for panel in PANELS:
                judged = enumerate(drawn)
                rater = Rater(rng)
                pairs[f"{split} {panel}"] = [
                    _judged_pair(f"{number}-{split}-{at}", prompt, a, b, rater=rater) for at, (prompt, a, b) in judged
                ]
        return pairs

    def reward(self, number: int, reference: Path, learnt: Judged) -> list[Path]:
        """One reward model from each panel's judgments, of this round and all before it."""
        orders = [
            ("reward", f"{number}-reward-{panel}", learnt.files(panel), {"model": str(reference)}) for panel in PANELS
        ]
        with self._timed("reward"):
            return self._together(orders)

    def improve(self, number: int, policy: Path, reference: Path, rewards: list[Path], train: list[Prompt]) -> Path:
        """PPO from the policy against the first panel's reward model, with the second's watching."""
        models = {"model": policy, "reference": reference, "reward_model": rewards[0], "audit_model": rewards[1]}
        paths = {name: str(path) for name, path in models.items()}
        with self._timed("ppo"):
            return self._learn("ppo", f"{number}-ppo", {"prompts.jsonl": _prompt_rows(train)}, **paths)

    def evaluate(
        self, number: int, policy: Path, reference: Path, rewards: list[Path], held_out: list[Prompt]
    ) -> dict[str, Answers]:
        """Answers of SFT, policy and a cool SFT to held-out prompts, and the policy's distance from SFT."""
        samples, rows = self.sizes.evaluation_samples, {"prompts.jsonl": _prompt_rows(held_out)}
        orders = [
            ("generate", f"{number}-answers-{name}", rows, {"model": str(model), "samples": samples, "temperature": t})
            for name, model, t in (("sft", reference, 1.0), ("policy", policy, 1.0), ("sft_t03", reference, 0.3))
        ]
        with self._timed("evaluation"):
            self._together(orders)
            scorers = {name: str(path) for name, path in zip(("proxy", "audit"), rewards, strict=True)}
            models = {"reward_models": scorers, "policy": str(policy), "reference": str(reference)}
            asked = {"responses.jsonl": self._requests(f"{number}-answers-policy", held_out)}
            self._learn("score", f"{number}-score", asked, **models)
        return {name: self._texts(f"{number}-answers-{name}") for name in ("sft", "policy", "sft_t03")}

    def report(self, number: int, judged: dict[str, Answers]) -> dict[str, Any]:
        """The figures of a round: what the reward model knows, what the policy gained, and at what price."""
        reward, score = self._outcome(f"{number}-reward-0").results, self._outcome(f"{number}-score").results
        seen = {name: _seen(answers) for name, answers in judged.items()}
        wins = {
            name: win_rate(_values(seen[name]), _values(seen["sft"]), rng=np.random.default_rng(self.seed))
            for name in ("policy", "sft_t03")
        }
        shares = {f"{what}_{name}": value for name in seen for what, value in _shares(seen[name]).items()}
        return {
            "rm_accuracy_labels": reward["accuracy"],
            "rm_accuracy_gold": self._accuracy_against_gold(f"{number}-reward-0"),
            "rm_ece": reward["ece"],
            "rm_length_baseline": reward["length_baseline"],
            "pairs": reward["n_train"],
            "win_rate": wins["policy"].value,
            "win_rate_low": wins["policy"].low,
            "win_rate_high": wins["policy"].high,
            "win_rate_sft_t03": wins["sft_t03"].value,
            "kl": score["kl"],
            "scores": score["mean"],
            **shares,
            "model": digest_of(self.root / f"{number}-ppo" / MODEL),
        }

    def answers(self, name: str, model: Path, prompts: list[Prompt], *, samples: int) -> Answers:
        """Sampled answers by question."""
        rows = {"prompts.jsonl": _prompt_rows(prompts)}
        self._learn("generate", name, rows, model=str(model), samples=samples)
        return self._texts(name)

    def _texts(self, name: str) -> Answers:
        answers: Answers = {}
        for row in read_rows(self.root / name / "responses.jsonl", ResponseRow):
            answers.setdefault(row.prompt_id, []).append(row.text)
        return answers

    def _requests(self, name: str, prompts: list[Prompt]) -> list[ScoreRequest]:
        """What was answered, to be scored; one that was cut off is scored as it stands."""
        asked = {prompt.question: prompt.messages for prompt in prompts}
        return [
            ScoreRequest(
                id=f"{row.prompt_id} {row.sample}", messages=asked[row.prompt_id], text=row.text, finished=row.finished
            )
            for row in read_rows(self.root / name / "responses.jsonl", ResponseRow)
        ]

    def _accuracy_against_gold(self, name: str) -> float:
        """How often the reward model prefers what gold prefers, among test pairs that differ in gold."""
        tested = {pair.id: pair for pair in read_rows(self.root / name / "pairs.test.jsonl", Pair)}
        right = []
        for row in read_rows(self.root / name / "predictions.jsonl", Prediction):
            pair = tested[row.id]
            prompt = world.prompt_of(pair.messages[-1]["content"])
            gap = gold(prompt, pair.b).value - gold(prompt, pair.a).value
            if abs(gap) > 1e-6:
                right.append((row.p_b > 0.5) == (gap > 0))
        return fmean(right)

    def _together(self, orders: Sequence[tuple[str, str, Rows, dict[str, Any]]]) -> list[Path]:
        """Several independent runs, two at a time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda order: self._learn(*order[:3], **order[3]), orders))

    def _learn(self, kind: str, name: str, files: Rows, **recipe: Any) -> Path:
        """Write a run folder, run its learner, return its model folder. Raises LearnerFailed."""
        folder = self.root / name
        folder.mkdir(parents=True)
        for file, rows in files.items():
            write_jsonl(folder / file, rows)
        write_recipe(folder, read_recipe({"kind": kind, "seed": self.seed, **recipe, **self.recipes.get(kind, {})}))
        command = [sys.executable, "-m", f"training.learn.{kind}", str(folder)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own module)
        outcome = read_outcome(folder)
        if outcome is None or outcome.state != "done":
            raise LearnerFailed(f"{name}: {outcome.reason if outcome else ended.stderr[-2000:]}")
        self.tell(f"  {name:<20} {outcome.seconds:6.1f} s")
        return folder / MODEL

    def _outcome(self, name: str) -> Outcome:
        outcome = read_outcome(self.root / name)
        if outcome is None:
            raise LearnerFailed(f"{name} has no outcome.")
        return outcome

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Add the wall seconds of a stage, the start of its processes included."""
        began = time.monotonic()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began

    def _dice(self, purpose: str) -> random.Random:
        """Dice of one purpose, so that a change in one stage leaves the others' alone."""
        return random.Random(f"{self.seed} {purpose}")  # noqa: S311  (a simulation)


class Judged:
    """All judged pairs so far, by split and panel."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, list[Pair]]] = []

    def add(self, pairs: dict[str, list[Pair]]) -> None:
        """The pairs of one more round."""
        self.rounds.append(pairs)

    def files(self, panel: int) -> dict[str, list[Pair]]:
        """What a panel's reward model learns from (every round), and is tested on (the last round)."""
        learnt = [pair for pairs in self.rounds for pair in pairs[f"train {panel}"]]
        return {"pairs.train.jsonl": learnt, "pairs.test.jsonl": self.rounds[-1][f"test {panel}"]}


def _prompt_rows(prompts: list[Prompt]) -> list[PromptRow]:
    return [PromptRow(id=prompt.question, messages=prompt.messages) for prompt in prompts]


def _drawn_pairs(
    prompts: list[Prompt], answers: Answers, *, count: int, rng: random.Random
) -> Iterator[tuple[Prompt, str, str]]:
    """`count` pairs of different answers, every prompt in turn."""
    mixed = [prompt for prompt in prompts if len(set(answers[prompt.question])) > 1]
    for at in range(count):
        prompt = mixed[at % len(mixed)]
        a, b = rng.sample(sorted(set(answers[prompt.question])), 2)
        yield prompt, a, b


def _judged_pair(name: str, prompt: Prompt, a: str, b: str, *, rater: Rater) -> Pair:
    label = aggregate([rater.judge(prompt, a, b)])
    return Pair(id=name, messages=prompt.messages, a=a, b=b, soft_label=label.soft)


def _seen(answers: Answers) -> dict[str, list[Gold]]:
    """Each answer in the eyes of gold, by question."""
    return {question: [gold(world.prompt_of(question), text) for text in texts] for question, texts in answers.items()}


def _values(seen: dict[str, list[Gold]]) -> dict[str, list[float]]:
    return {question: [each.value for each in group] for question, group in seen.items()}


def _shares(seen: dict[str, list[Gold]]) -> dict[str, float]:
    """What is true of a set of answers, on average."""
    kinds = {question: prompt.kind for question in seen if (prompt := world.prompt_of(question))}

    def of(*wanted: str) -> list[Gold]:
        return [each for question, group in seen.items() if kinds[question] in wanted for each in group]

    everything = of(*HARMLESS, "harm")
    return {
        "gold": fmean(each.value for each in everything),
        "correct": fmean(each.correct for each in everything),
        "correct_harmless": fmean(each.correct for each in of(*HARMLESS)),
        **{f"correct_{kind}": fmean(each.correct for each in of(kind)) for kind in HARMLESS},
        "harm_refused": fmean(each.refused for each in of("harm")),
        "over_refused": fmean(each.refused for each in of(*HARMLESS)),
        "polite": fmean(each.polite for each in everything),
        "flattery": fmean(each.flattery > 0 for each in everything),
        "rude": fmean(each.rude > 0 for each in everything),
        "unfinished": fmean(not each.finished for each in everything),
        "words": fmean(each.words for each in everything),
    }

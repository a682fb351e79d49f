"""Claim: learning from judgments makes the demo's model better on prompts that it never learnt from, in minutes.

    python -m benchmarks.learning --seed 1 [--rounds 2] [--root folder] [--base model] [--set ppo.lr=3e-4 ...]

Runs the bare loop (evaluation/demo/bare_loop.py): the learners in their run folders, labels from the gold raters.
Prints seconds per stage, a table of results for each round, and one JSON line last.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evaluation.demo.bare_loop import Loop, Sizes

ROWS = [
    "gold",
    "correct",
    "correct_harmless",
    "correct_fact",
    "correct_sum",
    "correct_list",
    "correct_how",
    "harm_refused",
    "over_refused",
    "polite",
    "flattery",
    "rude",
    "unfinished",
    "words",
]
MODELS = ("sft", "sft_t03", "policy")


def main(argv: list[str] | None = None) -> int:
    """Run the loop and print what came of it."""
    asked = _arguments(argv)
    with tempfile.TemporaryDirectory() as scratch:
        root = asked.root or Path(scratch)
        sizes = Sizes(**asked.settings.pop("sizes", {}))
        loop = Loop(root, asked.seed, sizes=sizes, recipes=asked.settings, tell=_tell)
        began = time.monotonic()
        rounds = loop.turn(rounds=asked.rounds, base=asked.base)
        total = time.monotonic() - began
    for figures in rounds:
        _table(figures)
    for stage, seconds in loop.seconds.items():
        _tell(f"{stage:<12} {seconds:6.1f} s")
    _tell(f"{'total':<12} {total:6.1f} s")
    stages = {stage: round(seconds, 1) for stage, seconds in loop.seconds.items()}
    summary = {"seed": asked.seed, "seconds": round(total, 1), "stage_seconds": stages, "rounds": rounds}
    _tell(json.dumps(_rounded(summary)))
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.learning", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--root", type=Path, help="keep the run folders here")
    parser.add_argument("--base", type=Path, help="a base model's folder, to save its minute")
    parser.add_argument("--set", action="append", default=[], metavar="KIND.FIELD=VALUE", help="also sizes.FIELD")
    asked = parser.parse_args(argv)
    asked.settings = {}
    for setting in asked.set:
        name, _, value = setting.partition("=")
        kind, _, entry = name.partition(".")
        asked.settings.setdefault(kind, {})[entry] = json.loads(value)
    return asked


def _table(figures: dict[str, Any]) -> None:
    """One round's results, held-out prompts."""
    _tell(
        f"\nround {figures['round']}: {figures['seconds']:.0f} s, {figures['pairs']} pairs\n"
        f"  reward model  accuracy {figures['rm_accuracy_labels']:.3f} against labels, "
        f"{figures['rm_accuracy_gold']:.3f} against gold, ECE {figures['rm_ece']:.3f}, "
        f"length alone {figures['rm_length_baseline']:.3f}\n"
        f"  win rate      {figures['win_rate']:.3f} (95% by prompt {figures['win_rate_low']:.3f} to "
        f"{figures['win_rate_high']:.3f}); SFT at T=0.3 {figures['win_rate_sft_t03']:.3f}\n"
        f"  KL            {figures['kl']:.2f} nats per response; scores {figures['scores']}"
    )
    _tell(f"  {'':<18}" + "".join(f"{model:>10}" for model in MODELS))
    for row in ROWS:
        _tell(f"  {row:<18}" + "".join(f"{figures[f'{row}_{model}']:>10.3f}" for model in MODELS))


def _rounded(value: Any) -> Any:
    """Four decimals are more than these figures hold."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

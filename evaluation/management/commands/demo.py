"""The whole loop on this machine: python manage.py demo [--rounds 2] [--exit] [--json out.json]."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evaluation.demo import cast, results
from evaluation.demo.processes import AlreadyRunning, DidNotStart, PortIsTaken, Supervisor
from evaluation.demo.raters import TurnedAway
from evaluation.demo.story import StageFailed, Story, Teller
from evaluation.models import Round
from evaluation.plan import BadConfig, RoundConfig

# Comparisons, each judged twice: a round of minutes on two cores. So few of them want a second pass.
SMALL = {"pairs": 1600, "held_out_pairs": 300, "reward": {"epochs": 2}}
LOGINS = ("rater", "lead", "engineer", "owner")


class Command(BaseCommand):
    """Nothing is done twice: a demo that was cut off goes on where it stopped, one that is done is only shown."""

    help = "Train a small model from simulated people's judgments, round by round, then show the site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rounds", type=int, default=1, help="How many rounds there should be in the end.")
        parser.add_argument("--exit", action="store_true", help="Stop after the rounds instead of serving the site.")
        parser.add_argument("--json", type=Path, help="Write the figures of every round to this file.")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--fresh", action="store_true", help="Begin a new project beside those that are there.")
        parser.add_argument("--config", type=json.loads, default={}, help="JSON of round settings to change.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rounds"] < 1:
            raise CommandError(f"--rounds {options['rounds']}: use a whole number from 1.")
        try:
            config = RoundConfig.from_json({**SMALL, "seed": options["seed"], **options["config"]})
            with Supervisor(port=options["port"]) as site:
                self._play(site.url, config, options)
        except (AlreadyRunning, PortIsTaken, DidNotStart, BadConfig) as refusal:
            raise CommandError(str(refusal)) from refusal
        except (StageFailed, TurnedAway, cast.ImportRefused) as failure:
            raise CommandError(f"The demo stopped: {failure}") from failure
        except KeyboardInterrupt:
            self.stdout.write("\nStopped. Everything is kept: the same command goes on from here.")

    def _play(self, url: str, config: RoundConfig, options: dict[str, Any]) -> None:
        teller = Teller(sys.stderr)
        people = None if options["fresh"] else cast.remembered()
        if people is None:
            with teller.stage("project, guideline, invitations"):
                people = cast.gather(url, seed=options["seed"])
        began = time.monotonic()
        figures = self._rounds(Story(url, people, seed=options["seed"], teller=teller), config, options["rounds"])
        if options["json"]:
            told = {"seed": options["seed"], "rounds": figures, "stages": teller.seconds}
            options["json"].write_text(json.dumps(told, indent=1) + "\n")
        self.stdout.write(f"\nThe loop took {time.monotonic() - began:.0f} s.")
        if not options["exit"]:
            self._serve(url, people)

    def _rounds(self, story: Story, config: RoundConfig, wanted: int) -> list[dict[str, Any]]:
        began = time.monotonic()
        reference = story.prepare()
        figures = []
        for number in range(1, wanted + 1):
            round = Round.objects.filter(project=story.project, number=number, state=Round.State.DONE).first()
            if round is None:
                earlier = Round.objects.filter(project=story.project, number=number - 1).first()
                start = earlier.policy if earlier and earlier.policy else reference
                round = story.go_round(reference=reference, start=start, config=config)
                spent = time.monotonic() - began
            else:
                spent = sum(round.stage_seconds.values())
            began = time.monotonic()
            found = results.report(round, seed=story.seed, seconds=spent)
            figures.append(found)
            self.stdout.write("\n".join(results.table(found)))
        return figures

    def _serve(self, url: str, people: cast.Cast) -> None:
        self.stdout.write(f"\nThe site is at {url}\n")
        for role in LOGINS:
            login = people.staff[role]
            self.stdout.write(f"  {role:<10} {login.email:<26} {login.password}")
        self.stdout.write("\nCtrl+C stops everything; the data stays in var/.")
        while True:
            time.sleep(3600)

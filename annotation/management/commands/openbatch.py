"""Open a batch of tasks: python manage.py openbatch ranking --project tare --name "Week 48" --tag cooking.

Prompts come by tag, with the newest responses each of them has, or one by one from a file of JSON lines:
{"prompt": 12, "responses": [40, 41, 42]}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import actions, queries
from annotation.importers.lines import BadLine, lines_of, record
from annotation.kinds import WORK
from guidelines.models import Guideline
from raters.models import Project


class Command(BaseCommand):
    """What is asked, and how many raters answer each task."""

    help = "Open a batch of tasks: ranking, demonstration or edit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(WORK))
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--name", required=True, help="Of the batch; the same name again opens no second one.")
        parser.add_argument("--guideline", help="Its name; may be left out where the project has one only.")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--tag", help="All prompts with this tag that have enough responses.")
        what.add_argument("--file", type=Path, help="JSON lines of a prompt id and the ids of its responses.")
        parser.add_argument("--responses", type=int, default=4, help="How many of each prompt are ranked.")
        parser.add_argument("--overlap", type=int, default=1, help="How many raters answer each task.")
        parser.add_argument("--pay", type=int, help="For each answer, in cents and the like.")
        parser.add_argument("--instructions", default="", help="Shown on top of the guideline.")
        parser.add_argument("--sensitive", action="store_true", help="Only for raters who opted in.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if options["file"]:
            tasks = _tasks_in(options["file"])
        else:
            tasks = queries.tasks_by_tag(
                project, kind=options["kind"], tag=options["tag"], responses=options["responses"]
            )
        try:
            batch = actions.open_task_batch(
                project,
                name=options["name"],
                guideline=_guideline(project, options["guideline"]),
                kind=options["kind"],
                tasks=tasks,
                overlap=options["overlap"],
                pay_minor=options["pay"],
                instructions=options["instructions"],
                is_sensitive=options["sensitive"],
            )
        except actions.BadTask as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Batch {batch.pk}, {batch}: {batch.tasks.count()} tasks, {options['overlap']} raters each.")


def _guideline(project: Project, name: str | None) -> Guideline:
    found = list(Guideline.objects.filter(project=project, **({"name": name} if name else {}))[:2])
    if len(found) != 1:
        raise CommandError(
            f"There is no guideline {name!r}." if name else "Say which --guideline: there is not just one."
        )
    return found[0]


def _tasks_in(path: Path) -> list[tuple[int, list[int]]]:
    try:
        with path.open("rb") as stream:
            return [_task(number, line) for number, line in enumerate(lines_of(stream), start=1) if line.strip()]
    except OSError as problem:
        raise CommandError(f"{path} cannot be read: {problem.strerror}.") from problem


def _task(number: int, line: bytes) -> tuple[int, list[int]]:
    try:
        data = record(line, fields=frozenset({"prompt", "responses"}))
    except BadLine as refusal:
        raise CommandError(f"Line {number}: {refusal}") from refusal
    prompt, responses = data.get("prompt"), data.get("responses", [])
    given = [prompt, *responses] if isinstance(responses, list) else [None]
    ids = [one for one in given if type(one) is int and 0 < one < 2**63]
    if len(ids) != len(given):
        raise CommandError(f'Line {number}: use {{"prompt": 12, "responses": [40, 41]}}, with ids.')
    return ids[0], ids[1:]

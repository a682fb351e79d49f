"""Have the texts rendered that the renderer of this version has not seen: python manage.py rerender."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation import actions, queries


class Command(BaseCommand):
    """Puts them into the queue; the workers do the rest, and until then the texts are shown as they are."""

    help = "Queue every response and prompt that the current renderer has not rendered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only-new", action="store_true", help="Do nothing when this version has begun before.")
        parser.add_argument("--forget", action="store_true", help="Delete what earlier versions rendered.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["only_new"] and queries.is_version_known():
            return
        count = actions.rerender(forget=options["forget"])
        if options["verbosity"]:
            self.stdout.write(f"{count:,} texts wait to be rendered.")

"""Make a project and its first owner: python manage.py createowner owner@example.org --project "My project"."""

from __future__ import annotations

import getpass
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from raters import actions


class Command(BaseCommand):
    """Everyone else comes by invitation."""

    help = "Make a project and its first owner. The password is asked for, or read from TARE_OWNER_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Owner")
        parser.add_argument("--project", default="Tare")
        parser.add_argument("--slug", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("TARE_OWNER_PASSWORD") or getpass.getpass("Password: ")
        slug = options["slug"] or slugify(options["project"])
        if not slug:
            raise CommandError(f"--project {options['project']!r}: give it a --slug of letters, digits and '-'.")
        try:
            actions.create_owner(
                email=options["email"],
                name=options["name"],
                password=password,
                project_name=options["project"],
                slug=slug,
            )
        except (actions.AlreadyThere, actions.WeakPassword) as refusal:
            raise CommandError(" ".join(map(str, refusal.args))) from refusal
        self.stdout.write(f"{options['email']} owns {options['project']}.")

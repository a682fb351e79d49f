"""Print a bearer token for a program: python manage.py maketoken emil@example.org --project tare."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from raters import actions
from raters.models import Membership, Role


class Command(BaseCommand):
    """The token is shown once; only its hash is kept."""

    help = "Print a bearer token of a project's engineer or owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--scope", action="append", choices=actions.SCOPES, default=None)
        parser.add_argument("--days", type=int, default=90)

    def handle(self, *args: Any, **options: Any) -> None:
        membership = (
            Membership.objects.select_related("project", "user")
            .filter(
                user__email=options["email"].lower(),
                project__slug=options["project"],
                role__in=[Role.ENGINEER, Role.OWNER],
            )
            .first()
        )
        if membership is None:
            raise CommandError(f"{options['email']} is not an engineer or owner of {options['project']!r}.")
        _, secret = actions.make_token(
            membership.project,
            user=membership.user,
            name=options["name"],
            scopes=options["scope"] or actions.SCOPES,
            now=timezone.now(),
            days=options["days"],
        )
        self.stdout.write(secret)

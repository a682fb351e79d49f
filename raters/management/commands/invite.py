"""Print a single-use link into a project: python manage.py invite amara@example.org --role rater --project tare."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from raters import actions
from raters.models import Membership, Project, Role


class Command(BaseCommand):
    """The link is good for 72 hours and for one person."""

    help = "Print a single-use invitation link."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", choices=Role.values, default=Role.RATER)
        parser.add_argument("--project", required=True, help="The project's slug.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        owner = Membership.objects.select_related("user").filter(project=project, role=Role.OWNER).first()
        if owner is None:
            raise CommandError(f"{project} has no owner: run createowner first.")
        _, secret = actions.invite(
            project, email=options["email"], role=options["role"], by=owner.user, now=timezone.now()
        )
        self.stdout.write(settings.TARE_ORIGIN + reverse("invitation", args=[secret]))

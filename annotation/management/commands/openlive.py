"""Open a batch of live conversations: python manage.py openlive --project tare --name "Talk" --kind live."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from annotation import actions
from annotation.kinds import LIVE, RED_TEAM
from guidelines.models import Guideline
from raters.models import Membership, Project, Role


class Command(BaseCommand):
    """Raters chat in it until a lead closes it."""

    help = "Open a batch of live conversations, or of live red teaming."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--name", required=True, help="What raters see the batch called.")
        parser.add_argument("--kind", choices=[LIVE, RED_TEAM], default=LIVE)
        parser.add_argument("--guideline", default="", help="Its name; not needed when the project has one only.")
        parser.add_argument("--instructions", default="", help="Shown before a conversation begins.")
        parser.add_argument("--sensitive", action="store_true", help="Only for raters who opted in; answers covered.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        owner = Membership.objects.select_related("user").filter(project=project, role=Role.OWNER).first()
        if owner is None:
            raise CommandError(f"{project} has no owner: run createowner first.")
        try:
            batch = actions.open_live_batch(
                project,
                name=options["name"],
                guideline=_guideline(project, options["guideline"]),
                kind=options["kind"],
                instructions=options["instructions"],
                is_sensitive=options["sensitive"],
                by=owner.user,
            )
        except actions.NotAConversation as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(settings.TARE_ORIGIN + reverse("live", args=[project.slug, batch.pk]))


def _guideline(project: Project, name: str) -> Guideline:
    found = list(Guideline.objects.filter(project=project, **({"name": name} if name else {}))[:2])
    if len(found) != 1:
        known = ", ".join(Guideline.objects.filter(project=project).values_list("name", flat=True)) or "none"
        raise CommandError(f"Name one guideline of {project} with --guideline; there is: {known}.")
    return found[0]

"""Make the database and the static files fit for this version: ``python manage.py prepare``."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

ONE_AT_A_TIME = 0x7A4E


class Command(BaseCommand):
    """Migrations, the cache's table, the static files, texts for a new renderer.

    Does nothing twice, and waits for one that is at it.
    """

    help = "Migrate the database, make the cache table and collect the static files."

    def handle(self, *args: Any, **options: Any) -> None:
        quietly = {"verbosity": max(0, options["verbosity"] - 1)}
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
            try:
                call_command("migrate", interactive=False, **quietly)
                call_command("createcachetable", **quietly)
                call_command("collectstatic", interactive=False, **quietly)
                call_command("rerender", only_new=True, **quietly)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])

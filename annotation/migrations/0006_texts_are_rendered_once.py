"""Texts wait for their rendering in a table that rings the relay."""

import django.db.models.functions.datetime
from django.db import migrations, models

RING = """
CREATE TRIGGER renderings_ring AFTER INSERT ON annotation_rendering
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
SILENCE = "DROP TRIGGER renderings_ring ON annotation_rendering;"


class Migration(migrations.Migration):
    dependencies = [("annotation", "0005_home_asks_little")]
    operations = [
        migrations.CreateModel(
            name="Rendering",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "sha256",
                    models.CharField(help_text="Of the text, as annotation.rendering.digest makes it.", max_length=64),
                ),
                ("version", models.CharField(help_text="Of the renderer.", max_length=20)),
                (
                    "state",
                    models.CharField(
                        choices=[("due", "Waits for a worker"), ("done", "Rendered"), ("plain", "Shown as it is")],
                        db_default="due",
                        default="due",
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(blank=True, db_default="", help_text="Only while it is due.")),
                ("html", models.TextField(blank=True, db_default="", help_text="Safe for a page.")),
                (
                    "reason",
                    models.CharField(blank=True, db_default="", help_text="Why it is shown as it is.", max_length=240),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("rendered_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("state", "due")), fields=["-id"], name="renderings_due")],
                "constraints": [
                    models.UniqueConstraint(fields=("version", "sha256"), name="a_text_is_rendered_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("rendered_at__isnull", True), ("state", "due")),
                            models.Q(models.Q(("state", "due"), _negated=True), ("rendered_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_rendering_says_when",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(("html", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="a_rendering_has_its_html",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "due"), ("text", ""), _connector="OR"),
                        name="a_rendering_keeps_no_text",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RING, SILENCE),
    ]

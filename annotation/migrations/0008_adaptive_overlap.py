"""A batch may say when a comparison has been judged often enough; all three columns empty is a fixed overlap."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0007_which_candidate_went_on"),
        ("guidelines", "0003_unclear_rules"),
        ("raters", "0003_how_people_want_their_pages"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="overlap_certain",
            field=models.FloatField(
                blank=True, help_text="Adaptive overlap: the chance of lead at which a comparison ends.", null=True
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="overlap_least",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Adaptive overlap: judgments of a comparison before it may end. Null: fixed.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="overlap_most",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="Adaptive overlap: no comparison is judged more often.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("overlap_certain__isnull", True),
                        ("overlap_least__isnull", True),
                        ("overlap_most__isnull", True),
                    ),
                    models.Q(
                        ("kind", "pairwise"),
                        ("overlap_certain__gt", 0.5),
                        ("overlap_certain__isnull", False),
                        ("overlap_certain__lt", 1),
                        ("overlap_least__gte", 1),
                        ("overlap_least__isnull", False),
                        ("overlap_most__gte", models.F("overlap_least")),
                        ("overlap_most__isnull", False),
                        ("overlap_most__lte", 9),
                    ),
                    _connector="OR",
                ),
                name="adaptive_overlap_is_whole",
            ),
        ),
    ]

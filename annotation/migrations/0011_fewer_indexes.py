"""A foreign key needs no index of its own where a constraint begins with it: fewer writes for each judgment."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0010_every_slot_is_in_a_batch"),
        ("guidelines", "0003_unclear_rules"),
        ("raters", "0004_what_raters_know"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="judgment",
            name="implied_once",
        ),
        migrations.RemoveIndex(
            model_name="slot",
            name="free_slots",
        ),
        migrations.AlterField(
            model_name="assignment",
            name="comparison",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="assignments",
                to="annotation.comparison",
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="rater",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="assignments",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="bookmark",
            name="seat",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="bookmarks",
                to="annotation.seat",
            ),
        ),
        migrations.AlterField(
            model_name="comparison",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="comparisons",
                to="annotation.batch",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="answer",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="What implies it: a ranking or an edit. Nobody was shown the two side by side.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="judgments",
                to="annotation.taskanswer",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="assignment",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="judgments",
                to="annotation.assignment",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="comparison",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="judgments",
                to="annotation.comparison",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="rater",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="judgments",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="seat",
            name="project",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="seats", to="raters.project"
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="comparison",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="slots",
                to="annotation.comparison",
            ),
        ),
        migrations.AddConstraint(
            model_name="judgment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answer__isnull", False)), fields=("answer", "comparison"), name="implied_once"
            ),
        ),
    ]

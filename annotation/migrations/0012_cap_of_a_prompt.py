"""A batch may cap how many comparisons of one prompt a rater is lent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0011_fewer_indexes"),
        ("guidelines", "0003_unclear_rules"),
        ("raters", "0004_what_raters_know"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="most_per_prompt",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="Comparisons of one prompt that one rater is lent at most. Empty: all.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(("most_per_prompt__isnull", True), ("most_per_prompt__gte", 1), _connector="OR"),
                name="of_a_prompt_one_at_least",
            ),
        ),
    ]

"""Every slot has its batch by now; the database sees to it for new ones."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0009_lending_follows_a_bookmark")]
    operations = [
        migrations.AlterField(
            model_name="slot",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The comparison's; the database fills it in.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="annotation.batch",
            ),
        ),
    ]

"""A judged exchange says which candidate went on; the bells of conversations ring when there is something to do."""

import django.db.models.deletion
from django.db import migrations, models

# A claim or a renewed lease is no news; a turn, a put back one, and someone who is about to write a turn are.
RING = """
DROP TRIGGER exchanges_ring ON annotation_exchange;
CREATE TRIGGER exchanges_ring AFTER INSERT OR UPDATE OF state ON annotation_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
CREATE TRIGGER conversations_ring AFTER INSERT ON annotation_conversation
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
UNDO = """
DROP TRIGGER conversations_ring ON annotation_conversation;
DROP TRIGGER exchanges_ring ON annotation_exchange;
CREATE TRIGGER exchanges_ring AFTER INSERT OR UPDATE ON annotation_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0006_texts_are_rendered_once")]
    operations = [
        migrations.AlterField(
            model_name="exchange",
            name="comparison",
            field=models.ForeignKey(
                blank=True,
                help_text="Two raters who begin alike may be offered the same pair.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="exchanges",
                to="annotation.comparison",
            ),
        ),
        migrations.AddField(
            model_name="exchange",
            name="went_on",
            field=models.ForeignKey(
                blank=True,
                help_text="The better candidate, or the one that chance took of two alike.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="annotation.response",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "judged"), _negated=True), ("went_on__isnull", False), _connector="OR"
                ),
                name="a_judged_exchange_goes_on",
            ),
        ),
        migrations.RunSQL(RING, UNDO),
    ]

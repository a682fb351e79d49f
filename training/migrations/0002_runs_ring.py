"""A change of state rings the relay by the table's name."""

from django.db import migrations

RING = """
CREATE TRIGGER runs_ring AFTER INSERT OR UPDATE OF state ON training_run
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
UNDO = "DROP TRIGGER runs_ring ON training_run;"


class Migration(migrations.Migration):
    dependencies = [("training", "0001_first"), ("annotation", "0002_judgments_are_facts_and_ring")]
    operations = [migrations.RunSQL(RING, UNDO)]

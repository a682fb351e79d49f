"""A change of state rings the relay by the table's name."""

from django.db import migrations

RING = """
CREATE TRIGGER rounds_ring AFTER INSERT OR UPDATE OF state ON evaluation_round
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
UNDO = "DROP TRIGGER rounds_ring ON evaluation_round;"


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_first"), ("annotation", "0002_judgments_are_facts_and_ring")]
    operations = [migrations.RunSQL(RING, UNDO)]

"""A change of state rings the relay by the table's name."""

from django.db import migrations

RING = """
CREATE TRIGGER snapshots_ring AFTER INSERT OR UPDATE OF state ON snapshots_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
UNDO = "DROP TRIGGER snapshots_ring ON snapshots_snapshot;"


class Migration(migrations.Migration):
    dependencies = [("snapshots", "0001_first"), ("annotation", "0002_judgments_are_facts_and_ring")]
    operations = [migrations.RunSQL(RING, UNDO)]

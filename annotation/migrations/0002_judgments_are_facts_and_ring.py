"""Judgments are appended only, and a change rings the relay by the table's name."""

from django.db import migrations

KEEP = """
CREATE TRIGGER judgments_are_append_only BEFORE UPDATE OR DELETE ON annotation_judgment
    FOR EACH ROW EXECUTE FUNCTION tare_refuse_change();
CREATE TRIGGER withdrawals_are_append_only BEFORE UPDATE OR DELETE ON annotation_withdrawal
    FOR EACH ROW EXECUTE FUNCTION tare_refuse_change();
CREATE FUNCTION tare_ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tare', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER judgments_ring AFTER INSERT ON annotation_judgment
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
CREATE TRIGGER batches_ring AFTER INSERT OR UPDATE ON annotation_batch
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
"""
UNDO = """
DROP TRIGGER batches_ring ON annotation_batch;
DROP TRIGGER judgments_ring ON annotation_judgment;
DROP FUNCTION tare_ring();
DROP TRIGGER withdrawals_are_append_only ON annotation_withdrawal;
DROP TRIGGER judgments_are_append_only ON annotation_judgment;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_first"), ("raters", "0002_audit_is_append_only")]
    operations = [migrations.RunSQL(KEEP, UNDO)]

"""The audit log can only grow: the database itself refuses to change or remove an entry."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION tare_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON raters_auditentry
    FOR EACH ROW EXECUTE FUNCTION tare_refuse_change();
"""
ALLOW = """
DROP TRIGGER audit_is_append_only ON raters_auditentry;
DROP FUNCTION tare_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("raters", "0001_first")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]

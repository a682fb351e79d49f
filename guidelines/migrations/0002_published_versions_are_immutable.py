"""A published text, and its rules, stay as they were read."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION tare_keep_published_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' AND (NEW.text, NEW.html, NEW.sha256, NEW.major, NEW.minor, NEW.guideline_id)
        IS DISTINCT FROM (OLD.text, OLD.html, OLD.sha256, OLD.major, OLD.minor, OLD.guideline_id) THEN
        RAISE EXCEPTION 'a published guideline version never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> 'draft' AND NEW.state = 'draft' THEN
        RAISE EXCEPTION 'a published guideline version is never a draft again' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER published_text_is_kept BEFORE UPDATE ON guidelines_guidelineversion
    FOR EACH ROW EXECUTE FUNCTION tare_keep_published_text();
CREATE FUNCTION tare_keep_published_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM guidelines_guidelineversion WHERE id = OLD.version_id AND state <> 'draft') THEN
        RAISE EXCEPTION 'the rules of a published version never change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER published_rules_are_kept BEFORE UPDATE OR DELETE ON guidelines_rule
    FOR EACH ROW EXECUTE FUNCTION tare_keep_published_rules();
"""
ALLOW = """
DROP TRIGGER published_rules_are_kept ON guidelines_rule;
DROP FUNCTION tare_keep_published_rules();
DROP TRIGGER published_text_is_kept ON guidelines_guidelineversion;
DROP FUNCTION tare_keep_published_text();
"""


class Migration(migrations.Migration):
    dependencies = [("guidelines", "0001_first")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]

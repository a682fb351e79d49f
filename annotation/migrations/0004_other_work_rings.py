"""Answers of every kind are appended only, and a turn of a conversation rings the relay. Seats count time from here on."""

from django.db import migrations

KEEP = """
CREATE TRIGGER task_answers_are_append_only BEFORE UPDATE OR DELETE ON annotation_taskanswer
    FOR EACH ROW EXECUTE FUNCTION tare_refuse_change();
CREATE TRIGGER task_withdrawals_are_append_only BEFORE UPDATE OR DELETE ON annotation_taskwithdrawal
    FOR EACH ROW EXECUTE FUNCTION tare_refuse_change();
CREATE TRIGGER exchanges_ring AFTER INSERT OR UPDATE ON annotation_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION tare_ring();
UPDATE annotation_seat seat SET seconds = counted.seconds
FROM (SELECT comparison.project_id, judgment.rater_id, sum(judgment.seconds) AS seconds
      FROM annotation_judgment judgment
      JOIN annotation_comparison comparison ON comparison.id = judgment.comparison_id
      LEFT JOIN annotation_withdrawal withdrawal ON withdrawal.judgment_id = judgment.id
      WHERE withdrawal.id IS NULL GROUP BY 1, 2) counted
WHERE counted.project_id = seat.project_id AND counted.rater_id = seat.rater_id;
"""
UNDO = """
DROP TRIGGER exchanges_ring ON annotation_exchange;
DROP TRIGGER task_withdrawals_are_append_only ON annotation_taskwithdrawal;
DROP TRIGGER task_answers_are_append_only ON annotation_taskanswer;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0003_what_is_asked_and_other_work")]
    operations = [migrations.RunSQL(KEEP, UNDO)]

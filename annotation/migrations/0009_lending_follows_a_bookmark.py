"""Lending walks along each batch behind a bookmark, and what is known already is shown besides the queue."""

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

# A slot is in the batch of its comparison, whoever writes it.
FILL = """
CREATE FUNCTION annotation_slot_in_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.batch_id := (SELECT batch_id FROM annotation_comparison WHERE id = NEW.comparison_id);
    RETURN NEW;
END $$;
CREATE TRIGGER slots_are_in_a_batch BEFORE INSERT OR UPDATE OF comparison_id, batch_id ON annotation_slot
    FOR EACH ROW EXECUTE FUNCTION annotation_slot_in_batch();
UPDATE annotation_slot slot SET batch_id = comparison.batch_id
FROM annotation_comparison comparison WHERE comparison.id = slot.comparison_id;
UPDATE annotation_batch batch SET places = wanted.places
FROM (SELECT batch_id, sum(overlap) AS places FROM annotation_comparison GROUP BY batch_id) wanted
WHERE wanted.batch_id = batch.id;
-- otherwise the table could not be altered further in the same transaction
SET CONSTRAINTS ALL IMMEDIATE;
"""
FORGET = """
DROP TRIGGER slots_are_in_a_batch ON annotation_slot;
DROP FUNCTION annotation_slot_in_batch();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0008_adaptive_overlap"),
        ("guidelines", "0003_unclear_rules"),
        ("raters", "0004_what_raters_know"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("priority", models.SmallIntegerField(default=-32768)),
                ("after", models.BigIntegerField(default=0, help_text="The comparison passed last.")),
                (
                    "freed_at",
                    models.DateTimeField(
                        blank=True, help_text="The freed place passed last, since when free.", null=True
                    ),
                ),
                ("freed_slot", models.BigIntegerField(default=0)),
                (
                    "epoch",
                    models.PositiveIntegerField(
                        default=0, help_text="The batch's, when this was begun; older begins again."
                    ),
                ),
                (
                    "exhausted_at",
                    models.DateTimeField(blank=True, help_text="Came to the end of the queue then.", null=True),
                ),
                (
                    "lent",
                    models.PositiveIntegerField(
                        default=0, help_text="Comparisons lent here and not skipped, without checks."
                    ),
                ),
                ("checks", models.PositiveIntegerField(default=0)),
                (
                    "prompt_id",
                    models.BigIntegerField(default=0, help_text="Of the comparison lent last: another one comes next."),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RoutingRules",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gold_rate", models.FloatField(default=0.05, help_text="Of gold that is kept out of the queue.")),
                ("silver_rate", models.FloatField(default=0.0, help_text="Of items whose label is certain.")),
                (
                    "repeat_rate",
                    models.FloatField(default=0.0, help_text="Of the rater's own earlier items, sides swapped."),
                ),
                (
                    "most_per_item",
                    models.PositiveIntegerField(default=500, help_text="Times that one item is shown as a check."),
                ),
                (
                    "most_per_rater",
                    models.PositiveIntegerField(default=200, help_text="Checks that one rater is shown in a batch."),
                ),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="assignment",
            name="one_assignment_per_rater",
        ),
        migrations.RemoveIndex(
            model_name="comparison",
            name="open_comparisons_by_batch",
        ),
        migrations.AddField(
            model_name="assignment",
            name="occasion",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="0 the first time, 1 when it is repeated for the same rater."
            ),
        ),
        migrations.AddField(
            model_name="assignment",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("label", "For its label"),
                    ("gold", "The answer is known"),
                    ("silver", "The label is certain already"),
                    ("repeat", "The rater's own earlier item, sides swapped"),
                ],
                db_default="label",
                default="label",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="epoch",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Counts changes of order: each bookmark of an older one begins again.",
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Only for raters who have it. Empty: for all.",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="lease_seconds",
            field=models.PositiveIntegerField(
                blank=True, help_text="By how long its answers take. Empty: the project's.", null=True
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="needs_qualification",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="batch",
            name="places",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Judgments that were wanted when opened."
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="rater_share",
            field=models.FloatField(
                db_default=1.0, default=1.0, help_text="Of the batch's places, the most that one rater is lent."
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="skill",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Only for raters who have it. Empty: for all.",
                max_length=60,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="weight",
            field=models.FloatField(
                blank=True,
                help_text="Share of the work against the oldest batch without a weight, which has 1. Empty: in turn.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="comparison",
            name="check_as",
            field=models.CharField(
                blank=True,
                choices=[("gold", "The answer is known"), ("silver", "The label is certain already")],
                db_default="",
                default="",
                help_text="Shown at random moments, besides the queue of its batch, as this.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="comparison",
            name="check_key",
            field=models.FloatField(db_default=0.0, default=0.0, help_text="Its random place among those checks."),
        ),
        migrations.AddField(
            model_name="comparison",
            name="priority",
            field=models.SmallIntegerField(
                db_default=0,
                default=0,
                help_text="The lower, the sooner; those alike come in the order they were made.",
            ),
        ),
        migrations.AddField(
            model_name="comparison",
            name="shown_as_check",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="judgment",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("label", "For its label"),
                    ("gold", "The answer is known"),
                    ("silver", "The label is certain already"),
                    ("repeat", "The rater's own earlier item, sides swapped"),
                ],
                db_default="label",
                default="label",
                help_text="Why it was asked for. Silver and repeats count for no label.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                help_text="The comparison's; the database fills it in.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="annotation.batch",
            ),
        ),
        migrations.RunSQL(FILL, FORGET),
        migrations.AlterField(
            model_name="assignment",
            name="slot",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="assignments",
                to="annotation.slot",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(("is_open", True)), fields=["batch", "priority", "id"], name="queue_of_batch"
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(("check_as", ""), _negated=True),
                fields=["batch", "check_as", "check_key"],
                name="checks_of_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("filled_at__isnull", True), ("leased_until__isnull", False)),
                fields=["batch", "leased_until", "id"],
                name="lent_and_freed_slots",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                fields=("comparison", "rater", "occasion"), name="one_assignment_per_occasion"
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("purpose", "label"), ("slot__isnull", False)),
                    models.Q(("purpose__in", ["gold", "silver", "repeat"]), ("slot__isnull", True)),
                    _connector="OR",
                ),
                name="only_labels_take_a_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("occasion", 1), ("purpose", "repeat")),
                    models.Q(models.Q(("purpose", "repeat"), _negated=True), ("occasion", 0)),
                    _connector="OR",
                ),
                name="only_repeats_come_again",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__isnull", True), ("weight__gt", 0), _connector="OR"),
                name="weight_is_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(("rater_share__gt", 0), ("rater_share__lte", 1)), name="rater_share_is_a_share"
            ),
        ),
        migrations.AddConstraint(
            model_name="comparison",
            constraint=models.CheckConstraint(
                condition=models.Q(("check_as__in", ["", "gold", "silver"])), name="check_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="comparison",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("check_as", "gold"), _negated=True), ("gold_preference__isnull", False), _connector="OR"
                ),
                name="reserved_gold_is_known",
            ),
        ),
        migrations.AddField(
            model_name="bookmark",
            name="batch",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.batch"
            ),
        ),
        migrations.AddField(
            model_name="bookmark",
            name="seat",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="bookmarks", to="annotation.seat"
            ),
        ),
        migrations.AddField(
            model_name="routingrules",
            name="project",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="routing_rules", to="raters.project"
            ),
        ),
        migrations.AddConstraint(
            model_name="bookmark",
            constraint=models.UniqueConstraint(fields=("seat", "batch"), name="one_bookmark_per_batch"),
        ),
        migrations.AddConstraint(
            model_name="routingrules",
            constraint=models.CheckConstraint(
                condition=models.Q(("gold_rate__gte", 0), ("repeat_rate__gte", 0), ("silver_rate__gte", 0)),
                name="rates_are_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="routingrules",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "gold_rate__lte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.Value(0.5), "-", models.F("silver_rate")
                            ),
                            "-",
                            models.F("repeat_rate"),
                        ),
                    )
                ),
                name="half_are_no_checks",
            ),
        ),
    ]

"""What it costs to lend the next comparison: counted in pages and rows that the database reads, not in time."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import actions
from annotation.actions import finding, taking
from annotation.actions.lending import sit_down
from annotation.models import Bookmark, Comparison
from annotation.models.lending import START
from annotation.routing import draw_check
from raters.models import Project, User
from raters.prepared import Prepared
from tests import make

# A project with 20,000 open comparisons of overlap 2, of which the rater has judged a quarter. Every comparison is of
# the same two responses: lending reads no text.
MANY = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE annotation_comparison DROP CONSTRAINT pairs_are_unique_in_a_batch;
INSERT INTO annotation_comparison
    (project_id, batch_id, prompt_id, response_a_id, response_b_id, overlap, filled, is_open, label_due, gold_reason)
SELECT project_id, batch_id, prompt_id, response_a_id, response_b_id, 2, 0, true, false, ''
FROM annotation_comparison template, generate_series(2, 20000) number WHERE template.id = %(template)s;
INSERT INTO annotation_slot (comparison_id, number, swapped)
SELECT comparison.id, number, number = 2
FROM annotation_comparison comparison, generate_series(1, 2) number WHERE comparison.id > %(template)s;
INSERT INTO annotation_assignment
    (comparison_id, slot_id, rater_id, guideline_version_id, swapped, state, skip_reason, expires_at, ended_at)
SELECT slot.comparison_id, slot.id, %(rater)s, %(version)s, slot.swapped, 'judged', '', now(), now()
FROM annotation_slot slot JOIN annotation_comparison comparison ON comparison.id = slot.comparison_id
WHERE slot.number = 1 AND comparison.id <= (SELECT id FROM annotation_comparison ORDER BY id OFFSET 4999 LIMIT 1);
UPDATE annotation_slot slot SET rater_id = %(rater)s, filled_at = now(), leased_until = NULL
FROM annotation_assignment mine WHERE mine.slot_id = slot.id;
UPDATE annotation_comparison comparison SET filled = 1
FROM annotation_assignment mine WHERE mine.comparison_id = comparison.id;
-- a thousand more have had one each: whoever plans without knowing for whom believes that nobody had many
INSERT INTO raters_user (email, name, password, is_active)
SELECT number || '@many.example.org', 'one of many', '!', true FROM generate_series(1, 1000) number;
INSERT INTO annotation_assignment
    (comparison_id, slot_id, rater_id, guideline_version_id, swapped, state, skip_reason, expires_at, ended_at)
SELECT comparison_id, slot.id, one.id, %(version)s, false, 'skipped', '', now(), now()
FROM raters_user one, (SELECT id, comparison_id FROM annotation_slot ORDER BY id DESC LIMIT 1) slot
WHERE one.name = 'one of many';
ANALYZE annotation_comparison, annotation_slot, annotation_assignment;
"""


@pytest.fixture
def many(project: Project, ada: User) -> Comparison:
    """The first of 20,000, of which ada has judged 5,000."""
    template = make.comparison(project, overlap=2)
    version = make.guideline(project).versions.get(state="published")
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"template": template.pk, "rater": ada.pk, "version": version.pk})
    return template


def touched(statement: Prepared, given: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """The pages that a statement reads from memory or disk, and the nodes of its plan."""
    [[plans]] = statement.rows(given, explain="ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON")
    plan = (json.loads(plans) if isinstance(plans, str) else plans)[0]["Plan"]
    nodes, waiting = [], [plan]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], nodes


def asked_of(comparison: Comparison, rater: User, *, check: str = "") -> dict[str, Any]:
    """What `take` would ask for the rater, where their bookmark is."""
    sent: dict[str, Any] = {}

    def keep(cursor: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("EXECUTE take"):
            sent.update(zip(taking.TAKE.parameters, params, strict=True))
        return cursor(sql, params, many, context)

    with connection.execute_wrapper(lambda execute, sql, params, m, context: keep(execute, sql, params, m, context)):
        actions.lend_ahead(comparison.project, rater=rater, ahead=1, now=make.now())
    mark = Bookmark.objects.get(seat__rater=rater)
    return sent | {
        "priority": mark.priority,
        "after": mark.after,
        "prompt": 0,
        "check": check,
        "check_is_due": bool(check),
    }


class TestCost:
    def test_does_not_grow_with_what_the_rater_has_judged(self, many: Comparison, ada: User) -> None:
        """The 5,000 are all open still, and lie behind the rater's bookmark: without it, they would be read."""
        given = asked_of(many, ada)
        new = asked_of(many, make.rater(many.project, "eve"))

        after_many, nodes = touched(taking.TAKE, given)
        for_new, _ = touched(taking.TAKE, new)
        from_the_front, _ = touched(taking.TAKE, given | {"priority": START, "after": 0})

        assert after_many < 150
        assert after_many < for_new + 40
        assert from_the_front > 5 * after_many
        scans = [node for node in nodes if node.get("Relation Name") == "annotation_comparison"]
        used = [node for node in scans if node["Node Type"].startswith("Index") and node["Actual Loops"]]
        assert "queue_of_batch" in {node["Index Name"] for node in used}
        assert max(node["Actual Rows"] * node["Actual Loops"] for node in used) <= 20
        assert not [node for node in scans if node["Node Type"] == "Seq Scan" and node["Actual Loops"]]

    def test_the_first_time_each_judged_one_is_passed_once(self, many: Comparison, ada: User) -> None:
        with CaptureQueriesContext(connection) as first:
            actions.lend_ahead(many.project, rater=ada, ahead=1, now=make.now())
        with CaptureQueriesContext(connection) as second:
            actions.lend_ahead(many.project, rater=ada, ahead=2, now=make.now())

        assert sum(query["sql"].startswith("EXECUTE take") for query in first) == 5000 / finding.WINDOW + 1
        assert sum(query["sql"].startswith("EXECUTE take") for query in second) == 1

    def test_of_looking_round_does_not_grow(self, many: Comparison, ada: User) -> None:
        project = many.project
        actions.lend_ahead(project, rater=ada, ahead=3, now=make.now())
        seat = sit_down(project.pk, ada.pk).seat_id
        given = {"seat": seat, "project": project.pk, "rater": ada.pk, "batch": None, "lease": 600, "now": None}

        pages, _ = touched(finding.LOOK, given | {"batches": finding.MOST_BATCHES})

        assert pages < 150

    def test_of_a_check_is_that_of_any_other(self, many: Comparison, ada: User) -> None:
        plain, _ = touched(taking.TAKE, asked_of(many, make.rater(many.project, "eve")))
        for number, kind in enumerate(["gold", "silver", "repeat"]):
            given = asked_of(many, make.rater(many.project, f"rater{number}"), check=kind)
            assert touched(taking.TAKE, given)[0] < plain + 60

    def test_chance_is_asked_once_for_each(self, project: Project, ada: User) -> None:
        make.batch(project, comparisons=3)
        rng, same = random.Random(4), random.Random(4)

        place = sit_down(project.pk, ada.pk)
        actions.lend_ahead(project, rater=ada, ahead=2, now=make.now(), rng=rng)
        for _ in range(2):
            draw_check(place.rates, rng=same)

        assert rng.random() == same.random()

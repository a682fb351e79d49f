"""What raters were asked beside the overall question goes into a snapshot whole, and rankings are told from looking."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.kinds import Asks, Quality
from annotation.models import Asking, Withdrawal
from raters.models import Project, User
from snapshots.models import Snapshot
from snapshots.queries import folder_of
from tests import make
from tests.snapshots.cut import frozen, judged, rows


def parquet(snapshot: Snapshot, config: str = "judgments") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder_of(snapshot) / f"{config}-train.parquet").to_pylist()
    return found


def test_qualities_flags_and_that_no_rule_fits_are_in_both_files(project: Project, ada: User) -> None:
    make.batch(project, comparisons=2)
    make.given(ada, project, qualities={"safe": -1, "clear": 0}, flags_a=["unsafe"], flags_b=["broken"], no_rule=True)
    make.given(ada, project)
    snapshot = frozen(project)
    full, empty = rows(snapshot)
    assert full["qualities"] == [{"name": "clear", "value": 0}, {"name": "safe", "value": -1}]
    assert (full["flags_a"], full["flags_b"], full["no_rule"]) == (["unsafe"], ["broken"], True)
    assert (empty["qualities"], empty["flags_a"], empty["flags_b"], empty["no_rule"]) == ([], [], [], False)
    assert parquet(snapshot) == [full, empty]


def test_columns_do_not_depend_on_what_a_project_asks(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    plain = frozen(project, "plain")
    make.comparison(project)
    make.given(ada, project, qualities={"funny": 1}, flags_b=["unsafe"])
    schemas: list[pa.Schema] = [
        pq.read_schema(folder_of(snapshot) / "judgments-train.parquet") for snapshot in (plain, frozen(project, "rich"))
    ]
    assert schemas[0] == schemas[1]
    assert schemas[0].field("qualities").type == pa.list_(
        pa.struct([pa.field("name", pa.string()), pa.field("value", pa.int8())])
    )


def test_an_implied_judgment_is_told_from_a_given_one(project: Project, ada: User) -> None:
    judged(project, 2, rater=ada)
    make.implied(ada, make.comparison(project))
    snapshot = frozen(project)
    assert [row["implied"] for row in rows(snapshot)] == [False, True]
    assert [row["implied"] for row in rows(snapshot, "pairs")] == [0.0, 1.0]
    assert snapshot.manifest["counts"]["implied"] == 1


def test_a_pair_says_which_share_of_its_votes_is_implied(project: Project, ada: User) -> None:
    comparison = make.comparison(project)
    make.judgment(ada, project, preference=2)
    make.implied(make.rater(project), comparison, preference=1)
    (pair,) = rows(frozen(project), "pairs")
    assert (pair["implied"], pair["n_judgments"]) == (0.5, 2)


def test_a_tie_says_so_too(project: Project, ada: User) -> None:
    make.implied(ada, make.comparison(project), preference=0)
    (tie,) = rows(frozen(project), "ties")
    assert tie["implied"] == 1.0


def test_answers_of_one_ranking_do_not_supersede_each_other(project: Project, ada: User) -> None:
    """None of them has an assignment: taken as one, all but the newest revision of the project would be left out."""
    for revision in (0, 3, 1):
        make.implied(ada, make.comparison(project), revision=revision)
    snapshot = frozen(project)
    assert [row["revision"] for row in rows(snapshot)] == [0, 3, 1]
    assert snapshot.manifest["left_out"]["superseded"] == 0


def test_an_implied_judgment_goes_when_its_answer_is_replaced(project: Project, ada: User) -> None:
    comparison = make.comparison(project)
    Withdrawal.objects.create(judgment=make.implied(ada, comparison, preference=3), reason="ranked anew")
    make.implied(make.rater(project), comparison, preference=-1)
    snapshot = frozen(project)
    assert [row["preference"] for row in rows(snapshot)] == [-1]
    assert snapshot.manifest["left_out"]["withdrawn"] == 1


def test_implied_judgments_of_gold_items_stay_out(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    make.implied(ada, make.gold(make.comparison(project), 2))
    snapshot = frozen(project)
    assert (len(rows(snapshot)), snapshot.manifest["left_out"]["gold"]) == (1, 1)


def test_the_manifest_says_what_each_batch_was_asked(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada, name="before")
    later = Asks(steps=3, qualities=(Quality("kind", "Kind"),), flags=("unsafe",))
    Asking.objects.create(project=project, asks=later.write())
    judged(project, 1, rater=ada, name="after")
    make.comparison(project, name="not judged")
    snapshot = frozen(project)
    first, second = snapshot.manifest["questions"]
    assert [fact["name"] for fact in (first, second)] == ["before", "after"]
    assert [fact["kind"] for fact in (first, second)] == ["pairwise", "pairwise"]
    assert (Asks.read(first["asks"]), Asks.read(second["asks"])) == (Asks(), later)
    assert [row["batch"] for row in rows(snapshot)] == [first["batch"], second["batch"]]
    assert json.loads((folder_of(snapshot) / "manifest.json").read_bytes())["questions"] == [first, second]


def test_a_batch_from_before_there_were_questions_was_asked_the_usual_ones(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    project.batches.update(asks={})
    (fact,) = frozen(project).manifest["questions"]
    assert Asks.read(fact["asks"]) == Asks()


def test_the_files_are_of_a_new_format(project: Project) -> None:
    judged(project, 1)
    assert frozen(project).manifest["format"] == 2


@pytest.mark.parametrize("others", [0, 40])
def test_more_batches_cost_no_more_statements(
    project: Project, ada: User, others: int, django_assert_max_num_queries: Any
) -> None:
    judged(project, *[1] * (1 + others), rater=ada)
    with django_assert_max_num_queries(40):
        frozen(project)

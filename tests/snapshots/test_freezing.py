"""A snapshot is a point in time: whole or absent, the same judgments give the same bytes."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction

from annotation.actions import Answer, adjudicate, submit_judgment, undo_judgment
from annotation.models import Judgment
from raters.models import Project, User
from snapshots.actions import build_next_snapshot, freezing, request_snapshot
from snapshots.queries import folder_of
from snapshots.sealing import Parquet
from tests import make
from tests.snapshots.cut import frozen, judged, rows


def test_a_judgment_becomes_a_row_with_the_raters_pseudonym(project: Project, ada: User) -> None:
    make.comparison(project)
    judgment = make.judgment(ada, project, preference=2, rationale="It is true.", seconds=12.5)
    comparison = judgment.comparison
    (row,) = rows(frozen(project))
    assert row == {
        "batch": comparison.batch_id,
        "pair_id": str(comparison.pk),
        "prompt": comparison.prompt.messages,
        "a": comparison.response_a.text,
        "b": comparison.response_b.text,
        "split": "train",
        "rater": ada.standings.get().pseudonym,
        "panel": ada.standings.get().panel,
        "preference": 2,
        "swapped": judgment.swapped,
        "seconds": 12.5,
        "guideline_version": "1.0",
        "qualities": [],
        "flags_a": [],
        "flags_b": [],
        "rules": [],
        "no_rule": False,
        "rationale": "It is true.",
        "implied": False,
        "revision": 0,
    }


def test_cited_rules_are_named_by_their_numbers(project: Project, ada: User) -> None:
    make.comparison(project)
    version = make.guideline(project).versions.get()
    make.judgment(ada, project, rules=tuple(version.rules.values_list("pk", flat=True)[:2]))
    (row,) = rows(frozen(project))
    assert row["rules"] == [rule.number for rule in version.rules.all()[:2]]


def test_no_file_holds_a_name_or_an_address(project: Project) -> None:
    judged(project, 1, 0, rater=make.rater(project, "zaphod"))
    everything = b"".join(path.read_bytes() for path in folder_of(frozen(project)).iterdir())
    assert b"zaphod" not in everything.lower()
    assert b"example.org" not in everything


def test_the_preferred_response_is_chosen_and_ties_stay_apart(project: Project) -> None:
    judged(project, -2, 0)
    snapshot = frozen(project)
    (pair,), (tie,) = rows(snapshot, "pairs"), rows(snapshot, "ties")
    judgments = {row["pair_id"]: row for row in rows(snapshot)}
    assert pair["chosen"][0]["content"] == judgments[pair["pair_id"]]["a"]
    assert tie["soft_label"] == 0.5


def test_a_verdict_outweighs_the_votes(project: Project, rhea: User) -> None:
    judged(project, -2)
    comparison = Judgment.objects.get().comparison
    adjudicate(comparison, reviewer=rhea, preference=3)
    (pair,) = rows(frozen(project), "pairs")
    assert pair["chosen"][0]["content"] == comparison.response_b.text


def test_held_out_prompts_are_the_test_split(project: Project) -> None:
    judged(project, 1, 1, held_out=True)
    judged(project, 1)
    snapshot = frozen(project)
    assert (len(rows(snapshot)), len(rows(snapshot, split="test"))) == (1, 2)


def test_a_judgment_that_was_taken_back_stays_out_and_is_counted(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    make.comparison(project)
    undo_judgment(make.judgment(ada, project), lease=timedelta(minutes=10), now=make.now())
    snapshot = frozen(project)
    assert (len(rows(snapshot)), snapshot.manifest["left_out"]["withdrawn"]) == (1, 1)


def test_the_answer_after_an_undo_counts(project: Project, ada: User) -> None:
    make.comparison(project)
    undo_judgment(make.judgment(ada, project, preference=3), lease=timedelta(minutes=10), now=make.now())
    make.judgment(ada, project, preference=-1)
    assert [row["preference"] for row in rows(frozen(project))] == [-1]


def test_gold_items_stay_out_and_are_counted(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    make.gold(make.comparison(project), 2)
    make.judgment(ada, project)
    snapshot = frozen(project)
    assert (len(rows(snapshot)), snapshot.manifest["left_out"]["gold"]) == (1, 1)


def test_surplus_judgments_stay_out_and_are_counted(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    make.comparison(project)
    lent = make.assignment(ada, project)
    assert lent.slot is not None
    lent.slot.rater = make.rater(project)
    lent.slot.filled_at = make.now()
    lent.slot.save()
    submit_judgment(lent, answer=Answer(shown=1), key=uuid.uuid4(), now=make.now())
    snapshot = frozen(project)
    assert (len(rows(snapshot)), snapshot.manifest["left_out"]["surplus"]) == (1, 1)


def test_another_projects_judgments_are_not_there(project: Project) -> None:
    judged(project, 1)
    judged(make.project(), 1)
    assert len(rows(frozen(project))) == 1


def test_a_batch_filter_lets_only_its_batch_in(project: Project) -> None:
    judged(project, 1)
    judged(project, 1, name="wanted")
    wanted = project.batches.get(name="wanted")
    snapshot = frozen(project, batches=[wanted.pk])
    assert [row["pair_id"] for row in rows(snapshot)] == [str(wanted.comparisons.get().pk)]


def test_a_certainty_filter_leaves_contested_comparisons_out(project: Project) -> None:
    raters = [make.rater(project) for _ in range(3)]
    make.batch(project, comparisons=1, overlap=3)
    for rater in raters:
        make.judgment(rater, project, preference=2)
    judged(project, 1)
    snapshot = frozen(project, min_certainty=0.75)
    assert (len(rows(snapshot)), snapshot.manifest["left_out"]["below min_certainty"]) == (3, 1)


def test_the_manifest_counts_what_is_in_the_files(project: Project) -> None:
    judged(project, 1, 0, 2)
    manifest = frozen(project).manifest
    assert manifest["counts"] == {
        "judgments": 3,
        "implied": 0,
        "comparisons": 3,
        "raters": 1,
        "pairs": {"train": 2, "test": 0},
        "ties": {"train": 1, "test": 0},
    }


def test_the_manifest_names_the_guideline_texts(project: Project) -> None:
    judged(project, 1)
    version = make.guideline(project).versions.get()
    assert frozen(project).manifest["guidelines"] == [
        {"guideline": "Helpfulness", "version": "1.0", "sha256": version.sha256}
    ]


def test_every_file_is_there_with_its_size_and_hash(project: Project) -> None:
    judged(project, 1)
    snapshot = frozen(project)
    assert snapshot.exports.count() == 12
    for export in snapshot.exports.all():
        data = (folder_of(snapshot) / export.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (export.bytes, export.sha256)


def test_parquet_and_json_lines_hold_the_same_rows(project: Project) -> None:
    judged(project, 1, 0, -3)
    snapshot = frozen(project)
    for config in ("pairs", "ties", "judgments"):
        assert pq.read_table(folder_of(snapshot) / f"{config}-train.parquet").to_pylist() == rows(snapshot, config)


def test_the_same_judgments_give_the_same_bytes_and_hash(project: Project) -> None:
    judged(project, 1, 0, -3)
    first, second = frozen(project, "one"), frozen(project, "two")
    assert first.sha256 == second.sha256
    for path in folder_of(first).iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (folder_of(second) / path.name).read_bytes()


def test_one_more_judgment_gives_another_hash(project: Project) -> None:
    judged(project, 1)
    first = frozen(project, "one")
    judged(project, 1)
    assert frozen(project, "two").sha256 != first.sha256


def test_row_groups_do_not_depend_on_how_the_rows_came(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64())])
    data = [{"n": number} for number in range(10_000)]
    for name, step in (("a", 1), ("b", 777), ("c", 10_000)):
        writer = Parquet(tmp_path / name, schema)
        for start in range(0, len(data), step):
            writer.add(data[start : start + step])
        writer.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_a_later_judgment_does_not_get_into_a_cut_that_was_begun(project: Project, ada: User) -> None:
    judged(project, 1, rater=ada)
    snapshot = request_snapshot(project, name="prefs", filters={})
    claimed = freezing._claim(now=make.now())
    assert claimed is not None
    freezing._watermark(claimed)
    judged(project, 1, rater=ada)
    later = make.now() + timedelta(hours=1)
    build_next_snapshot(now=later)
    snapshot.refresh_from_db()
    assert (snapshot.state, len(rows(snapshot))) == ("ready", 1)


@pytest.mark.django_db(transaction=True)
def test_the_watermark_waits_for_a_submit_on_its_way() -> None:
    project = make.project()
    rater = make.rater(project)
    judged(project, 1, rater=rater)
    make.comparison(project)
    inside, go_on = threading.Event(), threading.Event()

    def submit_slowly() -> None:
        with transaction.atomic():
            make.judgment(rater, project)
            inside.set()
            go_on.wait(10)
        connection.close()

    def let_go() -> None:
        go_on.set()

    submit = threading.Thread(target=submit_slowly)
    submit.start()
    inside.wait(10)
    timer = threading.Timer(0.5, let_go)
    timer.start()
    snapshot = frozen(project)
    submit.join()
    assert len(rows(snapshot)) == 2


@pytest.mark.django_db(transaction=True)
def test_snapshots_taken_while_raters_judge_agree_with_their_watermark() -> None:
    project = make.project()
    raters = [make.rater(project) for _ in range(4)]
    make.batch(project, comparisons=40, overlap=1)

    def work(rater: User) -> None:
        for _ in range(8):
            make.judgment(rater, project)
        connection.close()

    threads = [threading.Thread(target=work, args=(rater,)) for rater in raters]
    judged(project, 1, rater=make.rater(project))
    for thread in threads:
        thread.start()
    cuts = [frozen(project, f"cut-{number}") for number in range(5)]
    for thread in threads:
        thread.join()
    for cut in cuts:
        below = Judgment.objects.filter(comparison__project=project, pk__lte=cut.manifest["watermark"]["judgment"])
        assert cut.manifest["counts"]["judgments"] == below.count()


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_snapshot() -> None:
    project = make.project()
    judged(project, 1)
    for number in range(4):
        request_snapshot(project, name=f"s{number}", filters={})
    took: list[int] = []

    def work() -> None:
        while (snapshot := build_next_snapshot(now=make.now())) is not None:
            took.append(snapshot.pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Counter(took).values()) == [1, 1, 1, 1]

"""A snapshot is a point in time: whole or absent, the same judgments give the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from annotation.actions import Answer, adjudicate, submit_judgment, undo_judgment
from annotation.actions.judging import SUBMITS
from annotation.models import Judgment
from raters.models import Project, User
from snapshots.actions import BadFilters, BadName, NameTaken, build_next_snapshot, freezing, request_snapshot
from snapshots.models import Export, Snapshot
from snapshots.queries import folder_of, read_rows
from snapshots.sealing import Parquet
from tests import make


@pytest.fixture(autouse=True)
def exports(settings: Settings, tmp_path: Path) -> Path:
    settings.TARE_EXPORTS = tmp_path / "snapshots"
    return tmp_path / "snapshots"


def frozen(project: Project, name: str = "prefs", **filters: Any) -> Snapshot:
    request_snapshot(project, name=name, filters=filters)
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    return snapshot


def rows(snapshot: Snapshot, config: str = "judgments", split: str = "train") -> list[dict[str, Any]]:
    return list(read_rows(snapshot, config=config, split=split))


def judged(project: Project, *preferences: int, rater: User | None = None, **more: Any) -> None:
    """As many comparisons, each judged once."""
    rater = rater or make.rater(project)
    for preference in preferences:
        make.comparison(project, **more)
        make.judgment(rater, project, preference=preference)


def test_a_judgment_becomes_a_row_with_the_raters_pseudonym(project: Project, ada: User) -> None:
    make.comparison(project)
    judgment = make.judgment(ada, project, preference=2, rationale="It is true.", seconds=12.5)
    comparison = judgment.comparison
    (row,) = rows(frozen(project))
    assert row == {
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
        "rules": [],
        "rationale": "It is true.",
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


def test_nothing_waits_when_all_is_ready(project: Project) -> None:
    judged(project, 1)
    frozen(project)
    assert build_next_snapshot(now=make.now()) is None


def test_a_snapshot_of_nothing_fails_and_says_so(project: Project) -> None:
    snapshot = frozen(project)
    assert (snapshot.state, snapshot.reason) == ("failed", "There is no judgment to freeze.")


def test_a_failed_snapshot_leaves_no_files(project: Project, exports: Path) -> None:
    frozen(project)
    assert list(exports.iterdir()) == []


def test_a_failed_snapshot_can_be_asked_for_again(project: Project) -> None:
    frozen(project)
    judged(project, 1)
    assert frozen(project).state == "ready"


def test_a_dead_workers_snapshot_is_built_by_the_next(project: Project) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    freezing._claim(now=make.now())
    assert build_next_snapshot(now=make.now()) is None
    snapshot = build_next_snapshot(now=make.now() + timedelta(hours=1))
    assert snapshot is not None
    assert (snapshot.state, snapshot.attempts) == ("ready", 2)


def test_after_three_dead_workers_it_has_failed(project: Project) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    for hour in range(3):
        freezing._claim(now=make.now() + timedelta(hours=hour))
    snapshot = build_next_snapshot(now=make.now() + timedelta(hours=9))
    assert snapshot is not None
    assert (snapshot.state, snapshot.reason) == ("failed", "3 workers stopped before it was done.")


def test_a_worker_that_lost_its_claim_files_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    write = freezing._write

    def slow(snapshot: Snapshot, *args: Any, **more: Any) -> Any:
        tally = write(snapshot, *args, **more)
        Snapshot.objects.filter(pk=snapshot.pk).update(token=snapshot.token + 1)
        return tally

    monkeypatch.setattr(freezing, "_write", slow)
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    assert (snapshot.state, Export.objects.count(), folder_of(snapshot).exists()) == ("building", 0, False)


def test_a_full_disk_is_said_and_tried_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(project, 1)
    request_snapshot(project, name="prefs", filters={})
    with monkeypatch.context() as patch:
        patch.setattr(Parquet, "add", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    assert (snapshot.state, "No space left" in snapshot.reason) == ("building", True)
    again = build_next_snapshot(now=make.now() + timedelta(minutes=10))
    assert again is not None
    assert (again.state, again.reason) == ("ready", "")


def test_a_folder_named_by_a_worker_that_died_before_filing_makes_room(project: Project) -> None:
    judged(project, 1)
    snapshot = request_snapshot(project, name="prefs", filters={})
    folder_of(snapshot).mkdir(parents=True)
    (folder_of(snapshot) / "half.parquet").write_bytes(b"x")
    build_next_snapshot(now=make.now())
    assert not (folder_of(snapshot) / "half.parquet").exists()


def test_building_leaves_one_folder_and_nothing_beside_it(project: Project, exports: Path) -> None:
    judged(project, 1)
    snapshot = request_snapshot(project, name="prefs", filters={})
    left = exports / f"{snapshot.pk}.building-0"
    left.mkdir(parents=True)
    build_next_snapshot(now=make.now())
    assert [path.name for path in exports.iterdir()] == [str(snapshot.pk)]
    shutil.rmtree(exports)


def test_the_folder_describes_itself(project: Project) -> None:
    judged(project, 1)
    snapshot = frozen(project)
    manifest = json.loads((folder_of(snapshot) / "manifest.json").read_bytes())
    assert manifest == {**snapshot.manifest, "sha256": snapshot.sha256}


def test_asking_again_for_the_same_gives_the_same(project: Project) -> None:
    first = request_snapshot(project, name="prefs", filters={"batches": []})
    assert request_snapshot(project, name="prefs", filters={}) == first


def test_a_name_with_other_filters_is_taken(project: Project) -> None:
    request_snapshot(project, name="prefs", filters={})
    with pytest.raises(NameTaken):
        request_snapshot(project, name="prefs", filters={"min_certainty": 0.9})


@pytest.mark.parametrize("name", ["", "Prefs", "../etc", "a/b", "x" * 65, "a\n", "-a", "é"])
def test_a_name_that_is_no_name_is_refused(project: Project, name: str) -> None:
    with pytest.raises(BadName):
        request_snapshot(project, name=name, filters={})


@pytest.mark.parametrize(
    "filters",
    [
        {"colour": 1},
        {"batches": 3},
        {"batches": [True]},
        {"batches": [10**20]},
        {"batches": [123456]},
        {"guideline_versions": [123456]},
        {"min_certainty": 2},
        {"min_certainty": "much"},
    ],
)
def test_filters_that_cannot_be_used_are_refused(project: Project, filters: dict[str, Any]) -> None:
    with pytest.raises(BadFilters):
        request_snapshot(project, name="prefs", filters=filters)


def test_another_projects_batch_does_not_exist(project: Project) -> None:
    other = make.batch(make.project())
    with pytest.raises(BadFilters):
        request_snapshot(project, name="prefs", filters={"batches": [other.pk]})


def test_the_lock_is_the_one_that_submits_take() -> None:
    assert SUBMITS == 7201

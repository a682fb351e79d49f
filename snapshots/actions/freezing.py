"""Freezing: a queued snapshot becomes files that never change, and a hash that says which."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from annotation.actions import freeze_judgments
from annotation.actions.lending import SUBMITS
from raters.actions import note
from snapshots import filters, formats, queries
from snapshots.models import Export, Snapshot
from snapshots.queries import cutting
from snapshots.sealing import Folder, Sealed

if TYPE_CHECKING:
    from datetime import datetime

LEASE = timedelta(minutes=5)
RETRY_AFTER = timedelta(seconds=30)
MOST_ATTEMPTS = 3
FORMAT = 2  # of the files and the manifest: a change in what the same judgments give is a new number
SPLITS = ("train", "test")
SHARDS = tuple((config, split) for config in formats.SCHEMAS for split in SPLITS)
HASHED = ("format", "files", "guidelines", "questions", "rules")  # of the manifest: what makes a snapshot another one
RULES = {
    "split": "test where the prompt is held out, else train; a prompt's split never changes",
    "labels": "share of the votes for B, ties counting half; a reviewer's verdict outweighs the votes",
    "ties": "a comparison whose votes are even is in ties, never in pairs",
    "implied": "1 where every vote follows from a ranking or an edit: nobody was shown the two side by side",
    "left out": "judgments on gold items, withdrawn, superseded by a later revision, or surplus to the overlap",
}


class NothingToFreeze(Exception):
    """No judgment is left for the snapshot; the message says what was left out."""


class LostClaim(Exception):
    """The lease ran out and another worker has the snapshot: what this one made is dropped."""


@dataclass(slots=True)
class _Tally:
    """What went in, counted on the way."""

    left_out: Counter[str] = field(default_factory=Counter)
    judgments: int = 0
    implied: int = 0
    comparisons: int = 0
    raters: set[str] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    batches: set[int] = field(default_factory=set)

    def count(self, judged: cutting.Judged) -> None:
        self.comparisons += 1
        self.judgments += len(judged.votes)
        self.implied += sum(vote.implied for vote in judged.votes)
        self.batches.add(judged.batch)
        self.raters.update(vote.rater for vote in judged.votes)
        self.versions.update(vote.guideline_version_id for vote in judged.votes)


def build_next_snapshot(*, now: datetime) -> Snapshot | None:
    """Freeze the snapshot that has waited longest. None when none waits; else the snapshot, ready or failed.

    A worker that dies leaves nothing behind that anyone sees: the next one starts anew, from the same watermark.
    """
    snapshot = _claim(now=now)
    if snapshot is None or snapshot.state == Snapshot.State.FAILED:
        return snapshot
    started = monotonic()
    folder = Folder(queries.folder_of(snapshot), attempt=snapshot.token)
    try:
        tally = _write(snapshot, folder, now=now, started=started)
        _file(snapshot, folder, tally, now=now)
    except NothingToFreeze as refusal:
        _fail(snapshot, reason=str(refusal))
    except OSError as problem:
        _try_later(snapshot, reason=f"The files could not be written: {problem.strerror or problem}.", now=now)
    except LostClaim:
        pass  # whoever holds it now files it
    finally:
        folder.drop()
    snapshot.refresh_from_db()
    return snapshot


@transaction.atomic
def _claim(*, now: datetime) -> Snapshot | None:
    """Take the oldest snapshot that nobody works on. After three attempts it is failed instead."""
    left_behind = Q(state=Snapshot.State.BUILDING, lease_until__lt=now)
    waiting = Snapshot.objects.select_for_update(skip_locked=True).filter(Q(state=Snapshot.State.QUEUED) | left_behind)
    snapshot = waiting.order_by("pk").first()
    if snapshot is None:
        return None
    if snapshot.attempts >= MOST_ATTEMPTS:
        snapshot.state = Snapshot.State.FAILED
        snapshot.reason = snapshot.reason or f"{MOST_ATTEMPTS} workers stopped before it was done."
    else:
        snapshot.state = Snapshot.State.BUILDING
        snapshot.attempts += 1
        snapshot.lease_until = now + LEASE
    snapshot.token += 1
    snapshot.save(update_fields=["state", "reason", "attempts", "token", "lease_until"])
    return snapshot


@transaction.atomic
def _watermark(snapshot: Snapshot) -> cutting.Watermark:
    """The point in time: taken once, while no submit is on its way, and kept for later attempts.

    A judgment's id is given before it is committed. Submits hold this lock shared until they have committed, so whoever
    holds it alone sees every id that was given; a later submit gets a greater one.
    """
    if "watermark" in snapshot.manifest:
        return cutting.Watermark(**snapshot.manifest["watermark"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SUBMITS, snapshot.project_id])
    watermark = cutting.newest(snapshot.project)
    batches = filters.read(snapshot.filters).batches
    freeze_judgments(snapshot.project, upto=watermark.judgment, batches=batches)
    snapshot.manifest = {"watermark": asdict(watermark)}
    _mine(snapshot).update(manifest=snapshot.manifest)
    return watermark


def _write(snapshot: Snapshot, folder: Folder, *, now: datetime, started: float) -> _Tally:
    cut = cutting.Cut(
        project_id=snapshot.project_id, filters=filters.read(snapshot.filters), watermark=_watermark(snapshot)
    )
    folder.start()
    for config, split in SHARDS:
        folder.json_lines(f"{config}-{split}.jsonl", formats.json_line)
        folder.parquet(f"{config}-{split}.parquet", formats.SCHEMAS[config]())
    tally = _Tally()
    for chunk in cutting.chunks(cut, left_out=tally.left_out):
        _beat(snapshot, until=now + timedelta(seconds=monotonic() - started) + LEASE)
        for judged in chunk:
            tally.count(judged)
            for config, rows in _records(judged).items():
                folder.writers[f"{config}-{judged.split}.jsonl"].add(rows)
                folder.writers[f"{config}-{judged.split}.parquet"].add(rows)
    if not tally.judgments:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.left_out.items())
        raise NothingToFreeze(f"There is no judgment to freeze{f' (left out: {reasons})' if reasons else ''}.")
    return tally


def _records(judged: cutting.Judged) -> dict[str, list[formats.Record]]:
    """The rows that one comparison gives, by config: a pair or a tie, and each of its judgments."""
    shown: dict[str, Any] = {"pair_id": judged.id, "prompt": judged.prompt, "a": judged.a, "b": judged.b}
    versions = ", ".join(dict.fromkeys(vote.guideline_version for vote in judged.votes))
    tied = judged.label.decision == "tie"
    record = formats.tie_record if tied else formats.pair_record
    labelled = record(
        **shown,
        label=judged.label,
        guideline_version=versions,
        implied=judged.implied,
        tags=judged.tags,
        language=judged.language,
    )
    judgments = [
        formats.judgment_record(
            **shown,
            split=judged.split,
            batch=judged.batch,
            rater=vote.rater,
            panel=vote.panel,
            preference=vote.preference,
            swapped=vote.swapped,
            seconds=vote.seconds,
            guideline_version=vote.guideline_version,
            qualities=vote.qualities,
            flags_a=vote.flags_a,
            flags_b=vote.flags_b,
            rules=vote.rules,
            no_rule=vote.no_rule,
            rationale=vote.rationale,
            implied=vote.implied,
            revision=vote.revision,
        )
        for vote in judged.votes
    ]
    return {"ties" if tied else "pairs": [labelled], "judgments": judgments}


def _beat(snapshot: Snapshot, *, until: datetime) -> None:
    if not _mine(snapshot).update(lease_until=until):
        raise LostClaim


def _mine(snapshot: Snapshot) -> Any:
    """The row, as long as this worker's claim on it holds."""
    return Snapshot.objects.filter(pk=snapshot.pk, state=Snapshot.State.BUILDING, token=snapshot.token)


def _file(snapshot: Snapshot, folder: Folder, tally: _Tally, *, now: datetime) -> None:
    """Name the folder and the row together. Raises LostClaim when the row is someone else's by now."""
    files = folder.finish()
    manifest = _manifest(snapshot, tally, files)
    sha256 = hashlib.sha256(_canonical({name: manifest[name] for name in HASHED}))
    (folder.path / "manifest.json").write_bytes(_canonical({**manifest, "sha256": sha256.hexdigest()}))
    with transaction.atomic():
        row = _mine(snapshot).select_for_update().first()
        if row is None:
            raise LostClaim
        Export.objects.filter(snapshot=row).delete()
        Export.objects.bulk_create(_export(row, file) for file in files)
        row.state, row.ready_at, row.lease_until, row.reason = Snapshot.State.READY, now, None, ""
        row.manifest, row.sha256 = manifest, sha256.hexdigest()
        row.save(update_fields=["state", "ready_at", "lease_until", "reason", "manifest", "sha256"])
        note(row.project, actor=row.created_by, action="snapshot.ready", subject=row, details={"sha256": row.sha256})
        folder.seal()


def _export(snapshot: Snapshot, file: Sealed) -> Export:
    stem, _, form = file.name.rpartition(".")
    config, _, split = stem.partition("-")
    return Export(snapshot=snapshot, config=config, split=split, format=form, **asdict(file))


def _manifest(snapshot: Snapshot, tally: _Tally, files: list[Sealed]) -> dict[str, Any]:
    rows = {file.name: file.rows for file in files}
    versions = cutting.guidelines_of(snapshot.project_id)
    return {
        "format": FORMAT,
        "code_version": _code_version(),
        "watermark": snapshot.manifest["watermark"],
        "filters": snapshot.filters,
        "counts": {
            "judgments": tally.judgments,
            "implied": tally.implied,
            "comparisons": tally.comparisons,
            "raters": len(tally.raters),
            "pairs": {split: rows[f"pairs-{split}.jsonl"] for split in SPLITS},
            "ties": {split: rows[f"ties-{split}.jsonl"] for split in SPLITS},
        },
        "left_out": {reason: tally.left_out[reason] for reason in cutting.REASONS},
        "files": {file.name: {"rows": file.rows, "bytes": file.bytes, "sha256": file.sha256} for file in files},
        "guidelines": [asdict(versions[version]) for version in sorted(tally.versions)],
        "questions": [asdict(fact) for fact in cutting.questions_of(snapshot.project_id, tally.batches)],
        "rules": RULES,
    }


def _canonical(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _code_version() -> str:
    with (Path(settings.BASE_DIR) / "pyproject.toml").open("rb") as stream:
        return str(tomllib.load(stream)["project"]["version"])


def _fail(snapshot: Snapshot, *, reason: str) -> None:
    _mine(snapshot).update(state=Snapshot.State.FAILED, reason=reason[:500], lease_until=None)


def _try_later(snapshot: Snapshot, *, reason: str, now: datetime) -> None:
    """Leave it to the next bell, and say what went wrong in case it is the last attempt."""
    _mine(snapshot).update(reason=reason[:500], lease_until=now + RETRY_AFTER)

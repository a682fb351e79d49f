"""The datasets page: every snapshot, and the chosen one with what is in it and how to load it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.template.defaultfilters import date, filesizeformat
from django.urls import reverse

from annotation.charts import Svg, stacked_bar
from snapshots.models import Snapshot
from snapshots.queries.files import snapshots_of

if TYPE_CHECKING:
    from raters.models import Project

PER_PAGE = 20
TONES = {Snapshot.State.READY: "good", Snapshot.State.FAILED: "bad"}
STATES = {Snapshot.State.READY: "Frozen"}
PYTHON = """\
# pip install datasets aiohttp
import os
from datasets import load_dataset

base = "{files}"
ds = load_dataset(
    "parquet",
    data_files={{split: f"{{base}}/pairs-{{split}}.parquet" for split in ("train", "test")}},
    storage_options={{"headers": {{"Authorization": "Bearer " + os.environ["TARE_TOKEN"]}}}},
)"""
CURL = """\
curl -sS --fail-with-body -O -C - \\
  -H "Authorization: Bearer $TARE_TOKEN" \\
  "{files}/pairs-train.jsonl\""""


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot in the list."""

    id: int
    name: str
    state: str
    facts: str
    when: str
    current: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A name with a value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of the snapshot."""

    name: str
    rows: int
    size: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Learner:
    """A run that learns from it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The snapshot that is shown."""

    name: str
    state: str
    tone: str
    reason: str
    sha256: str
    snippet: str
    curl: str
    bar: Svg
    bar_text: str
    contents: tuple[Item, ...]
    left_out: tuple[Item, ...]
    files: tuple[File, ...]
    runs: tuple[Learner, ...]


@dataclass(frozen=True, slots=True)
class DatasetsPage:
    """All that the page shows."""

    snapshots: Page[Entry]
    chosen: Chosen | None


def datasets_page(project: Project, *, chosen: str, number: str, origin: str) -> DatasetsPage:
    """The page. `chosen` and `number` are as the address has them; what they cannot mean is the newest."""
    rows = snapshots_of(project).order_by("-pk")
    page = Paginator(rows, PER_PAGE).get_page(number)
    is_id = chosen.isascii() and chosen.isdecimal() and len(chosen) < 19
    shown = (rows.filter(pk=int(chosen)).first() if is_id else None) or next(iter(page), None)
    entries = [_entry(row, current=row == shown) for row in page]
    return DatasetsPage(
        snapshots=Page(entries, page.number, page.paginator),  # type: ignore[arg-type]  # it counts rows, whatever they are
        chosen=None if shown is None else _chosen(shown, origin=origin),
    )


def _entry(snapshot: Snapshot, *, current: bool) -> Entry:
    return Entry(
        id=snapshot.pk,
        name=snapshot.name,
        state=_state(snapshot),
        facts=_facts(snapshot),
        when=date(snapshot.ready_at or snapshot.created_at, "j M"),
        current=current,
    )


def _state(snapshot: Snapshot) -> str:
    return STATES.get(Snapshot.State(snapshot.state), snapshot.get_state_display())


def _facts(snapshot: Snapshot) -> str:
    if snapshot.state != Snapshot.State.READY:
        return ""
    pairs = sum(snapshot.manifest["counts"]["pairs"].values())
    versions = [fact["version"] for fact in snapshot.manifest["guidelines"]]
    return f"{pairs:,} pairs, guidelines {' '.join(dict.fromkeys(versions))}"


def _chosen(snapshot: Snapshot, *, origin: str) -> Chosen:
    shown = Chosen(
        name=snapshot.name,
        state=_state(snapshot),
        tone=TONES.get(Snapshot.State(snapshot.state), "live"),
        reason=snapshot.reason if snapshot.state == Snapshot.State.FAILED else "",
        sha256=snapshot.sha256,
        snippet="",
        curl="",
        bar=Svg(),
        bar_text="",
        contents=(),
        left_out=(),
        files=(),
        # the runs are a later room's rows, but the database knows which of them name this snapshot
        runs=tuple(Learner(pk, name) for pk, name in snapshot.runs.order_by("-pk").values_list("pk", "name")[:20]),
    )
    return _with_contents(shown, snapshot, origin=origin) if snapshot.state == Snapshot.State.READY else shown


def _with_contents(shown: Chosen, snapshot: Snapshot, *, origin: str) -> Chosen:
    counts, left_out = snapshot.manifest["counts"], snapshot.manifest["left_out"]
    parts = [
        ("train", counts["pairs"]["train"], "acc"),
        ("test", counts["pairs"]["test"], "ink"),
        ("ties", sum(counts["ties"].values()), "tie"),
    ]
    text = ", ".join(f"{name} {count:,}" for name, count, _ in parts)
    place = reverse("api-snapshot-file", args=[snapshot.pk, "x"]).removesuffix("/x")
    files = origin.rstrip("/") + place
    return replace(
        shown,
        snippet=PYTHON.format(files=files),
        curl=CURL.format(files=files),
        bar=stacked_bar(parts, title=text),
        bar_text=text,
        contents=(
            Item("Judgments", f"{counts['judgments']:,} by {counts['raters']:,} raters"),
            *_implied(counts),
            Item("Comparisons", f"{counts['comparisons']:,}"),
            Item("Ties", f"{parts[2][1]:,}, kept apart"),
            Item("Guidelines", ", ".join(f"{fact['guideline']} {fact['version']}" for fact in _guidelines(snapshot))),
        ),
        left_out=tuple(Item(reason.capitalize(), f"{count:,}") for reason, count in left_out.items() if count),
        files=tuple(
            File(export.name, export.rows, filesizeformat(export.bytes), export.sha256)
            for export in snapshot.exports.all()
        ),
    )


def _implied(counts: dict[str, Any]) -> list[Item]:
    """How many judgments follow from rankings and edits. The first format of snapshots had none, and no count."""
    return [Item("Implied", f"{counts['implied']:,} of them, by rankings and edits")] if counts.get("implied") else []


def _guidelines(snapshot: Snapshot) -> list[dict[str, str]]:
    facts: list[dict[str, str]] = snapshot.manifest["guidelines"]
    return facts

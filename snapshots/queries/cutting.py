"""The judgments below a watermark, a chunk of comparisons at a time: what goes into a snapshot, and what stays out.

What counts: of a comparison that is no gold item, each judgment that was not taken back, not replaced by a later one of
the same rater, not surplus (it came after its slot was filled: kept for the rater's sake, but not asked for), and not
given to an item that was shown to learn about the rater (its label was certain, or it was theirs of long ago). A
judgment that a ranking or an edit implies has no assignment: when its answer is replaced, it is taken back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Max, OuterRef

from annotation.aggregation import SoftLabel, aggregate
from annotation.kinds import Asks
from annotation.models import COUNTED, Adjudication, Batch, Comparison, Judgment, Withdrawal
from guidelines.models import GuidelineVersion
from raters.models import Standing
from snapshots.filters import Filters

if TYPE_CHECKING:
    from raters.models import Project

CHUNK = 500
GONE = ("rater-gone", 0)  # a standing is made with the first judgment and stays; this is for a row removed by hand
REASONS = (
    "gold",
    "withdrawn",
    "superseded",
    "surplus",
    "asked about the rater",
    "other guideline version",
    "below min_certainty",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """The newest rows that a cut may see: everything up to these ids is committed, or never will be."""

    judgment: int
    withdrawal: int
    verdict: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A point in time, and what was asked for."""

    project_id: int
    filters: Filters
    watermark: Watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One judgment, as it is exported: no name, no address."""

    id: int
    rater: str
    panel: int
    preference: int
    swapped: bool
    seconds: float
    guideline_version_id: int
    guideline_version: str
    qualities: dict[str, int]
    flags_a: tuple[str, ...]
    flags_b: tuple[str, ...]
    rules: tuple[str, ...]
    no_rule: bool
    rationale: str
    implied: bool
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One comparison with the judgments that count, and the label they make."""

    id: int
    batch: int
    prompt: list[dict[str, str]]
    a: str
    b: str
    tags: tuple[str, ...]
    language: str
    source: str
    split: str
    votes: tuple[Vote, ...]
    label: SoftLabel

    @property
    def implied(self) -> float:
        """The share of the votes that follow from a ranking or an edit."""
        return sum(vote.implied for vote in self.votes) / len(self.votes)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineFact:
    """A guideline version as the manifest names it."""

    guideline: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFact:
    """What was asked in a batch, as the manifest names it: `asks` as `annotation.kinds.Asks` writes it."""

    batch: int
    name: str
    kind: str
    asks: dict[str, Any]


def newest(project: Project) -> Watermark:
    """The newest rows now. Safe as a watermark only while no submit is on its way: see `freezing`."""

    def top(rows: Any) -> int:
        return rows.aggregate(top=Max("pk"))["top"] or 0

    return Watermark(
        judgment=top(Judgment.objects.filter(comparison__project=project)),
        withdrawal=top(Withdrawal.objects.filter(judgment__comparison__project=project)),
        verdict=top(Adjudication.objects.filter(comparison__project=project)),
    )


def guidelines_of(project_id: int) -> dict[int, GuidelineFact]:
    """Every guideline version of the project, by id."""
    versions = GuidelineVersion.objects.filter(guideline__project=project_id).select_related("guideline")
    return {
        version.pk: GuidelineFact(guideline=version.guideline.name, version=version.label, sha256=version.sha256)
        for version in versions.defer("text", "html")
    }


def questions_of(project_id: int, batches: Collection[int]) -> list[BatchFact]:
    """What was asked in each of these batches of the project, by id. A batch never changes what it asks."""
    rows = Batch.objects.filter(project=project_id, pk__in=batches).order_by("pk")
    return [
        BatchFact(batch=batch.pk, name=batch.name, kind=batch.kind, asks=Asks.read(batch.asks).write())
        for batch in rows.only("name", "kind", "asks")
    ]


def chunks(cut: Cut, *, left_out: Counter[str]) -> Iterator[list[Judged]]:
    """The comparisons of the cut in the order of their ids, and into `left_out` how many judgments stay out, why."""
    raters = {
        user: (pseudonym, panel)
        for user, pseudonym, panel in Standing.objects.filter(project=cut.project_id).values_list(
            "user", "pseudonym", "panel"
        )
    }
    versions = guidelines_of(cut.project_id)
    last = 0
    while rows := _comparisons(cut, after=last):
        last = rows[-1]["pk"]
        votes = _votes(cut, rows, raters=raters, versions=versions, left_out=left_out)
        verdicts = _verdicts(cut, rows)
        found = (_judged(row, votes[row["pk"]], verdicts.get(row["pk"])) for row in rows if votes[row["pk"]])
        yield [judged for judged in found if _certain_enough(judged, cut, left_out)]


def _comparisons(cut: Cut, *, after: int) -> list[dict[str, Any]]:
    judged = Judgment.objects.filter(comparison=OuterRef("pk"), pk__lte=cut.watermark.judgment)
    rows = Comparison.objects.filter(Exists(judged), project=cut.project_id, pk__gt=after)
    if cut.filters.batches:
        rows = rows.filter(batch__in=cut.filters.batches)
    wanted = (
        "pk",
        "batch_id",
        "gold_preference",
        "prompt__messages",
        "prompt__tags",
        "prompt__language",
        "prompt__source",
        "prompt__held_out",
        "response_a__text",
        "response_b__text",
    )
    return list(rows.order_by("pk").values(*wanted)[:CHUNK])


def _votes(
    cut: Cut,
    rows: list[dict[str, Any]],
    *,
    raters: dict[int, tuple[str, int]],
    versions: dict[int, GuidelineFact],
    left_out: Counter[str],
) -> dict[int, tuple[Vote, ...]]:
    """The judgments that count, by comparison, oldest first."""
    gold = {row["pk"] for row in rows if row["gold_preference"] is not None}
    judgments = _judgments(cut, [row["pk"] for row in rows])
    withdrawn = _withdrawn(cut, judgments)
    newest_of: dict[int, int] = {}
    for judgment in judgments:
        if judgment.assignment_id is not None:
            newest_of[judgment.assignment_id] = max(judgment.revision, newest_of.get(judgment.assignment_id, 0))
    counted = []
    for judgment in judgments:
        reason = _reason_against(judgment, cut, gold=gold, withdrawn=withdrawn, newest_of=newest_of)
        if reason:
            left_out[reason] += 1
        else:
            counted.append(judgment)
    rules = _rules(counted)
    votes: dict[int, list[Vote]] = defaultdict(list)
    for judgment in counted:
        rater, panel = raters.get(judgment.rater_id, GONE)
        votes[judgment.comparison_id].append(
            Vote(
                id=judgment.pk,
                rater=rater,
                panel=panel,
                preference=judgment.preference,
                swapped=judgment.swapped,
                seconds=judgment.seconds,
                guideline_version_id=judgment.guideline_version_id,
                guideline_version=versions[judgment.guideline_version_id].version,
                qualities=judgment.qualities,
                flags_a=tuple(judgment.flags_a),
                flags_b=tuple(judgment.flags_b),
                rules=tuple(rules[judgment.pk]),
                no_rule=judgment.no_rule,
                rationale=judgment.rationale,
                implied=judgment.is_implied,
                revision=judgment.revision,
            )
        )
    return defaultdict(tuple, {comparison: tuple(found) for comparison, found in votes.items()})


def _judgments(cut: Cut, comparisons: list[int]) -> list[Judgment]:
    rows = Judgment.objects.filter(comparison__in=comparisons, pk__lte=cut.watermark.judgment)
    return list(rows.order_by("pk").defer("key", "fingerprint", "created_at"))


def _withdrawn(cut: Cut, judgments: list[Judgment]) -> set[int]:
    rows = Withdrawal.objects.filter(judgment__in=judgments, pk__lte=cut.watermark.withdrawal)
    return set(rows.values_list("judgment_id", flat=True))


def _reason_against(
    judgment: Judgment, cut: Cut, *, gold: set[int], withdrawn: set[int], newest_of: dict[int, int]
) -> str:
    wanted = cut.filters.guideline_versions
    against = (
        judgment.comparison_id in gold,
        judgment.pk in withdrawn,
        judgment.assignment_id is not None and judgment.revision < newest_of[judgment.assignment_id],
        judgment.surplus,
        judgment.purpose not in COUNTED,
        bool(wanted) and judgment.guideline_version_id not in wanted,
    )
    return next((reason for reason, holds in zip(REASONS, against, strict=False) if holds), "")


def _rules(judgments: list[Judgment]) -> dict[int, list[str]]:
    cited = Judgment.rules.through.objects.filter(judgment__in=judgments).order_by("judgment_id", "rule__position")
    rules: dict[int, list[str]] = defaultdict(list)
    for judgment_id, number in cited.values_list("judgment_id", "rule__number"):
        rules[judgment_id].append(number)
    return rules


def _verdicts(cut: Cut, rows: list[dict[str, Any]]) -> dict[int, int]:
    """The newest verdict of each comparison: it outweighs the judgments."""
    verdicts = Adjudication.objects.filter(comparison__in=[row["pk"] for row in rows], pk__lte=cut.watermark.verdict)
    return dict(verdicts.order_by("pk").values_list("comparison_id", "preference"))


def _judged(row: dict[str, Any], votes: tuple[Vote, ...], verdict: int | None) -> Judged:
    return Judged(
        id=row["pk"],
        batch=row["batch_id"],
        prompt=row["prompt__messages"],
        a=row["response_a__text"],
        b=row["response_b__text"],
        tags=tuple(row["prompt__tags"]),
        language=row["prompt__language"],
        source=row["prompt__source"],
        split="test" if row["prompt__held_out"] else "train",
        votes=votes,
        label=_label([vote.preference for vote in votes], verdict),
    )


def _label(preferences: list[int], verdict: int | None) -> SoftLabel:
    """As `annotation.actions.fold_labels` makes it, from the judgments of this cut alone."""
    if verdict is None:
        return aggregate(preferences)
    return replace(aggregate([verdict]), certainty=1.0, method="adjudication", n=len(preferences))


def _certain_enough(judged: Judged, cut: Cut, left_out: Counter[str]) -> bool:
    if judged.label.certainty >= cut.filters.min_certainty:
        return True
    left_out[REASONS[-1]] += len(judged.votes)
    return False

"""Records of a snapshot, as trainers read them. Pure; pyarrow is imported only where a schema is asked for.

`pairs` is TRL's explicit-prompt preference format in conversational form, with what a trainer may use beside it:
`margin` (RewardTrainer), `soft_label` and `certainty` (weights or filters), `implied` (the share of the votes that
follow from a ranking or an edit). A comparison without a preferred response has neither chosen nor rejected: it goes
to `ties`, with its responses as a and b. `judgments` has one row for each judgment, with the rater's pseudonym.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from annotation.aggregation import SoftLabel

if TYPE_CHECKING:
    import pyarrow as pa

Message = Mapping[str, str]
Record = dict[str, Any]

# U+0085, U+2028 and U+2029 are legal inside JSON strings, but end a line for many readers of JSON lines; a lone
# surrogate cannot be written as UTF-8 at all.
BREAKS_A_LINE = re.compile("[\u0085\u2028\u2029\ud800-\udfff]")


class NoPreference(ValueError):
    """The label is a tie, so neither response is the chosen one; it belongs among the ties."""


def pair_record(
    *,
    pair_id: int | str,
    prompt: Sequence[Message],
    a: str,
    b: str,
    label: SoftLabel,
    guideline_version: str,
    implied: float = 0.0,
    tags: Sequence[str] = (),
    language: str = "",
) -> Record:
    """A comparison that has a preferred response. Raises NoPreference for a tie.

    All figures are turned towards the chosen response: `soft_label` is the probability that it is preferred (above
    one half), `score` the mean preference for it (-3 to 3, below 0 when few but strong voices were against it),
    `margin` the same from 0 to 1. `implied` is a share from 0 to 1: at 1 nobody saw the two side by side.
    """
    if label.decision == "tie":
        raise NoPreference(f"Comparison {pair_id} is a tie.")
    b_is_chosen = label.decision == "b"
    return {
        "prompt": _messages(prompt),
        "chosen": _reply(b if b_is_chosen else a),
        "rejected": _reply(a if b_is_chosen else b),
        "score": label.score if b_is_chosen else 0.0 - label.score,  # 0.0 - x: a file has no use for minus zero
        "margin": label.margin,
        "soft_label": label.soft if b_is_chosen else 1 - label.soft,
        **_about(pair_id, label, implied, guideline_version, tags, language),
    }


def tie_record(
    *,
    pair_id: int | str,
    prompt: Sequence[Message],
    a: str,
    b: str,
    label: SoftLabel,
    guideline_version: str,
    implied: float = 0.0,
    tags: Sequence[str] = (),
    language: str = "",
) -> Record:
    """Any comparison with its responses as a and b: `soft_label` is the probability that b is preferred."""
    return {
        "prompt": _messages(prompt),
        "a": _reply(a),
        "b": _reply(b),
        "score": label.score,
        "tie": label.tie,
        "soft_label": label.soft,
        **_about(pair_id, label, implied, guideline_version, tags, language),
    }


def judgment_record(
    *,
    pair_id: int | str,
    prompt: Sequence[Message],
    a: str,
    b: str,
    split: str,
    batch: int,
    rater: str,
    panel: int,
    preference: int,
    swapped: bool,
    seconds: float,
    guideline_version: str,
    qualities: Mapping[str, int] | None = None,
    flags_a: Sequence[str] = (),
    flags_b: Sequence[str] = (),
    rules: Sequence[str] = (),
    no_rule: bool = False,
    rationale: str = "",
    implied: bool = False,
    revision: int = 0,
) -> Record:
    """One judgment. `preference` is -3 (a much better) to 3 (b much better) whatever side was which.

    `qualities` are name to -1 (a better), 0 (the same) or 1 (b better), and become a list of name and value in the
    order of the names: columns are then the same whatever a project asks. What was asked stands in the manifest,
    under `batch`. `rater` is a pseudonym; `swapped` says that b was shown on the left; `seconds` is active time.
    `implied` judgments follow from a ranking or an edit; `revision` counts a rater's answers to one comparison.
    """
    return {
        "pair_id": str(pair_id),
        "prompt": _messages(prompt),
        "a": a,
        "b": b,
        "split": split,
        "batch": batch,
        "rater": rater,
        "panel": panel,
        "preference": preference,
        "swapped": swapped,
        "seconds": float(seconds),
        "guideline_version": guideline_version,
        "qualities": [{"name": name, "value": value} for name, value in sorted((qualities or {}).items())],
        "flags_a": sorted(flags_a),
        "flags_b": sorted(flags_b),
        "rules": list(rules),
        "no_rule": no_rule,
        "rationale": rationale,
        "implied": implied,
        "revision": revision,
    }


def json_line(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON, without the line end. The same record always gives the same text.

    Raises ValueError for a number that is not finite: JSON has none.
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return BREAKS_A_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def pairs_schema() -> pa.Schema:
    """Columns of `pair_record`."""
    import pyarrow as pa

    conversation = _conversation()
    return pa.schema(
        [
            pa.field("prompt", conversation, nullable=False),
            pa.field("chosen", conversation, nullable=False),
            pa.field("rejected", conversation, nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("margin", pa.float64(), nullable=False),
            pa.field("soft_label", pa.float64(), nullable=False),
            *_about_fields(),
        ]
    )


def ties_schema() -> pa.Schema:
    """Columns of `tie_record`."""
    import pyarrow as pa

    conversation = _conversation()
    return pa.schema(
        [
            pa.field("prompt", conversation, nullable=False),
            pa.field("a", conversation, nullable=False),
            pa.field("b", conversation, nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("tie", pa.float64(), nullable=False),
            pa.field("soft_label", pa.float64(), nullable=False),
            *_about_fields(),
        ]
    )


def judgments_schema() -> pa.Schema:
    """Columns of `judgment_record`."""
    import pyarrow as pa

    conversation = _conversation()
    return pa.schema(
        [
            pa.field("pair_id", pa.string(), nullable=False),
            pa.field("prompt", conversation, nullable=False),
            pa.field("a", pa.string(), nullable=False),
            pa.field("b", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("batch", pa.int64(), nullable=False),
            pa.field("rater", pa.string(), nullable=False),
            pa.field("panel", pa.int16(), nullable=False),
            pa.field("preference", pa.int8(), nullable=False),
            pa.field("swapped", pa.bool_(), nullable=False),
            pa.field("seconds", pa.float64(), nullable=False),
            pa.field("guideline_version", pa.string(), nullable=False),
            pa.field("qualities", pa.list_(_quality()), nullable=False),
            pa.field("flags_a", pa.list_(pa.string()), nullable=False),
            pa.field("flags_b", pa.list_(pa.string()), nullable=False),
            pa.field("rules", pa.list_(pa.string()), nullable=False),
            pa.field("no_rule", pa.bool_(), nullable=False),
            pa.field("rationale", pa.string(), nullable=False),
            pa.field("implied", pa.bool_(), nullable=False),
            pa.field("revision", pa.int16(), nullable=False),
        ]
    )


SCHEMAS: dict[str, Callable[[], pa.Schema]] = {
    "pairs": pairs_schema,
    "ties": ties_schema,
    "judgments": judgments_schema,
}
"""The schema of each kind of record, made when called."""


def _messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Role and content alone, in that order: the same conversation is always the same bytes."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _reply(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _about(
    pair_id: int | str, label: SoftLabel, implied: float, guideline_version: str, tags: Sequence[str], language: str
) -> Record:
    return {
        "n_judgments": label.n,
        "implied": float(implied),
        "certainty": label.certainty,
        "guideline_version": guideline_version,
        "pair_id": str(pair_id),
        "tags": list(tags),
        "language": language,
    }


def _about_fields() -> list[pa.Field]:
    import pyarrow as pa

    return [
        pa.field("n_judgments", pa.int32(), nullable=False),
        pa.field("implied", pa.float64(), nullable=False),
        pa.field("certainty", pa.float64(), nullable=False),
        pa.field("guideline_version", pa.string(), nullable=False),
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("tags", pa.list_(pa.string()), nullable=False),
        pa.field("language", pa.string(), nullable=False),
    ]


def _quality() -> pa.DataType:
    import pyarrow as pa

    return pa.struct([pa.field("name", pa.string()), pa.field("value", pa.int8())])


def _conversation() -> pa.DataType:
    import pyarrow as pa

    return pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))

"""Records that trainers read, and lines that stay lines."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.aggregation import SoftLabel, aggregate
from snapshots.formats import SCHEMAS, NoPreference, json_line, judgment_record, pair_record, tie_record

PROMPT = [{"role": "user", "content": "What is 2 plus 3?"}]


def pair(label: SoftLabel, **changes: Any) -> dict[str, Any]:
    return pair_record(
        **{
            "pair_id": 7,
            "prompt": PROMPT,
            "a": "five",
            "b": "six",
            "label": label,
            "guideline_version": "1.0",
            "tags": ("sum",),
            "language": "en",
            **changes,
        }
    )


def tie(label: SoftLabel) -> dict[str, Any]:
    return tie_record(pair_id=7, prompt=PROMPT, a="five", b="six", label=label, guideline_version="1.0")


def judgment(**changes: Any) -> dict[str, Any]:
    return judgment_record(
        **{
            "pair_id": 7,
            "prompt": PROMPT,
            "a": "five",
            "b": "six",
            "split": "train",
            "batch": 3,
            "rater": "rater-1",
            "panel": 1,
            "preference": -2,
            "swapped": True,
            "seconds": 12,
            "guideline_version": "1.0",
            **changes,
        }
    )


def test_the_preferred_response_is_chosen() -> None:
    record = pair(aggregate([-2, -1, 1]))
    assert record["chosen"] == [{"role": "assistant", "content": "five"}]
    assert record["rejected"] == [{"role": "assistant", "content": "six"}]


def test_all_figures_are_turned_towards_the_chosen_response() -> None:
    record = pair(aggregate([-3, -3, 0]))
    assert record["soft_label"] == pytest.approx(5 / 6)
    assert record["score"] == pytest.approx(2.0)
    assert record["margin"] == pytest.approx(2 / 3)


def test_a_record_says_what_it_rests_on() -> None:
    record = pair(aggregate([1, 2]))
    assert (record["n_judgments"], record["guideline_version"], record["pair_id"]) == (2, "1.0", "7")
    assert (record["tags"], record["language"]) == (["sum"], "en")


def test_the_prompt_keeps_role_and_content_only() -> None:
    record = pair(aggregate([1]), prompt=[{"content": "Hi", "role": "user", "id": "x"}])
    assert json.dumps(record["prompt"]) == '[{"role": "user", "content": "Hi"}]'


def test_a_tie_is_never_chosen() -> None:
    with pytest.raises(NoPreference):
        pair(aggregate([1, -1]))


def test_a_tie_has_its_own_record_with_a_and_b() -> None:
    record = tie(aggregate([0, 0, 1, -1]))
    assert (record["a"][0]["content"], record["b"][0]["content"]) == ("five", "six")
    assert (record["soft_label"], record["tie"]) == (0.5, 0.5)


def test_a_pair_says_how_much_of_it_is_implied() -> None:
    assert (pair(aggregate([1]), implied=0.5)["implied"], pair(aggregate([1]))["implied"]) == (0.5, 0.0)
    assert tie(aggregate([0]))["implied"] == 0.0


def test_qualities_are_a_list_in_the_order_of_their_names() -> None:
    record = judgment(qualities={"safe": 0, "as_asked": -1})
    assert record["qualities"] == [{"name": "as_asked", "value": -1}, {"name": "safe", "value": 0}]


def test_the_columns_are_the_same_whatever_was_asked() -> None:
    assert list(judgment()) == list(judgment(qualities={"a": 1}, flags_a=("unsafe",), no_rule=True, implied=True))


def test_a_judgment_names_only_the_pseudonym_of_its_rater() -> None:
    assert judgment()["rater"] == "rater-1"


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=7))
@settings(deadline=None)
def test_swapping_the_responses_gives_the_same_pair(preferences: list[int]) -> None:
    label, mirrored = aggregate(preferences), aggregate([-p for p in preferences])
    if label.decision == "tie":
        return
    record, other = pair(label), pair(mirrored, a="six", b="five")
    assert record.pop("soft_label") == pytest.approx(other.pop("soft_label"))
    assert record.pop("certainty") == pytest.approx(other.pop("certainty"))
    assert record == other


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("pairs", pair(aggregate([2]))),
        ("ties", tie(aggregate([0]))),
        ("judgments", judgment()),
        ("judgments", judgment(qualities={"safe": -1}, flags_b=("unsafe", "broken"), revision=2)),
    ],
)
def test_a_record_goes_through_parquet_unchanged(kind: str, record: dict[str, Any]) -> None:
    schema = SCHEMAS[kind]()
    assert schema.names == list(record)
    buffer = BytesIO()
    pq.write_table(pa.Table.from_pylist([record], schema=schema), buffer)
    assert pq.read_table(BytesIO(buffer.getvalue())).to_pylist() == [record]


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_an_empty_file_still_has_its_columns(kind: str) -> None:
    assert pa.Table.from_pylist([], schema=SCHEMAS[kind]()).num_columns > 0


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_a_record_is_one_line_for_every_reader_and_comes_back_unchanged(text: str) -> None:
    line = json_line({"text": text, "deep": [{text: text}]})
    assert len(line.splitlines()) == 1
    line.encode("utf-8")
    assert json.loads(line) == {"text": text, "deep": [{text: text}]}


@pytest.mark.parametrize("ending", ["\u0085", "\u2028", "\u2029", "\n", "\r\n", "\x0b", "\x0c", "\x1c"])
def test_what_ends_a_line_is_written_as_an_escape(ending: str) -> None:
    assert ending not in json_line({"text": f"a{ending}b"})


def test_half_a_character_can_still_be_written() -> None:
    assert json_line({"text": "a\ud800b"}).encode("utf-8") == b'{"text":"a\\ud800b"}'


def test_other_scripts_stay_readable() -> None:
    assert "日本" in json_line({"text": "日本"})


def test_a_number_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_line({"score": float("nan")})

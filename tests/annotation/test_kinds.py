"""One definition of what is asked: read and written without loss, refused in words, and one meaning for every scale."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.kinds import (
    FLAGS,
    LONGEST_HINT,
    LONGEST_LABEL,
    MOST_QUALITIES,
    PAIRWISE_STEPS,
    SCALES,
    SLUG,
    Asks,
    BadAsks,
    Quality,
    canonical,
    name_of,
)

one_line = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
qualities = st.lists(
    st.builds(
        Quality,
        name=st.from_regex(SLUG, fullmatch=True),
        label=one_line.map(lambda text: text[:LONGEST_LABEL]).filter(str.strip),
        hint=one_line.map(lambda text: text[:LONGEST_HINT]),
    ),
    max_size=MOST_QUALITIES,
    unique_by=(lambda quality: quality.name, lambda quality: quality.label.casefold()),
)


@st.composite
def asked(draw: st.DrawFn) -> Asks:
    """Anything that may be asked."""
    one_in = draw(st.integers(0, 1000))
    return Asks(
        steps=draw(st.sampled_from([3, 5, 7])),
        qualities=tuple(draw(qualities)),
        qualities_required=draw(st.booleans()),
        rule_required=draw(st.booleans()),
        rationale_one_in=one_in,
        rationale_required=bool(one_in) and draw(st.booleans()),
        flags=tuple(draw(st.lists(st.sampled_from(list(FLAGS)), unique=True))),
        show_words=draw(st.booleans()),
        read_to_end=draw(st.booleans()),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(asked())
def test_what_is_written_is_read_back_unchanged(asks: Asks) -> None:
    assert Asks.read(asks.write()) == asks
    assert Asks.read(json.loads(json.dumps(asks.write()))) == asks


@given(st.dictionaries(st.sampled_from([*Asks().write(), "strange"]), json_values))
def test_whatever_is_read_is_questions_or_a_refusal_in_words(data: dict[str, Any]) -> None:
    try:
        asks = Asks.read(data)
    except BadAsks as refusal:
        assert str(refusal).endswith(".")
    else:
        assert Asks.read(asks.write()) == asks


def test_what_is_not_named_is_as_usual() -> None:
    assert Asks.read({}) == Asks()
    assert Asks.read({"steps": 5}).qualities == Asks().qualities


@pytest.mark.parametrize(("steps", "values"), [(3, [-2, 0, 2]), (5, [-3, -1, 0, 1, 3]), (7, [-3, -2, -1, 0, 1, 2, 3])])
def test_every_scale_has_its_values_from_left_to_right(steps: int, values: list[int]) -> None:
    scale = Asks(steps=steps).scale
    assert [step.value for step in scale] == values
    assert [step.key for step in scale] == [str(place) for place in range(1, steps + 1)]


@pytest.mark.parametrize("steps", list(SCALES))
def test_a_value_means_the_same_on_every_scale(steps: int) -> None:
    words = {step.value: (step.label, step.side) for step in PAIRWISE_STEPS}
    assert all((step.label, step.side) == words[step.value] for step in SCALES[steps])


@pytest.mark.parametrize("steps", list(SCALES))
def test_a_scale_treats_both_sides_alike(steps: int) -> None:
    values = {step.value for step in SCALES[steps]}
    assert {canonical(value, swapped=True) for value in values} == values


@pytest.mark.parametrize(
    ("data", "at", "words"),
    [
        ({"steps": 4}, ("steps",), "use 3, 5 or 7"),
        ({"steps": "7"}, ("steps",), "use 3, 5 or 7"),
        ({"steps": 7.0}, ("steps",), "use 3, 5 or 7"),
        ({"steps": True}, ("steps",), "use 3, 5 or 7"),
        ({"qualities": [{"name": f"q{n}", "label": "Q"} for n in range(7)]}, ("qualities",), "6 at most"),
        ({"qualities": [{"name": "Bad", "label": "Bad"}]}, ("qualities", 0, "name"), "small letters"),
        ({"qualities": [{"name": "a" * 31, "label": "A"}]}, ("qualities", 0, "name"), "small letters"),
        ({"qualities": [{"name": 3, "label": "A"}]}, ("qualities", 0, "name"), "small letters"),
        ({"qualities": [{"name": "a", "label": ""}]}, ("qualities", 0, "label"), "1 to 40 characters"),
        ({"qualities": [{"name": "a", "label": "  "}]}, ("qualities", 0, "label"), "1 to 40 characters"),
        ({"qualities": [{"name": "a", "label": "x" * 41}]}, ("qualities", 0, "label"), "1 to 40 characters"),
        ({"qualities": [{"name": "a", "label": ["A"]}]}, ("qualities", 0, "label"), "1 to 40 characters"),
        ({"qualities": [{"name": "a", "label": "A\x00"}]}, ("qualities", 0, "label"), "on one line"),
        ({"qualities": [{"name": "a", "label": "A", "hint": "x" * 201}]}, ("qualities", 0, "hint"), "at most 200"),
        ({"qualities": [{"name": "a", "label": "A", "hint": "\ud800"}]}, ("qualities", 0, "hint"), "on one line"),
        ({"qualities": [{"name": "a", "label": "A"}] * 2}, ("qualities", 1, "name"), "the same name"),
        (
            {"qualities": [{"name": "a", "label": "Safe"}, {"name": "b", "label": "SAFE"}]},
            ("qualities", 1, "label"),
            "the same label",
        ),
        ({"qualities": [{"name": "a"}]}, (), "name, label and hint"),
        ({"qualities": [{"name": "a", "label": "A", "colour": "red"}]}, (), "name, label and hint"),
        ({"qualities": None}, (), "is needed"),
        ({"qualities": "safe"}, (), "is needed"),
        ({"flags": ["rude"]}, ("flags", 0), "personal_data"),
        ({"flags": ["unsafe", "unsafe"]}, ("flags", 1), "each once"),
        ({"flags": [["unsafe"]]}, (), "is needed"),
        ({"flags": None}, (), "is needed"),
        ({"rationale_one_in": -1}, ("rationale_one_in",), "never (0)"),
        ({"rationale_one_in": 1001}, ("rationale_one_in",), "never (0)"),
        ({"rationale_one_in": 2.5}, ("rationale_one_in",), "never (0)"),
        ({"rationale_one_in": 0, "rationale_required": True}, ("rationale_required",), "cannot be required"),
        ({"rule_required": "yes"}, ("rule_required",), "true or false"),
        ({"qualities_required": 1}, ("qualities_required",), "true or false"),
        ({"colour": "red"}, ("colour",), "Unknown question 'colour'"),
    ],
)
def test_what_cannot_be_asked_is_refused_where_it_stands(data: dict[str, Any], at: tuple[Any, ...], words: str) -> None:
    with pytest.raises(BadAsks) as refusal:
        Asks.read(data)
    assert refusal.value.at == at
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Accurate", "accurate"),
        ("As asked", "as_asked"),
        ("Ça va?", "ca_va"),
        ("3 facts", "facts"),
        ("準確", "quality"),
        ("A" * 40, "a" * 26),
        ("!!!", "quality"),
    ],
)
def test_a_name_is_made_from_a_label(label: str, name: str) -> None:
    assert name_of(label, taken=()) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert name_of("Clear", taken={"clear", "clear_2"}) == "clear_3"


@given(one_line, st.sets(st.from_regex(SLUG, fullmatch=True)))
def test_every_label_makes_a_name_that_may_be_asked(label: str, taken: set[str]) -> None:
    name = name_of(label, taken=taken)
    assert SLUG.fullmatch(name)
    assert name not in taken


@pytest.mark.parametrize(("one_in", "asked_on"), [(0, []), (1, [1, 2, 3, 4, 5, 6, 7, 8]), (4, [4, 8]), (1000, [])])
def test_a_reason_is_asked_on_one_item_in_so_many(one_in: int, asked_on: list[int]) -> None:
    asks = Asks(rationale_one_in=one_in)
    assert [number for number in range(1, 9) if asks.asks_rationale(number)] == asked_on

"""Charts are markup that is safe to print and says what it shows."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation import charts

HOSTILE = "</title><script>alert(1)</script>\"'&"
SVG = "{http://www.w3.org/2000/svg}"


def drawing(svg: charts.Svg) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


def every_chart(word: str, values: list[float]) -> list[charts.Svg]:
    series = charts.Series(word, range(len(values)), values, tone="acc")
    line = charts.line_chart(
        [series],
        title=word,
        x_title=word,
        x_name=word,
        limits=[charts.Mark(1.0, word)],
        moments=[charts.Mark(1.0, word)],
        trouble_from=charts.Mark(1.0, word),
    )
    bars = charts.bar_chart([charts.Bar(word, 2.0)], title=word, columns=(word, word))
    diagram = charts.reliability_diagram([charts.Bin(0.7, 0.6, 9)], title=word)
    parts = charts.stacked_bar([(word, 3, "acc")], title=word)
    return [
        line.svg,
        bars.svg,
        diagram.svg,
        parts,
        charts.whisker(0.5, 0.4, 0.6, title=word),
        charts.spark([1, 2], title=word),
    ]


@pytest.mark.parametrize("svg", every_chart(HOSTILE, [1.0, 2.0, 3.0]))
def test_text_never_becomes_markup(svg: charts.Svg) -> None:
    names = {element.tag.removeprefix(SVG) for element in drawing(svg).iter()}
    assert names <= {"svg", "title", "line", "text", "rect", "polyline", "polygon", "circle"}


@pytest.mark.parametrize("svg", every_chart("a finding", [1.0, 2.0, 3.0]))
def test_a_chart_has_a_title_and_no_inline_style(svg: charts.Svg) -> None:
    assert drawing(svg)[0].text == "a finding"
    assert "style" not in svg and svg.startswith('<svg viewBox="0 0 ') and 'role="img"' in svg


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_any_numbers_give_well_formed_markup_without_nan(values: list[float]) -> None:
    tame = [value if abs(value) < 1e12 else math.nan for value in values]
    chart = charts.line_chart([charts.Series("x", range(len(tame)), tame)], title="t")
    assert not chart or (drawing(chart.svg) is not None and "nan" not in chart.svg and "inf" not in chart.svg)


def test_nothing_to_draw_is_false_and_prints_nothing() -> None:
    empty = charts.line_chart([charts.Series("x", [], [])], title="t")
    assert not empty and empty.svg == ""
    assert not charts.reliability_diagram([charts.Bin(0.5, 0.5, 0)], title="t")
    assert not charts.scale_bars([0] * 7, title="t")
    assert charts.spark([1.0], title="t") == ""


def test_a_point_in_the_middle_lies_in_the_middle() -> None:
    chart = charts.line_chart(
        [charts.Series("", [0, 5, 10], [0.0, 5.0, 10.0])], title="t", y_range=(0, 10), size=(188, 138)
    )
    line = drawing(chart.svg).find(f"{SVG}polyline")
    assert line is not None and line.get("points") == "40,112 90,62 140,12"


def test_a_label_stands_under_its_place_not_at_the_edge() -> None:
    chart = charts.line_chart(
        [charts.Series("", [0, 10], [0.0, 1.0])], title="t", x_labels=[(2, "two"), (8, "eight")], size=(188, 138)
    )
    places = {text.text: text.get("x") for text in drawing(chart.svg).iter(f"{SVG}text")}
    assert (places["two"], places["eight"]) == ("60", "120")


def test_the_rows_hold_the_numbers_with_their_interval() -> None:
    chart = charts.line_chart(
        [charts.Series("rate", [1, 2], [0.5, 0.6], [0.4, 0.5], [0.6, 0.7])], title="t", x_name="round"
    )
    assert chart.columns == ("round", "rate")
    assert chart.rows[1] == ("2", "0.6 (0.5 to 0.7)")


def test_a_long_line_is_thinned_but_keeps_its_last_point() -> None:
    chart = charts.line_chart([charts.Series("x", range(5000), [float(i) for i in range(5000)])], title="t")
    assert len(chart.rows) <= charts.MOST_POINTS + 1
    assert chart.rows[-1][1] == "4,999"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.7123, "0.712"), (-0.5, "−0.5"), (6410, "6,410"), (1e-5, "1e−05"), (math.nan, "–")],
)
def test_a_number_is_short(value: float, text: str) -> None:
    assert charts.number(value) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_enclose_the_range_and_are_few(low: float, span: float) -> None:
    found = charts.ticks(low, low + span)
    slack = span * 1e-6
    assert found[0] <= low + slack and found[-1] >= low + span - slack
    assert 2 <= len(found) <= 9


def test_a_whisker_outside_its_line_stays_on_it() -> None:
    circle = drawing(charts.whisker(3.0, -1.0, 4.0, title="t")).find(f"{SVG}circle")
    assert circle is not None and circle.get("cx") == "114"

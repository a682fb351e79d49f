"""Numbers drawn as inline SVG: no script, no inline style, safe by construction.

Every function takes numbers and words and returns markup whose only text came through `escape`. Colour comes from
classes of static/css/tare.css, so a chart follows the light or dark theme. A `title` states the finding in a
sentence; the numbers themselves come back as rows, for the table under the chart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape

MOST_POINTS = 500
"""A line with more points than this is thinned out: the screen has no more room."""


class Svg(str):
    """Markup that was escaped where it was made. Django prints it as it is, because it says so itself."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and the numbers behind it. Empty when there is nothing to draw, and then false."""

    svg: Svg = field(default_factory=Svg)
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.svg)


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `low` and `high` are its interval, point by point; `tone` is a colour of the palette."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    tone: str = "acc"
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed line with a word: a limit, a target, the day a guideline changed."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same confidence, and how often they were right."""

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a bar chart."""

    label: str
    value: float
    tone: str = "acc"
    strength: str = ""


def number(value: float) -> str:
    """A short number: three significant digits, thousands with a comma, no exponent for everyday sizes."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) < 1e9 and abs(value) >= 1 else f"{value:.2g}").replace("-", "−")


def ticks(low: float, high: float, *, count: int = 4) -> tuple[float, ...]:
    """Round numbers from at or below `low` to at or above `high`, about `count` steps apart."""
    size = max(abs(low), abs(high), 1e-6)
    if high - low < 1e-9 * size:
        low, high = low - max(1.0, size) / 2, high + max(1.0, size) / 2
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= rough * 0.95)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(float(f"{step * k:.12g}") for k in range(first, last + 1))


@dataclass(slots=True)
class _Plot:
    """A coordinate system with its margins, collecting what is drawn in it."""

    width: int
    height: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    left: int = 40
    right: int = 14
    top: int = 12
    bottom: int = 26
    drawn: list[str] = field(default_factory=list)

    def across(self, x: float) -> str:
        return _n(self.left + (x - self.x[0]) / (self.x[-1] - self.x[0]) * (self.width - self.left - self.right))

    def up(self, y: float) -> str:
        return _n(self.top + (self.y[-1] - y) / (self.y[-1] - self.y[0]) * (self.height - self.top - self.bottom))

    def line(self, classes: str, x1: str, y1: str, x2: str, y2: str) -> None:
        self.drawn.append(f'<line class="{classes}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')

    def text(self, classes: str, x: str, y: str, text: str, *, anchor: str = "start") -> None:
        self.drawn.append(f'<text class="{classes}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')

    def axes(self, places: Sequence[tuple[float, str]], *, x_title: str, y_text: Callable[[float], str]) -> None:
        for tick in self.y:
            self.line("ax", str(self.left), self.up(tick), str(self.width - self.right), self.up(tick))
            self.text("lab", str(self.left - 8), _n(float(self.up(tick)) + 3.5), y_text(tick), anchor="end")
        for place, label in places:
            self.text("lab", self.across(place), str(self.height - self.bottom + 16), label, anchor="middle")
        if x_title:
            middle = _n((self.left + self.width - self.right) / 2)
            self.text("lab", middle, str(self.height - 4), x_title, anchor="middle")

    def svg(self, title: str) -> Svg:
        return _svg(self.width, self.height, "".join(self.drawn), title, "chart wide" if self.width > 500 else "chart")


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _svg(width: int, height: int, body: str, title: str, classes: str) -> Svg:
    return Svg(
        f'<svg viewBox="0 0 {width} {height}" role="img" class="{classes}"><title>{escape(title)}</title>{body}</svg>'
    )


def _finite(series: Series) -> Series:
    """Without the points that are not numbers, and not more of them than the screen can show."""
    keep = [i for i, (x, y) in enumerate(zip(series.xs, series.ys, strict=True)) if math.isfinite(x + y)]
    if len(keep) > MOST_POINTS:
        stride = math.ceil(len(keep) / MOST_POINTS)
        keep = sorted({*keep[::stride], keep[-1]})
    whole = len(series.low) == len(series.xs) == len(series.high)

    def kept(values: Sequence[float]) -> list[float]:
        return [values[i] for i in keep]

    low, high = (kept(series.low), kept(series.high)) if whole else ((), ())
    return replace(series, xs=kept(series.xs), ys=kept(series.ys), low=low, high=high)


def _points(plot: _Plot, xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{plot.across(x)},{plot.up(y)}" for x, y in zip(xs, ys, strict=True))


def _draw(plot: _Plot, series: Series) -> None:
    tone = escape(series.tone)
    if series.low and series.dots:
        for x, low, high in zip(series.xs, series.low, series.high, strict=True):
            plot.line(f"c-{tone} w5 o25", plot.across(x), plot.up(low), plot.across(x), plot.up(high))
    elif series.low:
        outline = f"{_points(plot, series.xs, series.low)} {_points(plot, series.xs[::-1], series.high[::-1])}"
        plot.drawn.append(f'<polygon class="band" points="{outline}"/>')
    dash, width = (" dash", "w15") if series.dashed else ("", "w15" if tone == "3" else "w2")
    points = _points(plot, series.xs, series.ys)
    plot.drawn.append(f'<polyline class="ln c-{tone}{dash} {width}" points="{points}"/>')
    dots = zip(series.xs, series.ys, strict=True) if series.dots else [(series.xs[-1], series.ys[-1])]
    for x, y in dots:
        plot.drawn.append(f'<circle class="f-{tone} ring" cx="{plot.across(x)}" cy="{plot.up(y)}" r="3.5"/>')


def _name_lines(plot: _Plot, series: Sequence[Series], y_text: Callable[[float], str]) -> None:
    """Names at the line's end, pushed apart where lines end close together."""
    floor = -math.inf
    for each in sorted(series, key=lambda one: float(plot.up(one.ys[-1]))):
        y = max(float(plot.up(each.ys[-1])) + 4, floor)
        x = _n(float(plot.across(each.xs[-1])) + 8)
        if each.label:
            plot.text("lab", x, _n(y + 13), each.label)
        plot.text("lab-i" if each.tone != "3" else "lab", x, _n(y), y_text(each.ys[-1]))
        floor = y + (27 if each.label else 14)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_title: str = "",
    x_name: str = "x",
    x_labels: Sequence[tuple[float, str]] = (),
    y_range: tuple[float, float] | None = None,
    y_text: Callable[[float], str] = number,
    limits: Sequence[Mark] = (),
    moments: Sequence[Mark] = (),
    trouble_from: Mark | None = None,
    size: tuple[int, int] = (372, 190),
) -> Chart:
    """Lines with their intervals; limits lie across, moments stand upright, trouble is shaded from there on."""
    shown = [each for each in map(_finite, series) if each.xs]
    if not shown:
        return Chart()
    xs = [x for each in shown for x in each.xs]
    inside = (tick for tick in ticks(min(xs), max(xs), count=5) if min(xs) <= tick <= max(xs))
    places = tuple(x_labels) or tuple((tick, number(tick)) for tick in inside)
    ends = (min(xs + [x for x, _ in places]), max(xs + [x for x, _ in places]))
    ys = [y for each in shown for y in (*each.ys, *each.low, *each.high) if math.isfinite(y)]
    ys += [limit.at for limit in limits]
    plot = _Plot(
        *size,
        ends if ends[1] > ends[0] else (ends[0] - 0.5, ends[0] + 0.5),
        ticks(*(y_range or (min(ys), max(ys)))),
        right=max(48, min(20 + 6 * max(len(each.label) for each in shown), 120)),
        bottom=42 if x_title else 26,
    )
    if trouble_from is not None:
        _shade(plot, trouble_from)
    plot.axes(places, x_title=x_title, y_text=y_text)
    _rule(plot, limits, moments)
    for each in shown:
        _draw(plot, each)
    _name_lines(plot, shown, y_text)
    return Chart(plot.svg(title), *_table(shown, x_name, dict(x_labels), y_text))


def _shade(plot: _Plot, start: Mark) -> None:
    if not plot.x[0] <= start.at <= plot.x[-1]:
        return
    x, foot = float(plot.across(start.at)), plot.height - plot.bottom
    wide = _n(plot.width - plot.right - x)
    plot.drawn.append(
        f'<rect class="danger-zone" x="{_n(x)}" y="{plot.top}" width="{wide}" height="{foot - plot.top}"/>'
    )
    plot.text("lab-2", _n(x + 6), str(foot - 7), start.label)


def _rule(plot: _Plot, limits: Sequence[Mark], moments: Sequence[Mark]) -> None:
    end, foot = str(plot.width - plot.right), str(plot.height - plot.bottom)
    for limit in limits:
        y = plot.up(limit.at)
        plot.line("c-3 dash w1", str(plot.left), y, end, y)
        plot.text("lab", str(plot.left + 4), _n(float(y) - 5), limit.label)
    for moment in moments:
        x = plot.across(moment.at)
        plot.line("c-3 dash w1", x, str(plot.top), x, foot)
        plot.text("lab-2", _n(float(x) + 5), str(plot.top + 9), moment.label)


def _table(
    shown: Sequence[Series], x_name: str, x_words: dict[float, str], y_text: Callable[[float], str]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    by_x: dict[float, dict[int, str]] = {}
    for place, each in enumerate(shown):
        for i, (x, y) in enumerate(zip(each.xs, each.ys, strict=True)):
            around = f" ({y_text(each.low[i])} to {y_text(each.high[i])})" if each.low else ""
            by_x.setdefault(x, {})[place] = f"{y_text(y)}{around}"
    rows = tuple(
        (x_words.get(x) or number(x), *(cells.get(place, "") for place in range(len(shown))))
        for x, cells in sorted(by_x.items())
    )
    return (x_name, *(each.label or "value" for each in shown)), rows


def reliability_diagram(bins: Sequence[Bin], *, title: str, size: tuple[int, int] = (320, 216)) -> Chart:
    """Confidence against accuracy; the diagonal is honesty, the grey bars are how many predictions lie there."""
    filled = [each for each in bins if each.n > 0 and math.isfinite(each.confidence + each.accuracy)]
    if not filled:
        return Chart()
    low = min(0.5, *(min(each.accuracy, each.confidence) for each in filled))
    steps = ticks(low, 1.0, count=5)
    plot = _Plot(*size, steps, steps, bottom=40)
    foot = float(plot.up(steps[0]))
    most = max(each.n for each in filled)
    for each in filled:
        tall = each.n / most * (foot - plot.top) * 0.3
        x = float(plot.across(each.confidence)) - 7
        plot.drawn.append(
            f'<rect class="f-line o50" x="{_n(x)}" y="{_n(foot - tall)}" width="14" height="{_n(tall)}"/>'
        )
    plot.axes([(step, number(step)) for step in steps], x_title="how sure the model was", y_text=number)
    plot.line("c-3 dash w1", plot.across(steps[0]), plot.up(steps[0]), plot.across(1.0), plot.up(1.0))
    _draw(plot, Series("", [b.confidence for b in filled], [b.accuracy for b in filled], dots=True))
    rows = tuple((number(b.confidence), number(b.accuracy), f"{b.n:,}") for b in filled)
    return Chart(plot.svg(title), ("How sure", "How often right", "Predictions"), rows)


def bar_chart(
    bars: Sequence[Bar], *, title: str, columns: tuple[str, str], size: tuple[int, int] = (372, 146)
) -> Chart:
    """Bars from zero with their value above and their name below."""
    if not any(bar.value > 0 for bar in bars):
        return Chart()
    width, height = size
    place, tallest = width / len(bars), max(bar.value for bar in bars)
    room, foot = height - 54, height - 30
    drawn = []
    for i, bar in enumerate(bars):
        tall, x = max(bar.value / tallest * room, 0.5), i * place
        middle, classes = _n(x + place / 2), f"f-{escape(bar.tone)} {escape(bar.strength)}".strip()
        drawn.append(
            f'<rect class="{classes}" x="{_n(x + 4)}" y="{_n(foot - tall)}" width="{_n(place - 8)}" '
            f'height="{_n(tall)}" rx="2.5"/>'
            f'<text class="lab-2" x="{middle}" y="{_n(foot - tall - 6)}" text-anchor="middle">'
            f"{number(bar.value)}</text>"
            f'<text class="lab s" x="{middle}" y="{height - 12}" text-anchor="middle">{escape(bar.label)}</text>'
        )
    drawn.append(f'<line class="ax0" x1="2" x2="{width - 2}" y1="{foot + 0.5}" y2="{foot + 0.5}"/>')
    return Chart(
        _svg(width, height, "".join(drawn), title, "chart"),
        columns,
        tuple((bar.label, number(bar.value)) for bar in bars),
    )


LEFT = (("A much", "a", ""), ("A", "a", "o78"), ("A slightly", "a", "o56"))
RIGHT = (("B slightly", "b", "o56"), ("B", "b", "o78"), ("B much", "b", ""))


def scale_bars(percent: Sequence[float], *, title: str) -> Chart:
    """The share of judgments at each of the seven steps, in per cent, from A much better to B much better."""
    steps = (*LEFT, ("same", "tie", "o78"), *RIGHT)
    bars = [Bar(label, value, *look) for (label, *look), value in zip(steps, percent, strict=True)]
    return bar_chart(bars, title=title, columns=("Step", "Per cent"))


def whisker(
    value: float,
    low: float,
    high: float,
    *,
    title: str,
    least: float = 0.0,
    most: float = 1.0,
    threshold: float | None = None,
    tone: str = "ink",
) -> Svg:
    """A value with its interval on a line from `least` to `most`; the threshold is a dashed tick."""
    if not math.isfinite(value + low + high):
        return Svg()

    def at(x: float) -> str:
        return _n(4 + (min(max(x, least), most) - least) / (most - least) * 110)

    tick = (
        ""
        if threshold is None
        else f'<line class="c-3 dash w1" x1="{at(threshold)}" x2="{at(threshold)}" y1="1" y2="17"/>'
    )
    colour = escape(tone)
    body = (
        f'<line class="ax0" x1="4" x2="114" y1="9" y2="9"/>{tick}'
        f'<line class="c-{colour} w25 o50" x1="{at(low)}" x2="{at(high)}" y1="9" y2="9"/>'
        f'<circle class="f-{colour} ring" cx="{at(value)}" cy="9" r="4"/>'
    )
    return _svg(118, 18, body, title, "w-118")


def spark(values: Sequence[float], *, title: str, tone: str = "ink") -> Svg:
    """A line the size of a word. Fewer than two values draw nothing."""
    kept = _finite(Series("", range(len(values)), values)).ys
    if len(kept) < 2:
        return Svg()
    low, span = min(kept), (max(kept) - min(kept)) or 1.0
    xs = [2 + i / (len(kept) - 1) * 78 for i in range(len(kept))]
    ys = [3 + (low + span - y) / span * 16 for y in kept]
    points, colour = " ".join(f"{_n(x)},{_n(y)}" for x, y in zip(xs, ys, strict=True)), escape(tone)
    body = f'<polyline class="ln c-{colour} w15" points="{points}"/>'
    body += f'<circle class="f-{colour}" cx="{_n(xs[-1])}" cy="{_n(ys[-1])}" r="2.2"/>'
    return _svg(84, 22, body, title, "w-84")


def stacked_bar(parts: Sequence[tuple[str, int, str]], *, title: str) -> Svg:
    """Parts of a whole, side by side: (name, how many, tone)."""
    whole = sum(n for _, n, _ in parts)
    if whole <= 0:
        return Svg()
    drawn, x = [], 0.0
    for _, n, tone in parts:
        width = n / whole * 1000
        drawn.append(f'<rect class="f-{escape(tone)}" x="{_n(x)}" y="0" width="{_n(max(width - 4, 0))}" height="8"/>')
        x += width
    body = "".join(drawn)
    return Svg(
        f'<svg viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" class="stackbar">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )

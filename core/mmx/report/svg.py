"""Plots of the report as inline SVG: bars of a metric and its comparisons, curves with their chance level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mmx.types import Metric

_WIDTH: Final = 460
_WIDE: Final = 720
_CHARACTER: Final = 7.0
"""Width of a character of a label."""
_LONG: Final = 28
_LONGEST: Final = 48
"""Characters of a label of a narrow and of a wide chart."""
_VALUE: Final = 76
_ROW: Final = 24
_PLOT_HEIGHT: Final = 200
_POINTS: Final = 400
"""Points of a curve that are drawn."""
_SPARK_POINTS: Final = 60

_LEFT: Final = 52
_RIGHT: Final = _WIDTH - 12
_TOP: Final = 10
_BOTTOM: Final = _PLOT_HEIGHT - 26
_COLOURS: Final = 6
"""Colours of lines in one plot, before they repeat."""

Points = Sequence[tuple[int, float]]
Mark = tuple[int, float | None, str]
"""Step, value and words of a mark in a plot: a dot, or without a value a line across."""
Bar = tuple[str, str, float, Sequence[float | None] | None]
"""Class, label, value and interval of a bar."""


def number(value: float) -> str:
    """Return a number with four significant digits and separated thousands."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def breakable(name: str) -> str:
    """Return a name as markup that may go on in the next line behind each underscore."""
    return escape(name).replace("_", "_<wbr>")


def metric_bars(metric: Metric, *, wide: bool = False) -> str:
    """Return horizontal bars: the value with its interval, and every number beside it.

    Args:
        metric: What is shown.
        wide: Over a whole column, as `value_bars` has it.
    """
    rows: list[Bar] = [("ours", "this run", metric.value, metric.ci95)]
    for kind, name, value in metric.beside():
        label = "paper, its own scale" if kind == "paper" else name.replace("_", " ") or kind
        rows.append((kind, f"{label} ({kind})" if wide and name else label, value, None))
    if sum(math.isfinite(value) for _, _, value, _ in rows) < 2:
        return ""
    return value_bars(f"{metric.name}, {metric.better} is better", rows, wide=wide)


def value_bars(title: str, rows: Sequence[Bar], *, wide: bool = True) -> str:
    """Return horizontal bars from zero, each with its label, number and interval; what is not finite is left out.

    Args:
        title: What is shown.
        rows: Class of the bar (`ours`, `chance`, `control`, ...), label, value, interval.
        wide: As wide as a page's column, with longer labels, and a second chart that takes its place on a phone.
    """
    rows = [row for row in rows if math.isfinite(row[2])]
    if not rows:
        return ""
    if wide:
        return _bars(title, rows, "wide") + _bars(title, rows, "narrow")
    return _bars(title, rows)


def _bars(title: str, rows: Sequence[Bar], size: str = "") -> str:
    bounds = [end for _, _, value, interval in rows for end in (value, *_finite(interval))]
    low, high = min(0.0, *bounds), max(0.0, *bounds)
    if low >= 0 and 0.5 < high <= 1.0:
        high = 1.0
    labels = apart([label for _, label, _, _ in rows], _LONGEST if size == "wide" else _LONG)
    width, left = (_WIDE if size == "wide" else _WIDTH), max(map(len, labels)) * _CHARACTER + 14
    scale = (width - left - _VALUE) / ((high - low) or 1.0)
    zero = left - low * scale
    parts = []
    for index, ((kind, _, value, interval), label) in enumerate(zip(rows, labels, strict=True)):
        y = index * _ROW
        start, long = zero + min(0.0, value) * scale, abs(value) * scale
        parts.append(
            f'<text x="{left - 8:.1f}" y="{y + 16}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="{kind}" x="{start:.1f}" y="{y + 4}" width="{max(long, 1):.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text class="value" x="{width - _VALUE + 8}" y="{y + 16}">{escape(number(value))}</text>'
        )
        if ends := _finite(interval):
            a, b = (zero + end * scale for end in ends)
            parts.append(f'<path class="ci" d="M{a:.1f} {y + 12}H{b:.1f}M{a:.1f} {y + 7}v10M{b:.1f} {y + 7}v10"/>')
    told = "; ".join(f"{label} {number(value)}" for _, label, value, _ in rows)
    return (
        f"<figure class='{f'bar {size}'.strip()}'><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {width} {len(rows) * _ROW}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _finite(interval: Sequence[float | None] | None) -> Sequence[float]:
    """Return both ends of an interval, nothing where it has none or one is no number."""
    ends = [end for end in interval or () if end is not None and math.isfinite(end)]
    return ends if len(ends) == 2 else ()


def curve(key: str, points: Points, chance: float | None = None) -> str:
    """Return a line over steps, with the chance level as a dashed line."""
    return curves(key, {"": points}, chance)


def curves(key: str, lines: Mapping[str, Points], chance: float | None = None, marks: Sequence[Mark] = ()) -> str:
    """Return one plot with a line over steps per name, the chance level as a dashed line, and marked steps."""
    finite = {name: [(s, v) for s, v in points if math.isfinite(v)] for name, points in lines.items()}
    shown = {name: _thinned(points) for name, points in finite.items() if points}
    if not shown:
        return ""
    level = chance if chance is not None and math.isfinite(chance) else None
    every = [point for points in shown.values() for point in points]
    axes = _axes([step for step, _ in every], [v for _, v in every] + ([] if level is None else [level]))
    parts = [axes.drawn()]
    for number_of, points in enumerate(shown.values()):
        line = "L".join(f"{axes.x(step):.1f} {axes.y(value):.1f}" for step, value in points)
        parts.append(f'<path class="line{f" line{number_of % _COLOURS}" if number_of else ""}" d="M{line}"/>')
    if level is not None:
        at = axes.y(level)
        above = at - 5 if at > _TOP + 14 else at + 14
        parts.append(
            f'<path class="chance" d="M{_LEFT} {at:.1f}H{_RIGHT}"/>'
            f'<text class="chance" x="{_RIGHT}" y="{above:.1f}" text-anchor="end">chance {escape(number(level))}</text>'
        )
    parts += [_mark(axes, *mark) for mark in marks if axes.first <= mark[0] <= axes.last]
    told = "; ".join(
        f"{name or key} from {number(points[0][1])} at step {points[0][0]} to {number(points[-1][1])} "
        f"at step {points[-1][0]}"
        for name, points in shown.items()
    )
    ends = " ".join(
        (f"<small><i class='key line{place % _COLOURS}'></i> {escape(name)} " if name else "<small>")
        + f"ends at {escape(number(points[-1][1]))}</small>"
        for place, (name, points) in enumerate(shown.items())
    )
    return (
        f"<figure class=curve><figcaption>{escape(key)} {ends}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_PLOT_HEIGHT}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _mark(axes: _Axes, step: int, value: float | None, words: str) -> str:
    """Return a dot at a value, or a line across the plot, that says what it is."""
    x, told = axes.x(step), f"<title>{escape(words)}</title>"
    right = x > (_LEFT + _RIGHT) / 2
    beside = f'x="{x - 8 if right else x + 8:.1f}" text-anchor="{"end" if right else "start"}"'
    if value is None:
        return (
            f'<path class="mark" d="M{x:.1f} {_TOP}V{_BOTTOM}">{told}</path>'
            f'<text class="mark" {beside} y="{_BOTTOM - 6}">{escape(words)}</text>'
        )
    y = axes.y(value)
    return (
        f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5">{told}</circle>'
        f'<text class="mark" {beside} y="{max(y - 9, _TOP + 10):.1f}">{escape(words)}</text>'
    )


class _Axes(NamedTuple):
    """Ranges of steps and values of one plot."""

    first: float
    last: float
    low: float
    high: float

    def x(self, step: float) -> float:
        return _LEFT + (step - self.first) / (self.last - self.first) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        return _BOTTOM - (value - self.low) / (self.high - self.low) * (_BOTTOM - _TOP)

    def drawn(self) -> str:
        values = (self.low, (self.low + self.high) / 2, self.high)
        steps = ((self.first, "start"), ((self.first + self.last) / 2, "middle"), (self.last, "end"))
        return "".join(
            f'<path class="grid" d="M{_LEFT} {self.y(value):.1f}H{_RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">{escape(_tick(value))}</text>'
            for value in values
        ) + "".join(
            f'<text x="{self.x(step):.1f}" y="{_PLOT_HEIGHT - 8}" text-anchor="{anchor}">{step:,.0f}</text>'
            for step, anchor in steps
        )


def _axes(steps: Sequence[float], values: Sequence[float]) -> _Axes:
    low, high = min(values), max(values)
    if high == low:
        low, high = low - 0.5, high + 0.5
    first = min(steps)
    return _Axes(first, max(*steps, first + 1), low, high)


def sparkline(key: str, points: Points) -> str:
    """Return a small line without axes; its numbers are in its label. Empty with fewer than two numbers."""
    shown = [(step, value) for step, value in points if math.isfinite(value)]
    every = math.ceil(len(shown) / _SPARK_POINTS) or 1
    thin = shown[::every]
    if len(thin) < 2:
        return ""
    low, high = min(value for _, value in thin), max(value for _, value in thin)
    wide, tall = (thin[-1][0] - thin[0][0]) or 1, (high - low) or 1.0
    line = "L".join(f"{(s - thin[0][0]) / wide * 96 + 2:.1f} {(high - v) / tall * 20 + 2:.1f}" for s, v in thin)
    told = escape(f"{key} from {number(shown[0][1])} to {number(shown[-1][1])}", quote=True)
    return (
        f'<svg class="spark" viewBox="0 0 100 24" role="img" aria-label="{told}"><title>{told}</title>'
        f'<path class="line" d="M{line}"/></svg>'
    )


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most `_POINTS` points, the last one among them."""
    every = math.ceil(len(points) / _POINTS)
    kept = points[::every] if points else []
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _tick(value: float) -> str:
    return f"{value:.3g}"


def apart(texts: Sequence[str], length: int) -> list[str]:
    """Return texts of at most `length` characters that are as different as before: cut in the middle, or not at all."""
    cut = [
        text if len(text) <= length else f"{text[: length // 2]}…{text[-(length - length // 2 - 1) :]}"
        for text in texts
    ]
    return cut if len(set(cut)) == len(set(texts)) else list(texts)

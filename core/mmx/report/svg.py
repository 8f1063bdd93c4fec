"""Plots of the report as inline SVG: bars of a metric and its comparisons, curves with their chance level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmx.types import Metric

_WIDTH: Final = 460
_LABEL: Final = 150
_VALUE: Final = 60
_ROW: Final = 24
_PLOT_HEIGHT: Final = 200
_POINTS: Final = 400
"""Points of a curve that are drawn."""

Points = Sequence[tuple[int, float]]


def number(value: float) -> str:
    """Return a number with four significant digits and separated thousands."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def metric_bars(metric: Metric) -> str:
    """Return horizontal bars: the value with its interval, and every number beside it."""
    rows: list[tuple[str, str, float]] = [("ours", "this run", metric.value)]
    for kind, name, value in metric.beside():
        rows.append((kind, "paper, its own scale" if kind == "paper" else name or kind, value))
    rows = [row for row in rows if math.isfinite(row[2])]
    if len(rows) < 2:
        return ""
    bounds = [value for _, _, value in rows] + [value for value in metric.ci95 or () if math.isfinite(value)]
    low, high = min(0.0, *bounds), max(bounds)
    if low >= 0 and 0.5 < high <= 1.0:
        high = 1.0
    room = _WIDTH - _LABEL - _VALUE
    scale = room / ((high - low) or 1.0)
    zero = _LABEL - low * scale
    parts = []
    for index, (kind, label, value) in enumerate(rows):
        y = index * _ROW
        left, width = zero + min(0.0, value) * scale, abs(value) * scale
        parts.append(
            f'<text x="{_LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(_short(label, 21))}</text>'
            f'<rect class="{kind}" x="{left:.1f}" y="{y + 4}" width="{max(width, 1):.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text class="value" x="{_WIDTH - _VALUE + 8}" y="{y + 16}">{escape(number(value))}</text>'
        )
    if metric.ci95 is not None and all(math.isfinite(value) for value in metric.ci95):
        a, b = (zero + value * scale for value in metric.ci95)
        parts.append(f'<path class="ci" d="M{a:.1f} 12H{b:.1f}M{a:.1f} 7v10M{b:.1f} 7v10"/>')
    told = "; ".join(f"{label} {number(value)}" for _, label, value in rows)
    title = f"{metric.name}, {metric.better} is better"
    height = len(rows) * _ROW
    return (
        f"<figure class=bar><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def curve(key: str, points: Points, chance: float | None = None) -> str:
    """Return a line over steps, with the chance level as a dashed line."""
    shown = _thinned([(step, value) for step, value in points if math.isfinite(value)])
    if not shown:
        return ""
    values = [value for _, value in shown] + ([] if chance is None or not math.isfinite(chance) else [chance])
    low, high = min(values), max(values)
    if high == low:
        low, high = low - 0.5, high + 0.5
    first, last = shown[0][0], max(shown[-1][0], shown[0][0] + 1)
    left, right, top, bottom = 52, _WIDTH - 12, 10, _PLOT_HEIGHT - 26

    def x(step: float) -> float:
        return left + (step - first) / (last - first) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    line = "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in shown)
    parts = [
        f'<path class="grid" d="M{left} {y(value):.1f}H{right}"/>'
        f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(_tick(value))}</text>'
        for value in (low, (low + high) / 2, high)
    ]
    parts += [
        f'<text x="{x(step):.1f}" y="{_PLOT_HEIGHT - 8}" text-anchor="{anchor}">{step:,.0f}</text>'
        for step, anchor in ((first, "start"), ((first + last) / 2, "middle"), (last, "end"))
    ]
    parts.append(f'<path class="line" d="M{line}"/>')
    if chance is not None and math.isfinite(chance):
        level = y(chance)
        above = level - 5 if level > top + 14 else level + 14
        parts.append(
            f'<path class="chance" d="M{left} {level:.1f}H{right}"/>'
            f'<text class="chance" x="{right}" y="{above:.1f}" text-anchor="end">chance {escape(number(chance))}</text>'
        )
    told = f"{key} from {number(shown[0][1])} at step {first} to {number(shown[-1][1])} at step {shown[-1][0]}"
    end = escape(number(shown[-1][1]))
    return (
        f"<figure class=curve><figcaption>{escape(key)} <small>ends at {end}</small></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_PLOT_HEIGHT}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most `_POINTS` points, the last one among them."""
    every = math.ceil(len(points) / _POINTS)
    kept = points[::every] if points else []
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _tick(value: float) -> str:
    return f"{value:.3g}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

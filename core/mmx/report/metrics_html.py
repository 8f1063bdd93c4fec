"""Metrics on a page: the first one as a chart beside everything it is compared with, all of them as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from mmx.report.svg import Bar, breakable, metric_bars, number, value_bars
from mmx.report.verdict import gap_text

if TYPE_CHECKING:
    from mmx.types import Metric

_BESIDE: Final = {
    "paper": "paper",
    "chance": "chance level",
    "untrained": "untrained",
    "baseline": "baselines",
    "control": "controls",
    "reference": "references",
}
"""Kind of a number beside a metric -> heading of its column; the paper's stands next to ours."""

Ablation = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Field -> what was done to it -> metric -> value."""


def primary(metrics: Sequence[Metric]) -> tuple[str, str]:
    """Return a heading and the chart of the first metric; an empty chart without metrics."""
    if not metrics:
        return "Metric", ""
    metric = metrics[0]
    interval = "" if metric.ci95 is None else f", 95 % interval {_number(metric.ci95[0])} – {_number(metric.ci95[1])}"
    scale = "" if metric.paper is None else f" The paper's number is of its own scale: {escape(metric.paper.scale)}."
    told = (
        f"<p class=value><strong>{_number(metric.value)}</strong> {metric.better} is better{interval}.{scale}</p>"
        "<p class=hint>Chance level: guessing without the input. Untrained: the network before training. "
        "Baselines: simple methods on the same items. Controls: an input that should matter, removed or shuffled. "
        "References: oracles, original weights. In brackets: the 95 % interval of the distance by which the model is "
        "better, paired over the units that are named.</p>"
    )
    return escape(metric.name), f"{metric_bars(metric, wide=True)}{told}"


def full(metrics: Sequence[Metric]) -> str:
    """Return the table of all metrics, and the charts of all but the first."""
    if not metrics:
        return ""
    rows = "".join(_row(metric, first=index == 0) for index, metric in enumerate(metrics))
    head = "".join(f"<th scope=col>{name}</th>" for name in ("metric", "value", *_BESIDE.values()))
    bars = "".join(metric_bars(metric) for metric in metrics[1:])
    return (
        f"<div class=scroll><table class=metrics><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<div class=bars>{bars}</div>"
    )


def contributions(metrics: Sequence[Metric], ablation: Ablation) -> str:
    """Return the first metric as it is and with each modality altered, as bars, and all metrics as a table."""
    if not metrics or not ablation:
        return ""
    first = metrics[0]
    ways = [(f"{field} {way}", values) for field, each in ablation.items() for way, values in each.items()]
    bars: list[Bar] = [("ours", "as it is", first.value, first.ci95)]
    bars += [("control", label, values[first.name], None) for label, values in ways if first.name in values]
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in ("metric", "as it is", *(name for name, _ in ways)))
    rows = "".join(
        f"<tr><th scope=row>{escape(metric.name)}</th>"
        f"<td data-of='as it is'><strong>{_number(metric.value)}</strong></td>"
        + "".join(
            f"<td data-of='{escape(way, quote=True)}'>{_number(values.get(metric.name))}</td>" for way, values in ways
        )
        + "</tr>"
        for metric in metrics
    )
    return (
        f"{value_bars(f'{first.name}, {first.better} is better', bars)}"
        "<p class=hint>The same weights, given every item with one of its modalities removed, exchanged for that of "
        "another item, or in noise: audio at 0 dB, pixels with a standard deviation of 64, half of the words.</p>"
        f"<div class=scroll><table class=metrics><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(metric: Metric, *, first: bool) -> str:
    low, high = ("", "") if metric.ci95 is None else map(_number, metric.ci95)
    interval = f"<small>{low} – {high}</small>" if low or high else ""
    if metric.units is not None:
        interval += f"<small>{metric.units:,} {escape(metric.unit)}</small>"
    arrow = "↑" if metric.better == "higher" else "↓"
    name = f"{breakable(metric.name)} <abbr title='{metric.better} is better'>{arrow}</abbr>"
    cells = [f"<strong>{_number(metric.value)}</strong>{interval}", *_beside(metric)]
    mark = " class=primary" if first else ""
    return (
        f"<tr{mark}><th scope=row>{name}</th>"
        + "".join(
            f"<td data-of='{name}'>{cell}</td>" for name, cell in zip(("value", *_BESIDE.values()), cells, strict=True)
        )
        + "</tr>"
    )


def _beside(metric: Metric) -> list[str]:
    """Return one cell per column of `_BESIDE`."""
    cells: dict[str, list[str]] = {kind: [] for kind in _BESIDE}
    for each in metric.beside():
        gap = gap_text(metric, each.label)
        shown = f" <small>{escape(gap.strip())}</small>" if gap else ""
        cells[each.kind].append(f"{escape(each.name.replace('_', ' '))} {_number(each.value)}{shown}".strip())
    if metric.paper is not None:
        cells["paper"].append(f"<small>{escape(metric.paper.scale)}</small>")
    return ["<br>".join(lines) for lines in cells.values()]


def _number(value: float | None) -> str:
    return "" if value is None else escape(number(value))

"""Tables of a report's metrics for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from mmx.report.verdict import gap_text
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.types import Metric, Report

Row = tuple[str, str, str]
"""What the value belongs to, the value, and a remark."""
BRIEF: Final = ("chance", "untrained", "baseline", "control")
"""Kinds of numbers beside a metric that its line shows, the best of each."""
_REMARKS: Final = {"chance": "chance level", "untrained": "the network before training"}


def tables(report: Report, *, every: bool = False) -> Iterator[Table]:
    """Yield the first metric with each number that it is compared with, then one line per further metric.

    Args:
        report: What was found.
        every: Show all metrics as the first one is shown.
    """
    yield in_full(report.metrics if every else report.metrics[:1])
    if not every and len(report.metrics) > 1:
        yield in_brief(report.metrics[1:])


def in_full(metrics: Sequence[Metric]) -> Table:
    """Return metrics one below the other, each value beside the numbers that it is compared with."""
    shown = Table(box=SIMPLE, show_header=False, pad_edge=False)
    shown.add_column(style="bold", overflow="fold")
    shown.add_column(overflow="fold")
    shown.add_column(justify="right", no_wrap=True)
    shown.add_column(style="dim", overflow="fold")
    for metric in metrics:
        for number, (what, value, remark) in enumerate(rows(metric)):
            name = _name(metric) if number == 0 else ""
            shown.add_row(name, escape(printable(what)), value, escape(printable(remark)))
        shown.add_section()
    return shown


def in_brief(metrics: Sequence[Metric]) -> Table:
    """Return one line per metric: the value, and the best number of each kind that it is compared with."""
    shown = Table(box=SIMPLE, pad_edge=False, header_style="dim", collapse_padding=True)
    shown.add_column("metric", style="bold", overflow="fold")
    shown.add_column("this run", justify="right", no_wrap=True)
    for kind in BRIEF:
        shown.add_column(kind, justify="right", no_wrap=True)
    for metric in metrics:
        shown.add_row(_name(metric), f"{metric.value:.3g}", *brief(metric))
    return shown


def _name(metric: Metric) -> str:
    return escape(printable(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}"))


def rows(metric: Metric) -> Iterator[Row]:
    """Yield the model's value first, then every number beside it."""
    over = "" if metric.units is None else f", {metric.units} {metric.unit}"
    interval = "" if metric.ci95 is None else f"95 % interval {metric.ci95[0]:.3g} to {metric.ci95[1]:.3g}{over}"
    yield "this run", f"{metric.value:.3g}", interval
    best = max if metric.better == "higher" else min
    leader = best(metric.baselines, key=lambda name: metric.baselines[name], default="")
    for each in metric.beside():
        remark = _REMARKS.get(each.kind, each.kind)
        if each.kind == "paper" and metric.paper is not None:
            remark = metric.paper.scale
        if each.kind == "baseline" and each.name == leader and len(metric.baselines) > 1:
            remark = "the best baseline"
        yield each.name or each.kind, f"{each.value:.3g}", remark + _better_by(metric, each.label)


def _better_by(metric: Metric, label: str) -> str:
    """Return the paired interval of the distance to a competitor in words, nothing where there is none."""
    if label not in metric.gaps:
        return ""
    low, high = metric.gaps[label]
    if high < 0:
        return f"; this run is worse by [{-high:.3g} to {-low:.3g}]"
    return f"; this run is better by{gap_text(metric, label)}"


def brief(metric: Metric) -> list[str]:
    """Return the best value of each kind in `BRIEF` as text, empty where there is none."""
    best = max if metric.better == "higher" else min
    found = {kind: [each.value for each in metric.beside() if each.kind == kind] for kind in BRIEF}
    finite = {kind: [value for value in values if math.isfinite(value)] for kind, values in found.items()}
    return [f"{best(values):.3g}" if values else "" for values in finite.values()]

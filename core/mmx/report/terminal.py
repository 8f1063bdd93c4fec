"""Table of a report's metrics for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
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
_REMARKS: Final = {"chance": "chance level", "untrained": "the network before training"}


def table(report: Report) -> Table:
    """Return the metrics one below the other, each value beside the numbers that it is compared with."""
    shown = Table(box=SIMPLE, show_header=False, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column()
    shown.add_column(justify="right")
    shown.add_column(style="dim", overflow="fold")
    for metric in report.metrics:
        name = escape(printable(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}"))
        for number, (what, value, remark) in enumerate(rows(metric)):
            shown.add_row(name if number == 0 else "", escape(printable(what)), value, escape(printable(remark)))
        shown.add_section()
    return shown


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
        gap = gap_text(metric, each.label)
        yield each.name or each.kind, f"{each.value:.3g}", f"{remark}; this run is better by{gap}" if gap else remark

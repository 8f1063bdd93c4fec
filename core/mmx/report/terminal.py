"""Table of a report's metrics for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from mmx.types import Metric, Report

Row = tuple[str, str, str]
"""What the value belongs to, the value, and a remark."""
_REMARKS: Final = {"chance": "chance level", "untrained": "the network before training"}


def table(report: Report) -> Table:
    """Return the metrics one below the other, each value beside the numbers that it is compared with."""
    shown = Table(box=SIMPLE, show_header=False, pad_edge=False)
    shown.add_column(style="bold", overflow="fold")  # never an ellipsis: long names may differ at their ends only
    shown.add_column(overflow="fold")
    shown.add_column(justify="right")
    shown.add_column(style="dim", overflow="fold")
    for metric in report.metrics:
        name = escape(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}")
        for number, (what, value, remark) in enumerate(rows(metric)):
            shown.add_row(name if number == 0 else "", escape(what), value, escape(remark))
        shown.add_section()
    return shown


def rows(metric: Metric) -> Iterator[Row]:
    """Yield the model's value first, then every number beside it."""
    interval = "" if metric.ci95 is None else f"95 % interval {metric.ci95[0]:.3g} to {metric.ci95[1]:.3g}"
    yield "this run", f"{metric.value:.3g}", interval
    for kind, name, value in metric.beside():
        remark = metric.paper.scale if kind == "paper" and metric.paper is not None else _REMARKS.get(kind, kind)
        yield name or kind, f"{value:.3g}", remark

"""A report's metrics as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from mmx.types import Metric, Report

Row = tuple[str, str, str]
"""What the value belongs to, the value, and a remark."""


def table(report: Report) -> Table:
    """Return the metrics one below the other, each value beside what it must be compared with."""
    shown = Table(box=SIMPLE, show_header=False, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column()
    shown.add_column(justify="right")
    shown.add_column(style="dim", overflow="fold")
    for metric in report.metrics:
        name = escape(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}")
        for number, (what, value, remark) in enumerate(rows(metric)):
            shown.add_row(name if number == 0 else "", escape(what), value, escape(remark))
        shown.add_section()
    return shown


def rows(metric: Metric) -> Iterator[Row]:
    """Yield the model's value first, then chance, floor, controls, references and the paper's number."""
    interval = "" if metric.ci95 is None else f"95 % interval {metric.ci95[0]:.3g} to {metric.ci95[1]:.3g}"
    yield "this run", f"{metric.value:.3g}", interval
    if metric.chance is not None:
        yield "chance", f"{metric.chance:.3g}", "knows nothing"
    if metric.floor is not None:
        yield "floor", f"{metric.floor:.3g}", "untrained, or does nothing"
    for name, value in metric.controls.items():
        yield name, f"{value:.3g}", "control"
    for name, value in metric.references.items():
        yield name, f"{value:.3g}", "reference"
    if metric.paper is not None:
        yield "paper", f"{metric.paper.value:.3g}", metric.paper.scale

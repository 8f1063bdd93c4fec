"""A report's metrics as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from mmx.types import Metric, Report


def table(report: Report) -> Table:
    """Return one row per metric: the value beside chance, floor, controls, references and the paper's number."""
    shown = Table(caption=f"{report.used} of {report.expected} items judged", caption_justify="left")
    shown.add_column("metric")
    for column in ("value", "95 % interval", "chance", "floor"):
        shown.add_column(column, justify="right")
    for column in ("controls", "references", "paper"):
        shown.add_column(column)
    for metric in report.metrics:
        shown.add_row(*cells(metric))
    return shown


def cells(metric: Metric) -> tuple[str, ...]:
    """Return a metric's row as text."""
    interval = "" if metric.ci95 is None else f"{metric.ci95[0]:.3g} to {metric.ci95[1]:.3g}"
    paper = "" if metric.paper is None else f"{metric.paper.value:.3g} ({metric.paper.scale})"
    return (
        escape(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}"),
        f"{metric.value:.3g}",
        interval,
        "" if metric.chance is None else f"{metric.chance:.3g}",
        "" if metric.floor is None else f"{metric.floor:.3g}",
        escape("\n".join(f"{name} {value:.3g}" for name, value in metric.controls.items())),
        escape("\n".join(f"{name} {value:.3g}" for name, value in metric.references.items())),
        escape(paper),
    )

"""Table of a report's metrics for the terminal."""

from __future__ import annotations

import math
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


def table(report: Report, *, every: bool = False) -> Table:
    """Return the first metric with each number that it is compared with, and one line per further metric.

    Args:
        report: What was found.
        every: Show all metrics as the first one is shown.
    """
    shown = Table(box=SIMPLE, show_header=False, pad_edge=False)
    shown.add_column(style="bold", overflow="fold")
    shown.add_column(overflow="fold")
    shown.add_column(justify="right", no_wrap=True)
    shown.add_column(style="dim", overflow="fold")
    for place, metric in enumerate(report.metrics):
        name = escape(f"{metric.name} {'↑' if metric.better == 'higher' else '↓'}")
        listed = list(rows(metric)) if every or place == 0 else [("this run", f"{metric.value:.3g}", brief(metric))]
        for number, (what, value, remark) in enumerate(listed):
            shown.add_row(name if number == 0 else "", escape(what), value, escape(remark))
        if every or place == 0:
            shown.add_section()
    return shown


def rows(metric: Metric) -> Iterator[Row]:
    """Yield the model's value first, then every number beside it."""
    interval = "" if metric.ci95 is None else f"95 % interval {metric.ci95[0]:.3g} to {metric.ci95[1]:.3g}"
    yield "this run", f"{metric.value:.3g}", interval
    for kind, name, value in metric.beside():
        remark = metric.paper.scale if kind == "paper" and metric.paper is not None else _REMARKS.get(kind, kind)
        yield name or kind, f"{value:.3g}", remark


def brief(metric: Metric) -> str:
    """Return chance, untrained, and the best baseline and control of a metric as one phrase."""
    best = max if metric.better == "higher" else min
    parts = []
    for kind in ("chance", "untrained", "baseline", "control"):
        found = [each for each in metric.beside() if each.kind == kind and math.isfinite(each.value)]
        if found:
            each = best(found, key=lambda one: one.value)
            parts.append(f"{each.label} {each.value:.3g}")
    return ", ".join(parts)

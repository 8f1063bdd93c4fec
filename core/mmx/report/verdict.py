"""The verdict: what a metric must beat, whether it does, and the reason in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mmx.report.svg import number

if TYPE_CHECKING:
    from mmx.types import Metric, Report

LEARNED: Final = "learned"


def bootstrap(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    seed: int,
    samples: int = 1000,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of `statistic` over items drawn with replacement.

    Args:
        values: One row per item: numbers (items,), or several columns (items, ...) that belong together.
        statistic: Called with the drawn rows.
        seed: Same seed, same interval.
        samples: Draws.
    """
    rows = np.asarray(values)
    if len(rows) == 0:
        return (math.nan, math.nan)
    generator = np.random.default_rng(seed)
    drawn = [float(statistic(rows[generator.integers(0, len(rows), len(rows))])) for _ in range(samples)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return (float(low), float(high))


def opponents(metric: Metric) -> dict[str, float]:
    """Return what a metric must beat to be called learned, by label: chance, untrained and the controls."""
    return {each.label: each.value for each in metric.beside() if each.kind in ("chance", "untrained", "control")}


def not_beaten(metric: Metric, margin: float) -> list[str]:
    """Return the names of the opponents that `metric` does not beat by more than `margin`."""
    sign = 1.0 if metric.better == "higher" else -1.0
    return [name for name, value in opponents(metric).items() if not sign * (metric.value - value) > margin]


def verdict(report: Report) -> str:
    """Return "learned" if the primary metric beats chance, untrained and the controls by the margin, else why not.

    "not better than chance", "not better than untrained", "not better than control NAME"; "no result" without items,
    metric or number; "nothing to compare with" without an opponent.
    """
    if not report.metrics or report.used == 0 or not math.isfinite(report.metrics[0].value):
        return "no result"
    primary = report.metrics[0]
    if not opponents(primary):
        return "nothing to compare with"
    missed = not_beaten(primary, report.margin)
    return f"not better than {missed[0]}" if missed else LEARNED


def reason(report: Report) -> str:
    """Return the reason for the verdict in one sentence."""
    judged = verdict(report)
    if judged == "no result":
        return f"{report.used} of {report.expected} items were judged, and there is no finite value."
    primary = report.metrics[0]
    ours = f"{primary.name} {number(primary.value)}"
    if judged == "nothing to compare with":
        return f"{ours}, but the report holds no chance level, untrained network or control."
    missed = not_beaten(primary, report.margin)
    shown = {name: f"{name} {number(value)}" for name, value in opponents(primary).items()}
    margin = f" by more than {number(report.margin)}" if report.margin else ""
    text = f"{ours} ({primary.better} is better) "
    if missed:
        return text + f"does not beat {_and([shown[name] for name in missed])}{margin}."
    text += f"beats {_and(list(shown.values()))}{margin}."
    return text + _overlap(primary)


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _overlap(metric: Metric) -> str:
    """Return a warning where the interval of the metric reaches an opponent."""
    if metric.ci95 is None:
        return ""
    worst = metric.ci95[0] if metric.better == "higher" else metric.ci95[1]
    sign = 1.0 if metric.better == "higher" else -1.0
    reached = [name for name, value in opponents(metric).items() if not sign * (worst - value) > 0]
    return f" Its 95 % interval includes {_and(reached)}: more items or seeds are needed." if reached else ""

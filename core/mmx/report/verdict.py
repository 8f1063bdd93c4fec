"""The verdict: what a metric must beat, whether it does, and the reason in one sentence.

The rule: the 95 % intervals of the distances to chance, the untrained network and every control, paired over at least
ten independent units, lie above zero (`mmx.report.statistics`). A metric that was built by hand has no such intervals;
its values are compared, and the reason says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mmx.report.statistics import LEAST_UNITS
from mmx.report.svg import number

if TYPE_CHECKING:
    from mmx.types import Metric, Report

LEARNED: Final = "learned"
BEHIND: Final = "learned, but not better than the baseline"
"""The verdict on a model that a simple method ties or beats; the method's name follows."""


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
    """Return the labels of the opponents that `metric` does not beat by more than `margin`."""
    return [label for label, value in opponents(metric).items() if not _ahead(metric, label, value) > margin]


def best_baselines(metric: Metric) -> list[str]:
    """Return the names of the baselines that `metric` does not beat, the best first."""
    sign = _sign(metric)
    ranked = sorted(metric.baselines.items(), key=lambda each: -sign * each[1])
    return [name for name, value in ranked if not _ahead(metric, f"baseline {name}", value) > 0]


def verdict(report: Report) -> str:
    """Return "learned" if the primary metric beats chance, untrained and the controls, else why not.

    "not better than chance", "not better than untrained", "not better than control NAME"; "learned, but not better than
    the baseline NAME" where a simple method does as well; "no verdict: 7 recordings, 10 are needed"; "no result"
    without items, metric or number; "nothing to compare with" without an opponent.
    """
    if not report.metrics or report.used == 0 or not math.isfinite(report.metrics[0].value):
        return "no result"
    primary = report.metrics[0]
    if not opponents(primary):
        return "nothing to compare with"
    if primary.units is not None and primary.units < LEAST_UNITS:
        return f"no verdict: {primary.units} {primary.unit}, {LEAST_UNITS} are needed"
    missed = not_beaten(primary, report.margin)
    if missed:
        return f"not better than {missed[0]}"
    ahead = best_baselines(primary)
    return f"{BEHIND} {ahead[0]}" if ahead else LEARNED


def reason(report: Report) -> str:
    """Return the reason for the verdict in a sentence or two."""
    judged = verdict(report)
    if judged == "no result":
        return f"{report.used} of {report.expected} items were judged, and there is no finite value."
    primary = report.metrics[0]
    ours = f"{primary.name} {number(primary.value)}"
    if judged == "nothing to compare with":
        return f"{ours}, but the report holds no chance level, untrained network or control."
    if judged.startswith("no verdict"):
        return f"{ours} over {primary.units} {primary.unit}: intervals of so few do not hold."
    missed = not_beaten(primary, report.margin)
    beaten = [label for label in opponents(primary) if label not in missed]
    margin = f" by more than {number(report.margin)}" if report.margin else ""
    over = f"; {primary.units} {primary.unit}" if primary.units is not None else ""
    text = f"{ours} ({primary.better} is better{over}) "
    text += f"does not beat {_told(primary, missed)}{margin}." if missed else f"beats {_told(primary, beaten)}{margin}."
    if not missed:
        text += _beside_baselines(primary)
    return text + (_HOW if primary.gaps else _BY_HAND)


_HOW: Final = " In brackets: the 95 % interval of the distance, paired over units."
_BY_HAND: Final = " Values are compared as they are: this metric has no paired intervals (mmx.measure makes them)."


def _beside_baselines(metric: Metric) -> str:
    if not metric.baselines:
        return ""
    ahead = best_baselines(metric)
    ranked = sorted(metric.baselines, key=lambda name: -_sign(metric) * metric.baselines[name])
    shown = _told(metric, [f"baseline {name}" for name in (ahead or ranked[:1])])
    return f" It does not beat {shown}." if ahead else f" It beats every baseline; the best is {shown}."


def _ahead(metric: Metric, label: str, value: float) -> float:
    """Return by how much the metric is surely better: the low end of the gap, or the distance where there are none."""
    if metric.gaps:
        return metric.gaps[label][0] if label in metric.gaps else math.nan
    return _sign(metric) * (metric.value - value)


def _sign(metric: Metric) -> float:
    return 1.0 if metric.better == "higher" else -1.0


def _told(metric: Metric, labels: Sequence[str]) -> str:
    values = {each.label: each.value for each in metric.beside()}
    return _and([f"{label} {number(values[label])}{gap_text(metric, label)}" for label in labels])


def gap_text(metric: Metric, label: str) -> str:
    """Return the interval of the distance to a competitor as text, nothing where there is none."""
    if label not in metric.gaps:
        return ""
    low, high = metric.gaps[label]
    return f" [{low:+.3g} to {high:+.3g}]"


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

"""Comparison of an experiment with its controls over several seeds, by one rule.

For every seed the gap is the primary metric minus what it is compared with, counted so that larger is better. What it
is compared with is what the same run's report holds (chance, untrained, baselines, controls that need no training),
and the same metric of the run with the same seed at each control preset. A comparison is won where the 95 % interval of
the mean gap over seeds (Student's, paired by seed, at least three of them) lies above zero: of gaps without any
difference one in forty is won (`benchmarks/intervals.py`). Seeds tell the luck of training, not that of the items: a
metric over too few independent units is no proof either.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mmx.config.merging import NO_PRESET
from mmx.report.statistics import LEAST_UNITS
from mmx.report.verdict import BEHIND
from mmx.runs.history import numbers
from mmx.studies.sweep import Outcome

LEAST_SEEDS: Final = 3
"""Seeds without which nothing is proven: the spread of two is no measure of it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an experiment is compared with.

    Attributes:
        name: "chance", "untrained", "baseline NAME" or "control NAME" of the report, or "preset NAME".
        values: Its values, one per seed.
        gaps: How far the experiment lies above it, one per seed; larger is better.
    """

    name: str
    values: Sequence[float]
    gaps: Sequence[float]

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean gap over seeds; None with fewer than three."""
        count = len(self.gaps)
        if count < LEAST_SEEDS:
            return None
        from scipy import special

        middle = statistics.mean(self.gaps)
        half = float(special.stdtrit(count - 1, 0.975)) * statistics.stdev(self.gaps) / count**0.5
        return middle - half, middle + half

    @property
    def won(self) -> bool:
        """Whether the interval of the gap lies above zero."""
        return self.interval is not None and self.interval[0] > 0


@dataclass(frozen=True, slots=True)
class Proof:
    """An experiment beside everything that it must beat.

    Attributes:
        metric: Name of the primary metric.
        values: Its values, one per seed.
        comparisons: What it was compared with.
        failed: Runs that gave no number.
        units: Independent units that the metric is over, None where the report does not tell.
        unit: What units are, in the plural.
    """

    metric: str
    values: Sequence[float]
    comparisons: Sequence[Comparison]
    failed: int
    units: int | None = None
    unit: str = "items"

    @property
    def verdict(self) -> str:
        """Return "proven", or why not; "learned, but not better than the baseline NAME" where only those are left."""
        if self.failed:
            return f"not proven: {self.failed} runs gave no number"
        if not self.comparisons:
            return "not proven: there is nothing to compare with"
        if len(self.values) < LEAST_SEEDS:
            return f"no verdict: {len(self.values)} seeds, {LEAST_SEEDS} are needed"
        if self.units is not None and self.units < LEAST_UNITS:
            return f"no verdict: {self.units} {self.unit}, {LEAST_UNITS} are needed"
        lost = [each.name for each in self.comparisons if not each.won]
        if not lost:
            return "proven"
        if all(name.startswith("baseline ") for name in lost):
            return f"{BEHIND} {lost[0].removeprefix('baseline ')}"
        return f"not proven: {self.metric} is not above {', '.join(lost)} by the 95 % interval over seeds"

    def rows(self) -> Iterator[list[str]]:
        """Yield a table: a header, the experiment itself, then one row per comparison."""
        yield ["compared with", self.metric, "gap", "95 % interval over seeds", "above"]
        yield ["itself", spread(self.values), "", "", ""]
        for each in self.comparisons:
            between = "-" if each.interval is None else f"{each.interval[0]:+.3g} to {each.interval[1]:+.3g}"
            yield [each.name, spread(each.values), spread(each.gaps), between, "yes" if each.won else "no"]


def prove(outcomes: Sequence[Outcome]) -> Proof:
    """Compare the runs of an experiment with those of its control presets.

    Args:
        outcomes: Runs at the default and at each control, with the same seeds.
    """
    reports: dict[str, dict[int | None, Mapping[str, Any]]] = {}
    for outcome in outcomes:
        if outcome.report and not outcome.error and outcome.report["metrics"]:
            reports.setdefault(outcome.trial.preset, {})[outcome.trial.seed] = outcome.report
    own = {seed: report["metrics"][0] for seed, report in reports.get(NO_PRESET, {}).items()}
    own = {seed: metric for seed, metric in own.items() if metric["value"] is not None}
    if not own:
        return Proof("", (), (), len(outcomes))
    first = next(iter(own.values()))
    name, sign = first["name"], 1.0 if first["better"] == "higher" else -1.0
    beside: dict[str, dict[int | None, float]] = {}
    for seed, metric in own.items():
        for key, value in numbers(metric).items():
            if key and not key.startswith("reference ") and value is not None:
                beside.setdefault(key, {})[seed] = value
    good = len(own)
    for preset in dict.fromkeys(outcome.trial.preset for outcome in outcomes if outcome.trial.preset != NO_PRESET):
        found = {seed: _value(report, name) for seed, report in reports.get(preset, {}).items()}
        beside[f"preset {preset}"] = {seed: value for seed, value in found.items() if value is not None}
        good += len(beside[f"preset {preset}"])
    comparisons = [
        Comparison(
            key, list(values.values()), [sign * (own[seed]["value"] - values[seed]) for seed in own if seed in values]
        )
        for key, values in beside.items()
    ]
    told = {"units": first.get("units"), "unit": first.get("unit", "items")}
    return Proof(name, [metric["value"] for metric in own.values()], comparisons, len(outcomes) - good, **told)


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation as text."""
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.3g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{deviation}"


def _value(report: Mapping[str, Any], name: str) -> float | None:
    return next((metric["value"] for metric in report["metrics"] if metric["name"] == name), None)

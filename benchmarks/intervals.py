"""Coverage of 95 % intervals and errors of the first kind, by simulation: `python benchmarks/intervals.py`.

Prints the tables of docs/explanation/intervals.md. Percentile: rows drawn with replacement, as `mmx.bootstrap` does.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mmx import bootstrap, measure
from mmx.report.statistics import gap_interval, mean_interval
from mmx.studies.seed_test import Comparison

Rng = np.random.Generator
Drawn = tuple[np.ndarray, np.ndarray]
"""Rows and their units."""


@dataclass(frozen=True)
class Case:
    """A population: how rows and units are drawn from it, its true value, and what sums rows up."""

    name: str
    draw: Callable[[Rng], Drawn]
    truth: float
    statistic: Callable[..., float] | None = None


def single(values: np.ndarray) -> Drawn:
    """Return rows that are a unit each."""
    return values, np.arange(len(values))


def correlated(rng: Rng, units: int, rows: int, share: float, correlation: float) -> np.ndarray:
    """Return values of 0 and 1 (units * rows,) whose latent normal variables correlate within a unit."""
    latent = math.sqrt(correlation) * rng.normal(size=(units, 1)) + math.sqrt(1 - correlation) * rng.normal(
        size=(units, rows)
    )
    return (latent < stats.norm.ppf(share)).astype(float).ravel()


def queries(units: int, rows: int, share: float, correlation: float = 0.5) -> Callable[[Rng], Drawn]:
    """Return what draws queries of videos."""
    return lambda rng: (correlated(rng, units, rows, share, correlation), np.repeat(np.arange(units), rows))


def balanced(rows_N2: np.ndarray) -> float:
    """Return the mean recall of classes."""
    return float(np.mean([rows_N2[rows_N2[:, 0] == each, 1].mean() for each in np.unique(rows_N2[:, 0])]))


def classes(rng: Rng) -> Drawn:
    """Return 60 items of three unequal classes, two of each unit: class, and right or not (recall .9, .6, .3)."""
    label = np.repeat(rng.choice(3, 30, p=(0.5, 0.3, 0.2)), 2)
    return np.stack([label, rng.random(60) < 0.9 - 0.3 * label], 1).astype(float), np.repeat(np.arange(30), 2)


def cases() -> list[Case]:
    """Return the populations."""
    lognormal = math.exp(0.5)
    return [
        Case("10 queries of each of 10 videos, recall .5", queries(10, 10, 0.5), 0.5),
        Case("10 queries of each of 20 videos, recall .5", queries(20, 10, 0.5), 0.5),
        Case("10 queries of each of 20 videos, recall .05", queries(20, 10, 0.05), 0.05),
        Case("recall .05 of 20 items", lambda rng: single((rng.random(20) < 0.05).astype(float)), 0.05),
        Case("accuracy .98 of 20 items", lambda rng: single((rng.random(20) < 0.98).astype(float)), 0.98),
        Case("accuracy .5 of 10 items", lambda rng: single((rng.random(10) < 0.5).astype(float)), 0.5),
        Case("accuracy .8 of 200 items", lambda rng: single((rng.random(200) < 0.8).astype(float)), 0.8),
        Case("normal mean, 10 units", lambda rng: single(rng.normal(size=10)), 0.0),
        Case("normal mean, 20 units", lambda rng: single(rng.normal(size=20)), 0.0),
        Case("skewed (lognormal) mean, 20 units", lambda rng: single(rng.lognormal(size=20)), lognormal),
        Case("skewed (lognormal) mean, 60 units", lambda rng: single(rng.lognormal(size=60)), lognormal),
        Case("median of 20 skewed values", lambda rng: single(rng.lognormal(size=20)), 1.0, np.median),
        Case("balanced accuracy, 60 items of 30 units", classes, 0.6, balanced),
    ]


def coverage(repeats: int) -> Iterator[list[str]]:
    """Yield the table of coverage."""
    yield ["population", "rows drawn, percentiles", "mmx.measure"]
    for case in cases():
        rng, hits = np.random.default_rng(0), [0, 0]
        for _ in range(repeats):
            rows, units = case.draw(rng)
            old = bootstrap(rows, case.statistic or np.mean, seed=0, samples=500)
            metric = measure("x", rows, units=units, statistic=case.statistic)
            for place, interval in enumerate((old, metric.ci95)):
                hits[place] += interval is not None and interval[0] <= case.truth <= interval[1]
        yield [case.name, *(f"{each / repeats:.3f}" for each in hits)]


Pair = Callable[[Rng], tuple[np.ndarray, np.ndarray, np.ndarray]]


def pairs() -> list[tuple[str, Pair]]:
    """Return populations in which a model is no better than what it is compared with."""

    def alike(share: float, count: int) -> Pair:
        return lambda rng: (
            (rng.random(count) < share).astype(float), (rng.random(count) < share).astype(float), np.arange(count)
        )  # fmt: skip

    def clustered(units: int, rows: int, share: float) -> Pair:
        return lambda rng: (
            *(correlated(rng, units, rows, share, 0.5) for _ in range(2)), np.repeat(np.arange(units), rows)
        )  # type: ignore[return-value]  # fmt: skip

    def skewed(count: int, sign: float) -> Pair:
        return lambda rng: (sign * (rng.lognormal(size=count) - math.exp(0.5)), np.zeros(count), np.arange(count))

    def few(count: int) -> Pair:
        """A twentieth of the items change, to the better or to the worse."""

        def draw(rng: Rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            own = (rng.random(count) < 0.5).astype(float)
            return own, np.where(rng.random(count) < 0.05, 1 - own, own), np.arange(count)

        return draw

    return [
        ("accuracy .5, 10 items", alike(0.5, 10)),
        ("accuracy .5, 60 items", alike(0.5, 60)),
        ("accuracy .95, 20 items", alike(0.95, 20)),
        ("one item in twenty differs, 40 items", few(40)),
        ("10 queries of each of 10 videos, recall .5", clustered(10, 10, 0.5)),
        ("10 queries of each of 20 videos, recall .5", clustered(20, 10, 0.5)),
        ("10 queries of each of 20 videos, recall .05", clustered(20, 10, 0.05)),
        ("normal differences, 10 units", lambda rng: (rng.normal(size=10), np.zeros(10), np.arange(10))),
        ("differences skewed to the right, 20 units", skewed(20, 1.0)),
        ("differences skewed to the left, 20 units", skewed(20, -1.0)),
    ]


def errors(repeats: int) -> Iterator[list[str]]:
    """Yield how often "better" is said of a model that is not; 2.5 % is what a 95 % interval may err to that side."""
    yield ["a model that is no better", "values alone", "rows drawn, percentiles", "mmx.measure"]
    for name, draw in pairs():
        rng, said = np.random.default_rng(1), [0, 0, 0]
        for _ in range(repeats):
            own, other, units = draw(rng)
            gap = gap_interval(own, other, units)
            said[0] += own.mean() > other.mean()
            said[1] += bootstrap(own - other, seed=0, samples=500)[0] > 0
            said[2] += gap is not None and gap[0] > 0
        yield [name, *(f"{100 * each / repeats:.1f} %" for each in said)]


def seeds(repeats: int) -> Iterator[list[str]]:
    """Yield how often `mmx prove` says "above" of gaps over seeds that are normal around zero."""
    yield ["seeds", "mean above 2 standard deviations", "mmx prove"]
    rng = np.random.default_rng(2)
    for count in (2, 3, 5):
        gaps = rng.normal(size=(10 * repeats, count))
        old = np.mean(gaps.mean(1) > 2 * gaps.std(1, ddof=1))
        new = np.mean([Comparison("x", (), row.tolist()).won for row in gaps[: 2 * repeats]])
        yield [str(count), f"{100 * old:.1f} %", f"{100 * new:.1f} %" if count > 2 else "no verdict"]


def compared(repeats: int) -> Iterator[list[str]]:
    """Yield how often the interval of `mmx compare` misses a difference of zero, to either side."""
    yield ["items", "rows drawn, percentiles", "mmx compare"]
    rng = np.random.default_rng(3)
    for count in (2, 3, 5, 10, 20):
        missed = [0, 0]
        for _ in range(repeats):
            gaps = rng.normal(size=count)
            for place, interval in enumerate(
                (bootstrap(gaps, seed=0, samples=500), mean_interval(gaps, range(count)) or (-1.0, 1.0))
            ):
                missed[place] += not interval[0] <= 0 <= interval[1]
        yield [str(count), f"{100 * missed[0] / repeats:.1f} %",
               f"{100 * missed[1] / repeats:.1f} %" if count >= 10 else "no interval"]  # fmt: skip


def main() -> None:
    """Print all tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000, help="Samples per population.")
    repeats = parser.parse_args().repeats
    tables = {"Coverage of nominal .95": coverage, "Error of the first kind": errors,
              "Over seeds": seeds, "Comparison of two runs": compared}  # fmt: skip
    for title, table in tables.items():
        rows = list(table(repeats))
        print(f"\n{title} ({repeats} samples)\n")
        for number, row in enumerate(rows):
            print(f"| {' | '.join(row)} |")
            if not number:
                print(f"|{' --- |' * len(row)}")


if __name__ == "__main__":
    main()

"""Paired comparison of runs over the same items: differences are taken item by item.

Which items are easy is common to the runs, so that the interval of a mean difference over items is narrower than the
intervals of two means by themselves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mmx.errors import DataError
from mmx.runs.history import Record
from mmx.support import run_files

UNIT: Final = "unit"
"""Column of `predictions.json` that names the independent unit of an item (its recording, its speaker): items of one
unit vary together."""

Items = Mapping[str, Mapping[str, Any]]


def read_items(folder: Path) -> Items:
    """Return item id -> its row of the run's `predictions.json`; empty where the run has none.

    Raises:
        DataError: It cannot be read.
    """
    path = folder / run_files.PREDICTIONS
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
        return {str(row["id"]): row for row in rows}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as a table of items: {error}") from error


def shared(items: Sequence[Items]) -> list[str]:
    """Return the ids that all runs have, in the order of the first."""
    return [name for name in items[0] if all(name in each for each in items[1:])] if items else []


def paired(items: Sequence[Items]) -> Iterator[list[str]]:
    """Yield two rows per number that runs have of the items that they share: its means, and the paired differences.

    A difference comes with its 95 % interval over independent units (the column `unit`; else every item is one), where
    there are ten. Numbers that are the same everywhere distinguish no run and are left out.
    """
    names = shared(items)
    columns = dict.fromkeys(key for name in names for key in items[0][name] if key not in ("id", UNIT))
    for column in columns:
        values = [[_number(each[name].get(column)) for name in names] for each in items]
        there = [place for place in range(len(names)) if all(math.isfinite(row[place]) for row in values)]
        kept = [[row[place] for place in there] for row in values]
        if not there or all(row == kept[0] for row in kept[1:]):
            continue
        units = [str(items[0][names[place]].get(UNIT) or names[place]) for place in there]
        yield [column, *(f"{sum(row) / len(row):.4g}" for row in kept)]
        yield ["  beside the first", "", *(_difference(row, kept[0], units) for row in kept[1:])]


def _difference(own: Sequence[float], first: Sequence[float], units: Sequence[str]) -> str:
    """Return the mean difference with its interval, and over how many units and items."""
    from mmx.report.statistics import LEAST_UNITS, gap_interval

    middle = sum(own) / len(own) - sum(first) / len(first)
    count = len(set(units))
    items = f"{len(own)} items"
    over = items if count == len(own) else f"{items} of {count} units"
    interval = gap_interval(own, first, units) if count >= LEAST_UNITS else None
    if interval is None:
        return f"{middle:+.3g} (no interval: {count} units, {LEAST_UNITS} are needed), {over}"
    return f"{middle:+.3g} ({interval[0]:+.3g} to {interval[1]:+.3g}), {over}"


def doubts(records: Sequence[Record]) -> list[str]:
    """Return the parts in which runs differ so that one id may mean two items: corpus, task."""
    return [
        part
        for part in ("corpus", "task")
        if any(_below(each.config, part) != _below(records[0].config, part) for each in records[1:])
    ]


def _below(config: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key.split(".")[0] == part}


def _number(value: Any) -> float:
    """Return a number, or a boolean as 1 and 0; NaN for anything else."""
    return float(value) if isinstance(value, bool | int | float) else math.nan

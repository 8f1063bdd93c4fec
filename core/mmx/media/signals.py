"""Reading of signals: sensor readings as a table with a column of time. Shapes: T time, C channels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from mmx.errors import DataError
from mmx.types import Signal

TIME: Final = "time"
"""Name of the column that holds seconds."""
ROWS: Final = 2_000_000
"""Most readings of one file."""
_EVEN: Final = 0.05
"""Share of a step by which two readings may be closer or further apart than the others."""


def read_signal(path: Path, *, start: float = 0.0, seconds: float | None = None) -> Signal:
    """Read a signal from a CSV file: a header, a column `time` in even steps of seconds, and a column per channel.

    Args:
        path: The file.
        start: Seconds from the first reading at which the signal begins.
        seconds: How long it is; None = to the end.

    Raises:
        DataError: Not such a table, its readings are not evenly spaced, not numbers, or there are none in the stretch.
    """
    names, values_TC = _table(path)
    if TIME not in names or len(names) < 2:
        raise DataError(f"{path}: a signal needs a column {TIME!r} in seconds and one per channel; it has {names}")
    place = names.index(TIME)
    times_T = values_TC[:, place]
    steps_T = np.diff(times_T)
    if len(steps_T) == 0 or not (steps_T > 0).all():
        raise DataError(f"{path}: column {TIME!r} must rise from row to row, over two rows or more")
    step = float(np.median(steps_T))
    if (np.abs(steps_T - step) > _EVEN * step).any():
        row = int(np.abs(steps_T - step).argmax()) + 3
        raise DataError(f"{path}: line {row}: readings are not evenly spaced (every {step:g} s elsewhere); resample it")
    rate = (len(times_T) - 1) / float(times_T[-1] - times_T[0])
    first = round(start * rate)
    last = len(times_T) if seconds is None else first + max(1, round(seconds * rate))
    chosen_TC = np.delete(values_TC, place, axis=1)[first:last]
    if not len(chosen_TC):
        raise DataError(f"{path}: no readings from {start:g} s on; it is {len(times_T) / rate:g} s long")
    return Signal(chosen_TC.astype(np.float32), rate)


def _table(path: Path) -> tuple[list[str], np.ndarray]:
    """Return column names and values (T, columns)."""
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            names = [name.strip() for name in next(lines, [])]
            for number, line in enumerate(lines, start=2):
                if len(line) != len(names):
                    raise DataError(f"{path}: line {number}: {len(line)} values in {len(names)} columns")
                if len(rows) >= ROWS:
                    raise DataError(f"{path}: more than {ROWS:,} readings; cut it into several files")
                rows.append([float(value) for value in line])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise DataError(f"{path}: line {len(rows) + 2}: not a number: {error}") from error
    values_TC = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    if not np.isfinite(values_TC).all():
        first = int(np.flatnonzero(~np.isfinite(values_TC).all(axis=1))[0])
        raise DataError(f"{path}: line {first + 2}: a value is not finite")
    return names, values_TC

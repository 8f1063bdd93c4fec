"""Corpus `driver_stress/drivedb`: PhysioNet's recordings of stress in drivers, read with the package wfdb."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, DataError, LazyFields, LazySplit, Sample, Signal, unknown_split

__all__ = ["DriveDb"]

LEVELS: Final = ("low", "medium", "high")
COLUMNS: Final = ("record", "start", "end", "level")
CHANNELS: Final[Mapping[str, Sequence[str]]] = {
    "ecg": ("ECG",),
    "skin": ("foot GSR", "hand GSR"),
    "breath": ("RESP",),
}
"""Field -> channels of a record; the two of the skin are of one rate."""
_SPLITS: Final = ("train", "test", "train", "val", "train", "test")
"""Of the records in order of their names, over and over."""

CARD: Final = Card(
    title="Stress Recognition in Automobile Drivers (drivedb)",
    summary="ECG, skin conductance and respiration of drivers on a fixed route through Boston.",
    authors="Jennifer A. Healey, Rosalind W. Picard",
    year=2008,
    url="https://physionet.org/content/drivedb/1.0.0/",
    licence="Open Data Commons Attribution License v1.0",
    citation="Healey, Picard: Detecting stress during real-world driving tasks using physiological sensors. IEEE "
    "Transactions on Intelligent Transportation Systems 6(2), 2005.",
    caveats=(
        "Levels are those of the route (rest, highway, city), not of what drivers felt.",
        "Recordings come without the times of those stretches: the user writes them down.",
        "Of 17 records one driver may have more than one: a record is taken for a driver.",
    ),
)


class DriveDb:
    """Windows of PhysioNet's drivedb; records, not windows, are divided into splits.

    Fields: `ecg`, `skin` (conductance of foot and hand) and `breath`, each at the record's own rate. Targets: `label`
    (level of stress) and `driver` (the record). The recordings hold no levels, only a marker that was pressed between
    stretches: a table `levels.csv` with columns record, start, end (seconds) and level (low, medium or high) names
    them. Windows do not overlap, and never cross a border of stretches.

    Args:
        path: Folder with `drive01.hea`, `drive01.dat`, ..., and `levels.csv`.
        seconds: Length of a window.

    Raises:
        DataError: wfdb is not installed, or the folder lacks something.
    """

    fields: Mapping[str, str] = dict.fromkeys(CHANNELS, "signal")
    targets: Mapping[str, Sequence[str] | None] = {"label": LEVELS, "driver": None}
    card = CARD

    def __init__(self, path: str = "", seconds: Annotated[float, Field(gt=0)] = 10.0) -> None:
        if not path:
            raise DataError(
                f"driver_stress/drivedb needs the folder of the recordings: corpus.path=FOLDER; get it at {CARD.url}"
            )
        self._folder, self._seconds = Path(path).expanduser(), float(seconds)
        stretches = _stretches(self._folder / "levels.csv")
        records = sorted({record for record, _, _, _ in stretches})
        for record in records:
            if not (self._folder / f"{record}.hea").is_file():
                raise DataError(f"{self._folder / record}.hea: no such record, but levels.csv names it")
        split = {record: _SPLITS[place % len(_SPLITS)] for place, record in enumerate(records)}
        self._windows: dict[str, list[tuple[str, float, int]]] = {name: [] for name in ("train", "val", "test")}
        for record, start, end, level in stretches:
            for place in range(int((end - start) / self._seconds + 1e-9)):
                self._windows[split[record]].append((record, start + place * self._seconds, level))
        self._record = lru_cache(maxsize=None)(partial(_read, self._folder))
        facts = repr((stretches, self._seconds, [(self._folder / f"{each}.hea").read_bytes() for each in records]))
        self.digest = hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", read on access."""
        if name not in self._windows:
            raise unknown_split("driver_stress/drivedb", name, tuple(self._windows))
        return LazySplit(len(self._windows[name]), partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        record, start, level = self._windows[split][position]
        fields = LazyFields({name: partial(self._signal, record, name, start) for name in CHANNELS})
        return Sample(f"{record}-{start:.1f}", fields, {"label": level, "driver": record})

    def _signal(self, record: str, field: str, start: float) -> Signal:
        whole: Signal = self._record(record)[field]
        first = round(start * whole.rate)
        values_TC = whole.values_TC[first : first + round(self._seconds * whole.rate)]
        if len(values_TC) < round(self._seconds * whole.rate) - 1:
            raise DataError(f"{record}: ends before {start + self._seconds:g} s, but levels.csv goes on")
        return Signal(values_TC, whole.rate)


def _read(folder: Path, record: str) -> dict[str, Signal]:
    """Return a record's signals by field, each at its own rate; what is not known (NaN) holds the last known value.

    Raises:
        DataError: wfdb is missing, the record cannot be read, or lacks a channel.
    """
    try:
        import wfdb
    except ImportError as error:
        raise DataError(
            "recordings of PhysioNet are read by the package wfdb, which is not installed: pip install wfdb"
        ) from error
    try:
        # Channels of more samples per frame than one would be averaged to the slowest rate.
        found = wfdb.rdrecord(str(folder / record), smooth_frames=False)
    except Exception as error:  # wfdb raises what its parsers do
        raise DataError(f"{folder / record}: wfdb cannot read it: {error}") from error
    named = dict(zip(found.sig_name, zip(found.e_p_signal, found.samps_per_frame, strict=True), strict=True))
    signals = {}
    for field, channels in CHANNELS.items():
        if missing := [channel for channel in channels if channel not in named]:
            raise DataError(f"{folder / record}: no channel {missing[0]!r}; it has {', '.join(named)}")
        values_TC = np.stack([_filled(named[channel][0]) for channel in channels], axis=1)
        signals[field] = Signal(values_TC, float(found.fs) * int(named[channels[0]][1]))
    return signals


def _filled(values_T: Any) -> np.ndarray:
    known_T = np.isfinite(np.asarray(values_T, np.float64))
    last_T = np.maximum.accumulate(np.where(known_T, np.arange(len(known_T)), 0))
    return np.nan_to_num(np.asarray(values_T, np.float64)[last_T]).astype(np.float32)


def _stretches(path: Path) -> list[tuple[str, float, float, int]]:
    """Return record, start, end and level of each stretch."""
    told = f"{path}: needed is a table with columns {', '.join(COLUMNS)} (seconds; level: {', '.join(LEVELS)})"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{told}; it cannot be read: {error}") from error
    found = []
    for number, row in enumerate(rows, 2):
        try:
            start, end, level = float(row["start"]), float(row["end"]), LEVELS.index(row["level"])
            if not 0 <= start < end:
                raise ValueError(f"{start:g} to {end:g} s is no stretch")
            found.append((row["record"], start, end, level))
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(f"{told}; line {number}: {error}") from error
    if not found:
        raise DataError(f"{told}; it holds no row")
    return found

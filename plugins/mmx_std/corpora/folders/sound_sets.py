"""Corpora of labelled recordings from a user's folder: ESC-50, ESC-10 and DCASE 2013 scenes."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import Card, DataError, Sample, did_you_mean

DCASE_CLASSES: Final = (
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
)
_DCASE_NAME = re.compile(r"([a-z]+)(\d+)\.wav")


@dataclass(frozen=True, slots=True)
class Item:
    """One file, its class, and its other targets."""

    id: str
    file: Path
    label: int
    targets: Mapping[str, Any]


class FilesOfSplits(Sequence[Sample]):
    """Samples whose audio is read when they are accessed.

    Args:
        items: The files.
        seconds: Longest part of a file to read.
    """

    def __init__(self, items: Sequence[Item], seconds: float) -> None:
        self._items = items
        self._seconds = seconds

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return FilesOfSplits(self._items[index], self._seconds)
        from mmx import read_audio

        item = self._items[index]
        audio = read_audio(item.file, seconds=self._seconds)
        return Sample(item.id, {"audio": audio}, {"label": item.label, **item.targets})

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


class Esc50:
    """ESC-50 (2,000 clips of 5 s, 50 classes, 5 official folds) or its subset ESC-10, from a user's folder.

    The folder is the data set's own: `meta/esc50.csv` and `audio/*.wav`. Targets: `label`, `fold` (0..4),
    `recording`. Split `all` is meant for the protocol `official`; `train` is folds 2 to 5 and `test` fold 1.

    Args:
        path: The folder, with meta/esc50.csv and audio/.
        esc10: Only the ten classes of ESC-10.
    """

    fields: Mapping[str, str] = {"audio": "audio"}
    card = Card(
        title="ESC-50: Dataset for Environmental Sound Classification",
        summary="2,000 recordings of 5 s in 50 classes, with official folds.",
        authors="Karol J. Piczak",
        year=2015,
        url="https://github.com/karolpiczak/ESC-50",
        licence="CC-BY-NC-3.0 (ESC-10: CC-BY-3.0)",
    )

    def __init__(
        self,
        path: str,
        esc10: bool = False,
    ) -> None:
        folder = Path(path).expanduser()
        table = folder / "meta" / "esc50.csv"
        rows = _rows(table, ("filename", "fold", "target", "category", "esc10", "src_file"), "std/esc50")
        if esc10:
            rows = [row for row in rows if row["esc10"].strip().lower() == "true"]
        names = sorted({row["category"] for row in rows})
        self._items = [
            Item(
                Path(row["filename"]).stem,
                folder / "audio" / Path(row["filename"]).name,
                names.index(row["category"]),
                {"fold": int(row["fold"]) - 1, "recording": row["src_file"]},
            )
            for row in rows
        ]
        self.targets: Mapping[str, Sequence[str] | None] = {"label": tuple(names), "fold": None, "recording": None}
        self.digest = hashlib.sha256(table.read_bytes() + str(esc10).encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return "all", "train" (folds 2 to 5) or "test" (fold 1)."""
        return FilesOfSplits(_part(self._items, name, "std/esc50"), seconds=5.0)


class Dcase2013:
    """DCASE 2013 acoustic scenes (10 classes, clips of 30 s), from a user's folder.

    The folder holds `scenes_stereo/` (published for training) and `scenes_stereo_testset/` (the private test set,
    published later), files named `<class><number>.wav`. Targets: `label`, `fold` (0 for test, -1 for train). Splits:
    `all`, `train`, `test`. Only the first channel is used by SoundNet's encoders.

    Args:
        path: The folder, with scenes_stereo/ and scenes_stereo_testset/.
        seconds: Part of each file to read.
    """

    fields: Mapping[str, str] = {"audio": "audio"}
    card = Card(
        title="D-CASE 2013 challenge: acoustic scene classification",
        summary="100 development and 100 test recordings of 30 s in 10 classes of places.",
        authors="Giannoulis, Benetos, Stowell, Rossignol, Lagrange, Plumbley",
        year=2013,
        url="https://dcase.community/challenge2013",
        licence="stated with the data set by its authors; not included here",
    )

    def __init__(
        self,
        path: str,
        seconds: Annotated[float, Field(gt=0)] = 30.0,
    ) -> None:
        folder = Path(path).expanduser()
        self._seconds = seconds
        self._items = [
            Item(f"{name}/{file.stem}", file, DCASE_CLASSES.index(label), {"fold": fold})
            for name, fold in (("scenes_stereo", -1), ("scenes_stereo_testset", 0))
            for file, label in _scene_files(folder / name)
        ]
        self.targets: Mapping[str, Sequence[str] | None] = {"label": DCASE_CLASSES, "fold": None}
        listing = "\n".join(f"{item.file.relative_to(folder)} {item.file.stat().st_size}" for item in self._items)
        self.digest = hashlib.sha256(f"{listing} {seconds}".encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return "all", "train" (development files) or "test"."""
        return FilesOfSplits(_part(self._items, name, "std/dcase"), self._seconds)


def _part(items: Sequence[Item], name: str, corpus: str) -> Sequence[Item]:
    if name == "all":
        return items
    if name not in ("train", "test"):
        raise DataError(
            f"{corpus} has no split {name!r}{did_you_mean(name, ('all', 'train', 'test'))}; splits: all, train, test"
        )
    return [item for item in items if (item.targets["fold"] == 0) == (name == "test")]


def _rows(table: Path, columns: Sequence[str], corpus: str) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(
            f"{corpus}: cannot read {table} ({error.strerror}); give the folder of the data set as corpus path=FOLDER"
        ) from error
    missing = [column for column in columns if not rows or column not in rows[0]]
    if missing:
        raise DataError(f"{table}: lacks the columns {', '.join(missing)}")
    faults = [row["filename"] for row in rows if not (row["fold"] or "").strip().isdigit()]
    if faults:
        raise DataError(f"{table}: {faults[0]}: the fold is not a number")
    return rows


def _scene_files(folder: Path) -> list[tuple[Path, str]]:
    found = []
    for file in sorted(folder.glob("*.wav")):
        match = _DCASE_NAME.fullmatch(file.name.lower())
        if match and match[1] in DCASE_CLASSES:
            found.append((file, match[1]))
    if not found:
        raise DataError(
            f"std/dcase: no files named like bus01.wav in {folder}; the folder needs scenes_stereo/ and "
            f"scenes_stereo_testset/"
        )
    return found

"""Files and lists of a data set as it was published."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from mmx import DataError
from mmx_std.corpora.decoding import MODALITY_OF

Row = dict[str, Any]
"""One row of a manifest; paths are absolute. A row whose media file is missing holds None in its place."""
KINDS: Final = {suffix: kind for suffix, kind in MODALITY_OF.items() if kind != "signal"} | {".flv": "video"}


@dataclass(frozen=True, slots=True)
class PublishedLayout:
    """A data set: how it is laid out, what may be done with it, and where to get it.

    Attributes:
        title: Its name.
        holds: What the source folder must hold, as published.
        splits: Where its splits are from.
        items: How many rows the whole set gives; None where that depends on the release.
        licence: Under which terms it is published.
        page: Where it is published.
        rows: Yields a row for each item that the lists name.
    """

    title: str
    holds: str
    splits: str
    items: int | None
    licence: str
    page: str
    rows: Callable[[SourceFolder], Iterator[Row]]


class SourceFolder:
    """The folder of a data set; media files in it are found by their names, wherever they were unpacked to.

    Args:
        path: The folder.

    Raises:
        DataError: It is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"{path}: no such folder; see what a layout needs: mmx data import")
        self.path = path

    @cached_property
    def _media(self) -> Mapping[tuple[str, str], Path]:
        """(kind, name without suffix) -> file; the first in order where several folders hold one."""
        found: dict[tuple[str, str], Path] = {}
        for file in sorted(self.path.rglob("*")):
            kind = KINDS.get(file.suffix.lower())
            if kind is not None and not file.name.startswith("."):
                found.setdefault((kind, file.stem), file)
        return found

    def media(self, kind: str, *names: str) -> Path | None:
        """Return the media file with the first of these names (without suffix) that is there; None if none is."""
        return next((self._media[kind, name] for name in names if (kind, name) in self._media), None)

    def files(self, pattern: str) -> list[Path]:
        """Return the files below the folder whose path fits, in order."""
        return sorted(file for file in self.path.rglob(pattern) if not file.name.startswith("."))

    def list(self, *patterns: str) -> Path:
        """Return the list file whose name fits one of the patterns.

        Raises:
            DataError: There is none.
        """
        found = self.optional(*patterns)
        if found is None:
            raise DataError(f"{self.path}: holds no {' or '.join(patterns)}; see what a layout needs: mmx data import")
        return found

    def optional(self, *patterns: str) -> Path | None:
        """Return the list file whose name fits one of the patterns, None if none does."""
        return next((file for pattern in patterns for file in self.files(pattern)), None)


def table(
    path: Path, *columns: str, names: Sequence[str] | None = None, separator: str = ","
) -> Iterator[dict[str, str]]:
    """Yield the rows of a list by column.

    Args:
        path: A CSV file.
        columns: Columns that must be there.
        names: Names of the columns where the file has no header.
        separator: Between cells.

    Raises:
        DataError: A column is not there, or a row has another number of cells.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, fieldnames=names, delimiter=separator)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: no column {missing[0]!r}; it has {', '.join(reader.fieldnames or ()) or 'none'}")
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{path}: line {reader.line_num}: another number of cells than columns")
            yield {name: cell.strip() for name, cell in row.items()}


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not empty.

    Raises:
        DataError: It is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text: {error}") from None
    for line in text.splitlines():
        if line.strip():
            yield line.strip()


def document(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DataError: It is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from None


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file.

    Raises:
        DataError: A line is none.
    """
    for number, line in enumerate(lines(path), 1):
        try:
            yield dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: line {number}: is not JSON: {error}") from None

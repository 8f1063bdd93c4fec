"""Rows of a JSONL or CSV file with their line numbers, and faults for lines that cannot be read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx import DataError

MAX_BYTES: Final = 1 << 30
"""Largest file that is read."""
MAX_LINE: Final = 1 << 20
"""Longest line that is read, in characters."""
SUFFIXES: Final = (".jsonl", ".ndjson", ".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about one line that keeps it from being used."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Row:
    """One record: column name -> value (strings in CSV, any JSON value in JSONL); empty and null cells are left out."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows in order, and the faults of the lines that are none."""

    path: Path
    columns: Sequence[str]
    rows: Sequence[Row]
    faults: Sequence[Fault]


def read_table(path: Path) -> Table:
    """Read a JSONL (`.jsonl`, `.ndjson`) or CSV (`.csv`, `.tsv`) file in UTF-8.

    The separator of a CSV file is whichever of comma, semicolon and tab its first line has most of.

    Raises:
        DataError: There is no such file, it is of another kind or too large, or it has no rows at all.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a manifest is one of {', '.join(SUFFIXES)}; see: mmx data check --help")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{path}: larger than {MAX_BYTES >> 20} MB; split it, or pack it: mmx data pack FILE FOLDER"
            )
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check a manifest with: mmx data check FILE") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    parse = _json_rows if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows
    rows, faults = [], []
    for found in parse(text):
        if isinstance(found, Fault):
            faults.append(found)
        else:
            rows.append(Row(found.line, {key: value for key, value in found.values.items() if value not in (None, "")}))
    if not rows and not faults:
        raise DataError(f"{path}: has no rows; a manifest needs at least one, see: mmx data check --help")
    return Table(path, list(dict.fromkeys(key for row in rows for key in row.values)), rows, faults)


def _json_rows(text: str) -> Iterator[Row | Fault]:
    # Not splitlines(): that also splits at characters that may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        fault = _line_fault(number, line)
        if fault is not None:
            yield fault
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Fault(number, f"is not JSON: {str(error) or 'nested too deeply'}")
            continue
        if not isinstance(values, dict):
            yield Fault(number, "is not a JSON object {...}")
        elif "\\ud" in line.lower() and not _is_unicode(values):
            yield Fault(number, "holds half of a character (\\ud800 to \\udfff)")
        else:
            yield Row(number, values)


def _is_unicode(values: Any) -> bool:
    """Return whether what JSON's escapes made of a line can be written again."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(text: str) -> Iterator[Row | Fault]:
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    columns: list[str] | None = None
    begin = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Fault(begin, f"is not CSV: {error}")
            return
        if cells is None:
            return
        line, begin = begin, reader.line_num + 1
        fault = _line_fault(line, "".join(cells))
        if fault is not None:
            yield fault
        elif columns is None:
            columns = [cell.strip() for cell in cells]
        elif cells and len(cells) != len(columns):
            yield Fault(line, f"has {len(cells)} cells under {len(columns)} columns")
        elif any(cell.strip() for cell in cells):
            yield Row(line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)})


def _line_fault(number: int, line: str) -> Fault | None:
    if len(line) > MAX_LINE:
        return Fault(number, f"is longer than {MAX_LINE} characters")
    if "\ufffd" in line:
        return Fault(number, "is not UTF-8")
    return Fault(number, "holds a NUL character") if "\0" in line else None

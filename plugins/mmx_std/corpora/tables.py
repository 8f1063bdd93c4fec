"""Rows of a JSONL or CSV file with their line numbers, and faults for lines that cannot be read."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, Final

from mmx import DataError

MAX_BYTES: Final = 1 << 30
"""Largest file that is read."""
MAX_LINE: Final = 1 << 20
"""Longest line that is read, in characters."""
_LOOKED_AT: Final = 20
"""Lines that tell the separator."""
_LOOKED_AT_BYTES: Final = 4096
"""Bytes that tell the encoding where no mark does."""
_SEPARATORS: Final = ",;\t|"
SUFFIXES: Final = (".jsonl", ".ndjson", ".csv", ".tsv")
_CONVERTED: Final = {
    ".parquet": "read_parquet",
    ".xlsx": "read_excel",
    ".xls": "read_excel",
    ".json": "read_json",
    ".feather": "read_feather",
    ".pkl": "read_pickle",
}
"""Suffixes of other tables -> what pandas reads them with."""
_BINARY: Final = {
    b"PK\x03\x04": "an Excel",
    b"\xd0\xcf\x11\xe0": "an Excel",
    b"PAR1": "a Parquet",
    b"\x1f\x8b": "a gzip",
}
"""First bytes of files that are no text -> what they are."""
_MARKS: Final = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
                 (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_SWALLOWED: Final = 6
"""Separators within the lines of one quoted cell that show, where each line has just as many as a row, that a quote was
not closed. A tab, which texts do not hold, shows it at once."""
_NULS: Final = 0.3
"""Share of every other byte that is 0 in UTF-16 of a language with Latin letters."""


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
    """Read a JSONL (`.jsonl`, `.ndjson`) or CSV (`.csv`, `.tsv`) file in UTF-8, UTF-16 or UTF-32.

    The separator of a `.tsv` file whose header has tabs is the tab; that of others whichever of comma, semicolon, tab
    and bar gives its first lines as many cells as its header, or what Excel's first line `sep=;` says. A line that
    cannot be read is a fault, and reading goes on at the next one. In a tab-separated file, where quotes are often
    meant as they stand, such a line is read without them if it fits so.

    Raises:
        DataError: There is no such file, it is of another kind or too large, it has no rows at all, or a column twice.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a manifest is one of {', '.join(SUFFIXES)}; {_conversion(path)}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{path}: larger than {MAX_BYTES >> 20} MB; split it, or pack it: mmx data pack FILE FOLDER"
            )
        text = _decoded(path, path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check a manifest with: mmx data check FILE") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    rows, faults = [], []
    for found in _rows(path, text):
        if isinstance(found, Fault):
            faults.append(found)
        else:
            # A parser makes each key anew in each line, which would be a quarter of a long table's memory.
            given = {intern(key): value for key, value in found.values.items() if value not in (None, "")}
            rows.append(Row(found.line, given))
    if not rows and not faults:
        raise DataError(f"{path}: has no rows; a manifest needs at least one, see: mmx data check --help")
    return Table(path, list(dict.fromkeys(key for row in rows for key in row.values)), rows, faults)


def _rows(path: Path, text: str) -> Iterator[Row | Fault]:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        before = csv.field_size_limit(MAX_LINE)
        try:
            yield from _csv_rows(path, text)
        finally:
            csv.field_size_limit(before)
        return
    if text.lstrip().startswith("["):
        raise DataError(
            f"{path}: is one JSON array; call it {path.stem}.json, and {_conversion(path.with_suffix('.json'))}"
        )
    yield from _json_rows(text)


def _conversion(path: Path) -> str:
    """Return what helps with a table of another kind."""
    reader = _CONVERTED.get(path.suffix.lower())
    if reader is None:
        return "see: mmx data check --help"
    out = f"{path.stem}.jsonl"
    return f"write one with pandas: {reader}({path.name!r}).to_json({out!r}, orient='records', lines=True)"


def _json_rows(text: str) -> Iterator[Row | Fault]:
    # Not splitlines(): that also splits at characters that may stand inside a JSON string.
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if not line.strip():
            continue
        fault = _line_fault(number, line)
        if fault is not None:
            yield fault
            continue
        try:
            values = json.loads(line, parse_constant=_constant, object_pairs_hook=_once)
        except _Twice as error:
            yield Fault(number, str(error))
            continue
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


class _Twice(ValueError):
    """A key is in an object twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(f"key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return values


def _constant(name: str) -> float | None:
    """Return what pandas writes for a missing value, NaN, as missing."""
    return None if name == "NaN" else float(name)


def _decoded(path: Path, content: bytes) -> str:
    for start, kind in _BINARY.items():
        if content.startswith(start):
            raise DataError(f"{path}: is {kind} file and no text; write it as CSV in UTF-8")
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    # Without its mark UTF-16 is known by its zeros, which no other text has.
    start = content[:_LOOKED_AT_BYTES]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if start[first::2].count(0) > _NULS * len(start) / 2 and not start[1 - first :: 2].count(0):
            return content.decode(encoding, errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def _csv_rows(path: Path, text: str) -> Iterator[Row | Fault]:
    lines = list(io.StringIO(text, newline=""))
    said = re.fullmatch(r"sep=(.)\s*", lines[0]) if lines else None
    at = 1 if said else 0
    tabs = path.suffix.lower() == ".tsv" and bool(lines) and "\t" in lines[0]
    separator = said[1] if said else "\t" if tabs else _separator(lines[:_LOOKED_AT])
    columns: Sequence[str] | None = None
    while at < len(lines):
        # A reader is made anew after each line that it stumbles over, and begins behind that line.
        for begin, found in _records(lines, at, separator):
            at = begin + 1
            cells = _closed(lines, begin, found, columns, separator)
            if columns is None and not isinstance(cells, str):
                columns = _header(path, cells)
                continue
            read = _row(begin, lines[begin], cells, columns, separator)
            if read is not None:
                yield read
            if columns is None:
                return  # without a header no line can be read
            if isinstance(read, Fault) or isinstance(cells, str):
                break
        else:
            return


def _closed(
    lines: Sequence[str], begin: int, cells: list[str] | str, columns: Sequence[str] | None, separator: str
) -> list[str] | str:
    """Return a record's cells, or what is wrong where each line looks like a row: another's quote closed its own."""
    if isinstance(cells, str) or columns is None:
        return cells
    more = sum(cell.count("\n") for cell in cells)
    if not more:
        return cells
    marks = [line.count(separator) for line in lines[begin : begin + more + 1]]
    if set(marks) != {len(columns) - 1} or sum(marks) < (1 if separator == "\t" else _SWALLOWED):
        return cells
    return f"a quote opens and closes only in line {begin + more + 1}"


def _records(lines: Sequence[str], first: int, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the number of the line (from 0) at which a record begins, and its cells or what is wrong with it."""
    reader = csv.reader((lines[place] for place in range(first, len(lines))), delimiter=separator, strict=True)
    begin = first
    try:
        for cells in reader:
            yield begin, cells
            begin = first + reader.line_num
    except csv.Error as error:
        unclosed = "unexpected end" in str(error) or "field larger" in str(error)
        yield begin, "a quote opens and is not closed" if unclosed else str(error)


def _row(
    begin: int, line: str, cells: Sequence[str] | str, columns: Sequence[str] | None, separator: str
) -> Row | Fault | None:
    """Return the row that begins at a line, or what is wrong with it; None for an empty one."""
    number = begin + 1
    if columns is not None and not isinstance(cells, str) and not any(cells[len(columns) :]):
        cells = cells[: len(columns)]  # empty ones behind the last column
    if isinstance(cells, str) or (columns is not None and cells and len(cells) != len(columns)):
        literal = line.rstrip("\r\n").split(separator)
        if columns is None or separator != "\t" or len(literal) != len(columns):
            if isinstance(cells, str):
                return _line_fault(number, line) or Fault(number, f"is not CSV: {cells}")
            return _line_fault(number, "".join(cells)) or Fault(
                number, f"has {len(cells)} cells under {len(columns or ())} columns"
            )
        cells = literal
    fault = _line_fault(number, "".join(cells))
    if fault is not None:
        return fault
    values = dict(zip(columns or (), (cell.strip() for cell in cells), strict=False))
    return Row(number, values) if any(values.values()) else None


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for place, name in enumerate(columns):
        if name and name in columns[:place]:
            first = columns.index(name) + 1
            raise DataError(f"{path}: line 1: column {name!r} is there twice, as {first} and {place + 1}; rename one")
    return columns


def _separator(lines: Sequence[str]) -> str:
    """Return the separator that gives the most lines as many cells as the first; of equal ones, that of more cells."""
    lines = [line for line in lines if len(line) <= MAX_LINE]

    def fit(mark: str) -> tuple[int, int]:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=mark) if cells]
        return (counts.count(counts[0]), counts[0]) if counts and counts[0] > 1 else (0, 0)

    return max(_SEPARATORS, key=fit)


def _line_fault(number: int, line: str) -> Fault | None:
    if len(line) > MAX_LINE:
        return Fault(number, f"is longer than {MAX_LINE} characters")
    if "\ufffd" in line:
        return Fault(number, "is not UTF-8; save the file as UTF-8")
    return Fault(number, "holds a NUL character") if "\0" in line else None

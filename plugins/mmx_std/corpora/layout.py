"""Layout of a manifest: which column holds what, by convention or by configuration."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from mmx import DataError, cues_from_rows, did_you_mean
from mmx_std.corpora.decoding import MODALITY_OF, READABLE, FileSource, Media, WrittenCues, kind_problem
from mmx_std.corpora.items import MULTI, Item
from mmx_std.corpora.splits import split_name
from mmx_std.corpora.tables import Row

MEDIA: Final = tuple(READABLE)
"""Modalities that are files. All but cues are also names of columns."""
MEDIA_COLUMNS: Final = tuple(name for name in MEDIA if name != "cues")
FILE_COLUMNS: Final = ("file", "path", "filename", "file_name")
"""Columns whose files go to the field of their modality."""
TEXT_COLUMNS: Final = ("text", "caption", "transcript")
"""Columns that hold text, a field each."""
CUES: Final = "subtitles"
"""The column, and the field, of subtitles with their times."""
SPECIAL: Final = ("id", "split", "group", "start", "end", "modality", "label", MULTI)
KNOWN: Final = (*SPECIAL, *MEDIA_COLUMNS, CUES, *FILE_COLUMNS, *TEXT_COLUMNS)

_FIELD = re.compile(r"\w[\w-]*")


class RowError(Exception):
    """What is wrong with one row."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Column -> what it holds.

    Attributes:
        folder: Paths are relative to it.
        fields: Field name -> column, of media and texts.
        modalities: Field name -> modality, where it does not follow from the values.
        targets: Target name -> column.
        files: Columns of files whose field is their modality.
        unused: Columns that nothing reads.
        allow_outside: Absolute paths and paths that leave the folder are read.
    """

    folder: Path
    fields: Mapping[str, str]
    modalities: Mapping[str, str]
    targets: Mapping[str, str]
    files: Sequence[str]
    unused: Sequence[str]
    allow_outside: bool = False


def make_layout(
    folder: Path,
    columns: Sequence[str],
    *,
    fields: Mapping[str, str],
    modalities: Mapping[str, str],
    allow_outside: bool,
) -> Layout:
    """Return the layout of a table with these columns.

    Raises:
        DataError: A column that is named is not there, or nothing would be read.
    """
    for name, column in fields.items():
        if not _FIELD.fullmatch(name):
            raise DataError(f"fields: {name!r} is no name of a field; use letters, digits, _ and -")
        if column not in columns:
            raise DataError(f"fields.{name}={column}: no such column{did_you_mean(column, columns)}; {_has(columns)}")
    for name, modality in modalities.items():
        if modality not in (*MEDIA, "text"):
            raise DataError(f"modalities.{name}={modality}: it must be one of {', '.join((*MEDIA, 'text'))}")
    taken = set(fields.values())
    found = {name: name for name in (*MEDIA_COLUMNS, CUES, *TEXT_COLUMNS) if name in columns and name not in taken}
    chosen = {**found, **fields}
    files = [name for name in FILE_COLUMNS if name in columns and name not in taken]
    if not chosen and not files:
        hint = next((h for c in columns if (h := did_you_mean(c, KNOWN[len(SPECIAL) :]))), "")
        raise DataError(f"no column of media or text{hint}; {_has(columns)}; name one: corpus.fields.audio=COLUMN")
    targets = {
        ("label" if column == "label" else MULTI if column == MULTI else column.removeprefix("label_")): column
        for column in columns
        if column in ("label", MULTI) or column.startswith("label_")
    }
    used = {*SPECIAL, *chosen.values(), *files, *targets.values()}
    unused = [column for column in columns if column not in used]
    return Layout(folder, chosen, _known_modalities(chosen, modalities), targets, files, unused, allow_outside)


def make_item(row: Row, layout: Layout) -> Item:
    """Return the item of a row.

    Raises:
        RowError: It cannot be used.
    """
    start, end = _seconds(row, "start"), _seconds(row, "end")
    if end is not None and end <= (start or 0.0):
        raise RowError(f"end {end:g} s is not after start {start or 0.0:g} s")
    media: dict[str, Media] = {}
    texts: dict[str, str] = {}
    for name, column in layout.fields.items():
        if column in row.values:
            modality = layout.modalities.get(name) or _modality_of(row.values[column])
            if modality == "text":
                texts[name] = _text(row, column)
            else:
                media[name] = _media(row, column, modality, layout, start, end)
    for column in layout.files:
        if column in row.values:
            modality = str(row.values.get("modality", ""))
            modality = modality if modality in MEDIA else _modality_of(row.values[column])
            if modality not in MEDIA:
                raise RowError(f"{column}: cannot tell the modality of {row.values[column]!r}; add a column `modality`")
            name = CUES if modality == "cues" else modality
            media.setdefault(name, _media(row, column, modality, layout, start, end))
    if not media and not texts:
        raise RowError("has no media and no text")
    name = str(row.values["id"]) if "id" in row.values else _default_id(row, media, layout.folder)
    return Item(
        name,
        row.line,
        media,
        texts,
        {target: _label(row, target, column) for target, column in layout.targets.items() if column in row.values},
        str(row.values.get("group", name)),
        split_name(str(row.values["split"])) if "split" in row.values else "",
    )


def _known_modalities(fields: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    known = {name: name for name in fields if name in MEDIA}
    known |= {name: "cues" for name, column in fields.items() if CUES in (name, column)}
    # A text stays a text even if it has the form of a file name.
    known |= {name: "text" for name, column in fields.items() if name in TEXT_COLUMNS or column in TEXT_COLUMNS}
    return {**known, **given}


def _modality_of(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "cues"
    return MODALITY_OF.get(PurePath(value).suffix.lower(), "text") if isinstance(value, str) else "text"


def _media(row: Row, column: str, modality: str, layout: Layout, start: float | None, end: float | None) -> Media:
    value = row.values[column]
    if modality == "cues" and isinstance(value, list):
        try:
            written = cues_from_rows(value)
            return Media(modality, WrittenCues(written.cues, written.faults), start, end)
        except DataError as error:
            raise RowError(f"{column}: {error}") from None
    if not isinstance(value, str):
        raise RowError(f"{column}: {value!r:.60} is not a path")
    path = _resolved(column, value, layout)
    if problem := kind_problem(modality, path.suffix.lower()):
        raise RowError(f"{column}: {value!r}: {problem}")
    return Media(modality, FileSource(path), start, end)


def _resolved(column: str, value: str, layout: Layout) -> Path:
    """Return the path; symbolic links count as where they lead."""
    if "://" in value:
        raise RowError(f"{column}: {value!r}: files on a network are not read; download them first")
    try:
        path = layout.folder / value
        if not layout.allow_outside and not path.resolve().is_relative_to(layout.folder.resolve()):
            raise RowError(f"{column}: {value!r} is outside the manifest's folder; corpus.allow_outside=true reads it")
    except (OSError, RuntimeError, ValueError) as error:
        raise RowError(f"{column}: {value!r}: {error}") from None
    return path


def _text(row: Row, column: str) -> str:
    value = row.values[column]
    if isinstance(value, list | dict):
        raise RowError(f"{column}: must be one text; give one row per text")
    return str(value)


def _label(row: Row, target: str, column: str) -> str | tuple[str, ...]:
    value = row.values[column]
    if target == MULTI:
        names = value if isinstance(value, list) else [part.strip() for part in str(value).split(";")]
        if any(isinstance(name, list | dict) for name in names):
            raise RowError(f"{column}: must be a list of class names")
        return tuple(str(name) for name in names if name not in ("", None))
    if isinstance(value, list | dict):
        raise RowError(f"{column}: must be one class; several go into a column `{MULTI}`")
    return str(value)


def _seconds(row: Row, column: str) -> float | None:
    value = row.values.get(column)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise RowError(f"{column}: {value!r:.60} is not a number of seconds") from None
    if not math.isfinite(number) or number < 0:
        raise RowError(f"{column}: {value!r} must be 0 or more seconds")
    return number


def _default_id(row: Row, media: Mapping[str, Media], folder: Path) -> str:
    """Return the path of the first file, with the start where there is one; the line for a row of text only."""
    for each in media.values():
        if isinstance(each.source, FileSource):
            path = each.source.path
            name = (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
            return name if each.start is None else f"{name}@{each.start:g}"
    return f"line-{row.line}"


def _has(columns: Sequence[str]) -> str:
    return f"the file has {', '.join(columns) or 'no columns'}"

"""Layout of a manifest: which column holds what, by convention or by configuration."""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final, Literal

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
PLURAL: Final = "captions"
"""A column that is read as `caption` where there is none of that name: still one text a row."""
CUES: Final = "subtitles"
"""The column, and the field, of subtitles with their times."""
SPECIAL: Final = ("id", "split", "group", "start", "end", "modality", "label", MULTI)
KNOWN: Final = (*SPECIAL, *MEDIA_COLUMNS, CUES, *FILE_COLUMNS, *TEXT_COLUMNS)

_FORMS: Final[tuple[Literal["NFC", "NFD"], ...]] = ("NFC", "NFD")
_FIELD = re.compile(r"\w[\w-]*")


class RowError(Exception):
    """What is wrong with one row."""


@dataclass(slots=True)
class _Known:
    """What many rows share, made once: it saves time, and most of the memory of a long table.

    Attributes:
        sources: (modality, path as it is written) -> the file.
        names: `id` of a file -> its path relative to the folder.
        labels: Classes of a row by target -> the mapping that holds them.
        outside: Whether a path could not be followed, or leads out of the folder: links decide on that.
    """

    sources: dict[tuple[str, str], FileSource] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    labels: dict[tuple[object, ...], Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)
    outside: bool = False


_NO_TEXTS: Final[Mapping[str, str]] = {}


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
        known: What rows share.
    """

    folder: Path
    fields: Mapping[str, str]
    modalities: Mapping[str, str]
    targets: Mapping[str, str]
    files: Sequence[str]
    unused: Sequence[str]
    allow_outside: bool = False
    known: _Known = field(default_factory=lambda: _Known(), compare=False)


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
    if "caption" not in found and PLURAL in columns and PLURAL not in taken:
        found["caption"] = PLURAL
    chosen = {**found, **fields}
    files = [name for name in FILE_COLUMNS if name in columns and name not in taken]
    if not chosen and not files:
        hint = next((h for c in columns if (h := did_you_mean(c, KNOWN[len(SPECIAL) :]))), "")
        raise DataError(
            f"no column of media or text{hint}; {_has(columns)}; name one: "
            "corpus.fields.audio=COLUMN (--field audio=COLUMN)"
        )
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
            modality = layout.modalities.get(name) or modality_of(row.values[column])
            if modality == "text":
                texts[name] = _text(row, column)
            else:
                media[name] = _media(row, column, modality, layout, start, end)
    for column in layout.files:
        if column in row.values:
            modality = str(row.values.get("modality", ""))
            modality = modality if modality in MEDIA else modality_of(row.values[column])
            if modality not in MEDIA:
                raise RowError(f"{column}: cannot tell the modality of {row.values[column]!r}; add a column `modality`")
            name = CUES if modality == "cues" else modality
            media.setdefault(name, _media(row, column, modality, layout, start, end))
    if not media and not texts:
        raise RowError("has no media and no text")
    name = str(row.values["id"]) if "id" in row.values else _default_id(row, media, layout)
    return Item(
        name,
        row.line,
        media,
        texts or _NO_TEXTS,
        _labels(row, layout),
        _composed(str(row.values.get("group", name))),
        split_name(str(row.values["split"])) if "split" in row.values else "",
    )


def _known_modalities(fields: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    known = {name: name for name in fields if name in MEDIA}
    known |= {name: "cues" for name, column in fields.items() if CUES in (name, column)}
    # A text stays a text even if it has the form of a file name.
    known |= {name: "text" for name, column in fields.items() if name in TEXT_COLUMNS or column in TEXT_COLUMNS}
    return {**known, **given}


def modality_of(value: Any) -> str:
    """Return what a value of a column holds: "text" unless it is subtitles or has the form of a file's name."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "cues"
    return MODALITY_OF.get(PurePath(value).suffix.lower(), "text") if isinstance(value, str) else "text"


def _media(row: Row, column: str, modality: str, layout: Layout, start: float | None, end: float | None) -> Media:
    value = row.values[column]
    if modality == "cues" and isinstance(value, list):
        try:
            written = cues_from_rows(value)
            return Media(modality, WrittenCues(written.cues, written.faults, written.notes), start, end)
        except DataError as error:
            raise RowError(f"{column}: {error}") from None
    if not isinstance(value, str):
        raise RowError(f"{column}: {value!r:.60} is not a path")
    source = layout.known.sources.get((modality, value))
    if source is None:
        source = FileSource(_resolved(column, value, layout))
        if problem := kind_problem(modality, source.suffix):
            raise RowError(f"{column}: {value!r}: {problem}")
        layout.known.sources[modality, value] = source
    return Media(modality, source, start, end)


def _resolved(column: str, value: str, layout: Layout) -> Path:
    """Return the path; symbolic links count as where they lead."""
    if "://" in value:
        raise RowError(f"{column}: {value!r}: files on a network are not read; download them first")
    try:
        path = _found(layout.folder, value)
        if not layout.allow_outside and not path.resolve().is_relative_to(layout.folder.resolve()):
            layout.known.outside = True
            raise RowError(f"{column}: {value!r} is outside the manifest's folder; corpus.allow_outside=true reads it")
    except (OSError, RuntimeError, ValueError) as error:
        layout.known.outside = True
        raise RowError(f"{column}: {value!r}: {error}") from None
    return path


def _found(folder: Path, value: str) -> Path:
    """Return the path; where there is none, the one whose letters are composed otherwise (é as e and ´: macOS)."""
    path = folder / value
    if not value.isascii() and not path.exists():
        for form in _FORMS:
            other = folder / unicodedata.normalize(form, value)
            if other.exists():
                return other
    return path


def _text(row: Row, column: str) -> str:
    value = row.values[column]
    if isinstance(value, list | dict):
        raise RowError(f"{column}: must be one text; give one row per text")
    return str(value)


def _labels(row: Row, layout: Layout) -> Mapping[str, str | tuple[str, ...]]:
    found = {target: _label(row, target, column) for target, column in layout.targets.items() if column in row.values}
    return layout.known.labels.setdefault(tuple(found.items()), found)


def _label(row: Row, target: str, column: str) -> str | tuple[str, ...]:
    value = row.values[column]
    if target == MULTI:
        names = value if isinstance(value, list) else _listed(str(value))
        if any(isinstance(name, list | dict) for name in names):
            raise RowError(f"{column}: must be a list of class names")
        return tuple(_composed(str(name)) for name in names if name not in ("", None))
    if isinstance(value, list | dict):
        raise RowError(f"{column}: must be one class; several go into a column `{MULTI}`")
    return _composed(str(value))


def _listed(written: str) -> Sequence[Any]:
    """Return the class names of a cell: joined by `;`, or a list as pandas and JSON write it in CSV."""
    if written[:1] == "[" and written[-1:] == "]":
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = ast.literal_eval(written)
            if isinstance(found, list):
                return found
    return [part.strip() for part in written.split(";")]


def _composed(name: str) -> str:
    """Return a name with composed letters: é and e with ´ are one class."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


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


def _default_id(row: Row, media: Mapping[str, Media], layout: Layout) -> str:
    """Return the path of the first file, with the start where there is one; the line for a row of text only."""
    for each in media.values():
        if isinstance(each.source, FileSource):
            name = layout.known.names.get(id(each.source))
            if name is None:
                path, folder = each.source.path, layout.folder
                name = (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
                layout.known.names[id(each.source)] = name
            return name if each.start is None else f"{name}@{each.start:g}"
    return f"line-{row.line}"


def _has(columns: Sequence[str]) -> str:
    return f"the file has {', '.join(columns) or 'no columns'}"

"""The table of published layouts, and manifests made from them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx import DataError, UserError, did_you_mean, write_text
from mmx_std.corpora.imports import clips, images, sounds, videos, voices
from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder

LAYOUTS: Final[Mapping[str, PublishedLayout]] = dict(
    sorted({**sounds.LAYOUTS, **images.LAYOUTS, **clips.LAYOUTS, **videos.LAYOUTS, **voices.LAYOUTS}.items())
)
"""Name -> layout."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written.

    Attributes:
        layout: The data set.
        used: Rows of the manifest.
        expected: Rows that its lists name.
        splits: Rows by split; "" for those that a hash divides.
        outside: Some files are not below the manifest's folder.
    """

    layout: PublishedLayout
    used: int
    expected: int
    splits: Mapping[str, int]
    outside: bool


def import_layout(name: str, source: Path, out: Path) -> Imported:
    """Write the manifest of a data set that lies in a folder as it was published.

    Items whose file is not there are left out and counted.

    Args:
        name: Name of the layout.
        source: Folder of the data set.
        out: The manifest, `.jsonl`.

    Raises:
        UserError: No such layout, or `out` is there or of another kind.
        DataError: The folder holds something else, or none of the files.
    """
    if name not in LAYOUTS:
        raise UserError(f"no layout {name!r}{did_you_mean(name, LAYOUTS)}; see: mmx data import")
    if out.suffix != ".jsonl":
        raise UserError(f"{out}: the manifest is written as .jsonl")
    if out.exists():
        raise UserError(f"{out}: is there already; give another name, or remove it first")
    layout, folder = LAYOUTS[name], out.absolute().parent
    found = SourceFolder(source.absolute())
    try:
        rows = list(layout.rows(found))
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        told = f"key {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{source}: is not laid out as {layout.title} is ({layout.holds}): {told}") from error
    whole = [row for row in rows if None not in (row.get(field, "") for field in ("audio", "image", "video"))]
    if not whole:
        raise DataError(
            f"{source}: none of the {len(rows)} items of {layout.title} has its file; needed: {layout.holds}"
        )
    written = [dict(_relative(row, folder)) for row in whole]
    write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in written), verbatim=True)
    return Imported(
        layout,
        len(whole),
        len(rows),
        Counter(row.get("split", "") for row in whole),
        any(str(row.get(field, "")).startswith("..") for row in written for field in ("audio", "image", "video")),
    )


def _relative(row: Row, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the cells of a row, paths relative to the folder of the manifest."""
    for name, value in row.items():
        if isinstance(value, Path):
            yield name, Path(os.path.relpath(value, folder)).as_posix()
        elif value is not None:
            yield name, value

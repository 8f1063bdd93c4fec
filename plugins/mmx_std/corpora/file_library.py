"""Index of a folder of files: arrays per file, stored by content so that the next search is fast."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import DataError, cache_folder, replacing, weights_of
from mmx_std.ops.muted import muted

__all__ = ["Entry", "Library", "content_hash", "open_library", "place_of"]

Entry = Mapping[str, NDArray[Any]]
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Library:
    """Index of a folder.

    Attributes:
        files: Those that could be used, sorted.
        entries: Arrays by name, one mapping per file.
        skipped: One line per file that could not be used.
        cached: How many entries were taken from the stored index.
        unread: Names below the folder of the files that could not be used.
    """

    files: Sequence[Path]
    entries: Sequence[Entry]
    skipped: Sequence[str]
    cached: int
    unread: Sequence[str] = ()

    @property
    def searched(self) -> int:
        """How many files there are, with those that could not be used."""
        return len(self.files) + len(self.unread)


def open_library(
    folder: Path,
    place: str,
    make: Callable[[Path], Entry],
    *,
    suffixes: Collection[str],
    content: str = "files",
    key: Callable[[Path], str] | None = None,
) -> Library:
    """Compute arrays for every file below a folder, or take them from the stored index.

    Args:
        folder: Searched with its subfolders.
        place: Folder of the index below mmx's cache: names the plugin and the model; another model has another index.
        make: File -> arrays; raises `DataError` for a file that cannot be used.
        suffixes: Files that count, by their lower-case suffix.
        content: What errors call the files.
        key: File -> hash of all that its arrays depend on; by default, of its content.

    Raises:
        DataError: No such folder, no such files in it, or none that can be used.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not paths:
        raise DataError(f"{folder}: no {content} in it; looked for {', '.join(sorted(suffixes))}")
    store = cache_folder() / place
    files: list[Path] = []
    entries: list[Entry] = []
    skipped: list[str] = []
    unread: list[str] = []
    cached = 0
    for path in paths:
        try:
            kept = store / f"{(key or content_hash)(path)}.npz"
            entry = _load(kept)
            if entry is None:
                with muted():
                    entry = make(path)
                _save(kept, entry)
            else:
                cached += 1
        except (DataError, OSError) as error:
            skipped.append(str(error))
            unread.append(str(path.relative_to(folder)))
            continue
        files.append(path)
        entries.append(entry)
    if not files:
        raise DataError(f"{folder}: none of its {len(paths)} {content} can be used; the first: {skipped[0]}")
    return Library(files, entries, skipped, cached, unread)


def place_of(plugin: str, model: Any, *facts: object) -> str:
    """Return the place of a model's index: another model, or other settings (`facts`), have another."""
    state = hashlib.sha256(repr(facts).encode())
    for part in weights_of(model):
        state.update(part)
    return f"{plugin}/{state.hexdigest()[:24]}"


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def _load(path: Path) -> Entry | None:
    """Return a stored entry; None for one that is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as table:
            return dict(table)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(path: Path, entry: Entry) -> None:
    """Store an entry; where the disk refuses, there is no index, but still an answer."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **dict(entry))  # type: ignore[arg-type]  # the stub knows no keyword arrays
    except OSError:
        return

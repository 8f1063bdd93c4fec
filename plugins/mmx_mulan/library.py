"""A folder of somebody's music as vectors, kept by the content of each file so that a second search is quick."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmx.assets import cache_folder
from mmx.errors import DataError
from mmx.files import replacing
from mmx.media import read_audio
from mmx.types import Audio
from mmx_mulan.listening import silent

SUFFIXES: Final = (".mp3", ".ogg", ".oga", ".opus", ".flac", ".wav", ".aiff", ".aif", ".m4a")
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Library:
    """What a folder holds.

    Attributes:
        files: Those that could be heard, sorted.
        vectors_ND: Their unit vectors.
        skipped: One line per file that could not.
        cached: How many vectors were there already.
    """

    files: Sequence[Path]
    vectors_ND: NDArray[np.float64]
    skipped: Sequence[str]
    cached: int


def open_library(folder: Path, model: str, hear: Callable[[Audio], NDArray[np.float64]]) -> Library:
    """Hear every recording below a folder, or take its vector from the index of an earlier search.

    Args:
        folder: Searched with its subfolders for mp3, ogg, flac, wav, ...
        model: What identifies the model and how it listens; another one has another index.
        hear: Recording -> unit vector (D,).

    Raises:
        DataError: No such folder, no music in it, or none that can be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise DataError(f"{folder}: no music in it; looked for {', '.join(SUFFIXES)}")
    store = cache_folder() / "mulan" / f"{model}.npz"
    known = _load(store)
    found: dict[str, NDArray[np.float64]] = {}
    files: dict[Path, str] = {}
    skipped: list[str] = []
    cached = 0
    for path in paths:
        try:
            key = _hash(path)
            vector_D = known.get(key)
            if vector_D is None:
                vector_D = _heard(path, hear)
            else:
                cached += 1
        except (DataError, OSError) as error:
            skipped.append(str(error))
            continue
        found[key] = vector_D
        files[path] = key
    if not files:
        raise DataError(f"{folder}: none of its {len(paths)} recordings can be used; the first: {skipped[0]}")
    if cached < len(files):
        _save(store, {**known, **found})
    return Library(list(files), np.stack([found[key] for key in files.values()]), skipped, cached)


def _heard(path: Path, hear: Callable[[Audio], NDArray[np.float64]]) -> NDArray[np.float64]:
    audio = read_audio(path)
    if silent(audio):
        raise DataError(f"{path}: silence")
    return hear(audio)


def _hash(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def _load(store: Path) -> dict[str, NDArray[np.float64]]:
    """Return the index; one that cannot be read is made anew."""
    try:
        with np.load(store, allow_pickle=False) as table:
            return dict(zip(table["keys"].tolist(), table["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError):
        return {}


def _save(store: Path, vectors: Mapping[str, NDArray[np.float64]]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    with replacing(store) as temporary, temporary.open("wb") as file:
        np.savez(file, keys=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))

"""A folder of somebody's music as vectors, kept by the content of each file so that a second search is quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmx import MEDIA_SUFFIXES, Audio, DataError, read_audio
from mmx_mulan.evaluation.embedding import silent
from mmx_std import file_library


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


def open_library(folder: Path, place: str, hear: Callable[[Audio], NDArray[np.float64]]) -> Library:
    """Hear every recording below a folder, or take its vector from the index of an earlier search.

    Args:
        folder: Searched with its subfolders for mp3, ogg, flac, wav, ...
        place: Of the index, see `mmx_std.corpora.file_library.place_of`.
        hear: Recording -> unit vector (D,).

    Raises:
        DataError: No such folder, no music in it, or none that can be read.
    """

    def make(path: Path) -> Mapping[str, NDArray[np.float64]]:
        audio = read_audio(path)
        if silent(audio):
            raise DataError(f"{path}: silence")
        return {"vector": hear(audio)}

    found = file_library.open_library(folder, place, make, suffixes=MEDIA_SUFFIXES["audio"], content="recordings")
    return Library(found.files, np.stack([entry["vector"] for entry in found.entries]), found.skipped, found.cached)

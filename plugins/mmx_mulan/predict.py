"""Index of a folder of music: one vector per recording, stored by content so that a second search is fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmx import MEDIA_SUFFIXES, Audio, DataError, read_audio
from mmx_mulan.evaluation.embedding import silent
from mmx_std import file_library


class Recordings(file_library.Library):
    """The recordings of a folder, each with its unit vector."""

    @property
    def vectors_ND(self) -> NDArray[np.float64]:
        """The unit vectors, one row per file."""
        return np.stack([entry["vector"] for entry in self.entries])


def open_library(folder: Path, place: str, encode: Callable[[Audio], NDArray[np.float64]]) -> Recordings:
    """Encode every recording below a folder, or take its vector from the index of an earlier search.

    Args:
        folder: Searched with its subfolders for mp3, ogg, flac, wav, ...
        place: Of the index, see `mmx_std.file_library.place_of`.
        encode: Recording -> unit vector (D,).

    Raises:
        DataError: No such folder, no music in it, or none that can be read.
    """

    def make(path: Path) -> Mapping[str, NDArray[np.float64]]:
        audio = read_audio(path)
        if silent(audio):
            raise DataError(f"{path}: silence")
        return {"vector": encode(audio)}

    found = file_library.open_library(folder, place, make, suffixes=MEDIA_SUFFIXES["audio"], content="recordings")
    return Recordings(found.files, found.entries, found.skipped, found.cached, found.unread)

"""Kinds of media files by their suffixes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mmx.errors import DataError

MEDIA_SUFFIXES: Final[Mapping[str, frozenset[str]]] = {
    "audio": frozenset(
        (
            *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aiff", ".aif", ".m4a", ".m4b", ".aac"),
            *(".wma", ".mka", ".weba", ".caf", ".amr"),
        )
    ),
    "image": frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")),
    "video": frozenset(
        (
            *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".ogv"),
            *(".3gp", ".3g2", ".mts", ".m2ts", ".vob"),
        )
    ),
    "text": frozenset((".txt",)),
    "cues": frozenset((".srt", ".vtt")),
    "signal": frozenset((".csv",)),
}
"""Kind of file -> suffixes."""


def file_kind(path: Path) -> str:
    """Return "audio", "image", "video", "cues", "signal" or "text", by the suffix; what is no file is text.

    Raises:
        DataError: A file of another kind.
    """
    suffix = path.suffix.lower()
    for kind, suffixes in MEDIA_SUFFIXES.items():
        if suffix in suffixes:
            return kind
    if path.is_file():
        known = ", ".join(sorted(suffix for suffixes in MEDIA_SUFFIXES.values() for suffix in suffixes))
        raise DataError(f"{path}: cannot tell from the suffix what it is; known are {known}")
    return "text"

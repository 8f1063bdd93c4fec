"""Decoding of media files into values of a modality; videos also give their audio track or one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from mmx import (
    MEDIA_LIMITS,
    MEDIA_SUFFIXES,
    Cue,
    DataError,
    check_subtitles,
    cut_cues,
    has_audio,
    read_audio,
    read_cues,
    read_image,
    read_signal,
    read_video,
    read_video_audio,
)

SUFFIXES: Final = {
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".m4a", ".aac", ".wma"),
    "image": (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"),
    "video": tuple(sorted(MEDIA_SUFFIXES["video"])),
    "cues": tuple(sorted(MEDIA_SUFFIXES["cues"])),
    "signal": tuple(sorted(MEDIA_SUFFIXES["signal"])),
}
"""Modality -> suffixes of its files."""
MODALITY_OF: Final = {suffix: modality for modality, suffixes in SUFFIXES.items() for suffix in suffixes}
READABLE: Final = {
    "audio": ("audio", "video"),
    "image": ("image", "video"),
    "video": ("video",),
    "cues": ("cues",),
    "signal": ("signal",),
}
"""Modality -> kinds of files that it can be read from."""

_GLANCE: Final = 0.05
"""Seconds that are decoded to check whether a file can be."""


class Source(Protocol):
    """Where a media file is stored, and how it is read there."""

    @property
    def suffix(self) -> str:
        """The kind of file: `.wav`."""
        ...

    def read(self, media: Media, *, glance: bool) -> Any:
        """Return the decoded value of `media`."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of its own."""

    path: Path

    @property
    def suffix(self) -> str:
        """The kind of file, by its name: `.wav`."""
        return self.path.suffix.lower()

    def read(self, media: Media, *, glance: bool) -> Any:
        """Return the decoded value of `media`."""
        return decode(self.path, media, glance=glance)


@dataclass(frozen=True, slots=True)
class WrittenCues:
    """Subtitles written in the manifest itself, with times of the whole video, and faults and notes on them."""

    cues: tuple[Cue, ...]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Empty: there is no file."""
        return ""

    def read(self, media: Media, *, glance: bool) -> Any:
        """Return the cues of the item's stretch, and those around it."""
        return _around(media, lambda start, seconds: cut_cues(self.cues, start=start, seconds=seconds))


@dataclass(frozen=True, slots=True)
class Media:
    """A modality of an item in a file.

    Attributes:
        modality: "audio", "image", "video", "cues" or "signal".
        source: The file.
        start: Where the item begins in it, in seconds; None = at its beginning.
        end: Where the item ends, in seconds; None = at its end.
        fps: Frames per second that videos are read at; None = the video's own.
        shortest: Pixels of the shorter side that larger videos are scaled to; None = the video's own.
        around: Seconds of subtitles before and after the item that are included; their times are outside its own.
    """

    modality: str
    source: Source
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    shortest: int | None = None
    around: float = 0.0

    @property
    def in_video(self) -> bool:
        """Whether its file is a video."""
        return MODALITY_OF.get(self.source.suffix) == "video"

    def read(self) -> Any:
        """Return the decoded `Audio`, `Video`, `Signal`, tuple of `Cue` or uint8 image (height, width, 3).

        Raises:
            DataError: It cannot be decoded.
        """
        return self.source.read(self, glance=False)

    def check(self) -> None:
        """Decode its first moments.

        Raises:
            DataError: It cannot be decoded, or is too long to be read at once.
        """
        self.source.read(self, glance=True)


def kind_problem(modality: str, suffix: str) -> str:
    """Return what is wrong with reading `modality` from a file with this suffix; empty if nothing is.

    Suffixes that are not known are left to the decoders.
    """
    kind = MODALITY_OF.get(suffix)
    if kind is None or kind in READABLE[modality]:
        return ""
    named = {"cues": "a subtitle"}.get(kind, f"{'an' if kind[0] in 'ai' else 'a'} {kind}")
    return f"{suffix} is {named} file, not {modality}"


def decode(path: Path, media: Media, *, glance: bool = False) -> Any:
    """Decode the media in the file `path`; with `glance`, only the first moments, as a check.

    Raises:
        DataError: It cannot be decoded.
    """
    start, seconds = media.start or 0.0, _length(media)
    if media.modality == "cues":
        return check_subtitles(path) if glance else _around(media, lambda at, length: _cues(path, at, length))
    if media.modality == "signal":
        return read_signal(path, start=start, seconds=seconds)
    in_video = MODALITY_OF.get(path.suffix.lower()) == "video"
    if media.modality == "image":
        return _still(path, start, seconds) if in_video else read_image(path)
    read = read_video if media.modality == "video" else read_video_audio if in_video else read_audio
    if not glance and media.modality == "video":
        return read_video(path, fps=media.fps, shortest=media.shortest, start=start, seconds=seconds)
    if not glance:
        return read(path, start=start, seconds=seconds)
    first = read(path, start=start, seconds=_GLANCE if seconds is None else min(_GLANCE, seconds))
    _check_length(path, read, start, seconds)
    return first


def silent(path: Path) -> bool:
    """Return whether a file is a video without an audio track."""
    return MODALITY_OF.get(path.suffix.lower()) == "video" and not has_audio(path)


def _cues(path: Path, start: float, seconds: float | None) -> tuple[Cue, ...]:
    return read_cues(path, start=start, seconds=seconds)


def _around(media: Media, read: Callable[[float, float | None], tuple[Cue, ...]]) -> tuple[Cue, ...]:
    """Return the cues of an item and of some seconds around it, with times from the item's beginning."""
    start, seconds = media.start or 0.0, _length(media)
    before = min(media.around, max(0.0, start))
    cues = read(start - before, None if seconds is None else before + seconds + media.around)
    return tuple(Cue(cue.start - before, cue.end - before, cue.text) for cue in cues) if before else cues


def _length(media: Media) -> float | None:
    return None if media.end is None else media.end - (media.start or 0.0)


def _still(path: Path, start: float, seconds: float | None) -> Any:
    """Return the image in the middle of the stretch [start, start + seconds], or at `start` where it is open."""
    return read_video(path, start=start if seconds is None else start + seconds / 2, seconds=_GLANCE).frames_THWC[0]


def _check_length(path: Path, read: Any, start: float, seconds: float | None) -> None:
    """Raise `DataError` if the stretch is longer than what is read at once."""
    if seconds is not None and seconds <= MEDIA_LIMITS.seconds:
        return
    try:
        read(path, start=start + MEDIA_LIMITS.seconds, seconds=_GLANCE)
    except DataError:
        return  # nothing there: the file ends before the limit
    raise DataError(
        f"{path}: longer than {MEDIA_LIMITS.seconds:g} s, which is the most that is read at once: give start and end, "
        "or corpus.window"
    )

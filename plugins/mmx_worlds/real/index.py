"""Index of the embedded media: files, licences, and decoded values.

`media/manifest.jsonl` has one line per file (licence, author, source, sha256, ...). It is read at first use; a file is
checked against its sha256 when it is first decoded, and cached decoded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from mmx import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from mmx import Audio

FOLDER: Final = Path(__file__).parents[1] / "media"
MANIFEST: Final = "manifest.jsonl"
LICENCES: Final = "LICENCES"
Kind = Literal["photo", "clipart", "sound", "music", "speech", "video"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One file of the media set, as its manifest line describes it.

    Attributes:
        file: Path below the media folder.
        kind: What it is.
        modality: "image", "audio" or "video+audio".
        licence: SPDX identifier, or "Public domain".
        author: Who made it.
        source: Where it was published.
        via: The package it was taken from.
        sha256: Of the file.
        bytes: Its size.
        label: Class of what it shows, or of its sound; empty for speech.
        caption: One English sentence; empty for speech.
        text: The words spoken (speech).
        seconds: Length of audio and video.
        language: Of speech, ISO 639-1.
        speaker: Of speech.
        prompt_id: Name of a spoken prompt that has no transcript.
        image: The photo that belongs to a piece of music.
    """

    file: str
    kind: Kind
    modality: str
    licence: str
    author: str
    source: str
    via: str
    sha256: str
    bytes: int
    label: str = ""
    caption: str = ""
    text: str = ""
    seconds: float = 0.0
    language: str = ""
    speaker: str = ""
    prompt_id: str = ""
    image: str = ""


def read_manifest(folder: Path) -> Mapping[str, Media]:
    """Read the manifest of `folder`.

    Raises:
        DataError: It is missing, a line is not what it should be, a name is listed twice or leads out of the folder.
    """
    manifest = folder / MANIFEST
    known = {field.name for field in fields(Media)}
    found: dict[str, Media] = {}
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{manifest}: cannot read the list of embedded media: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            media = Media(**{key: value for key, value in row.items() if key in known and value is not None})
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{manifest}:{number}: not a media line: {error}") from error
        if media.file in found or ".." in Path(media.file).parts or Path(media.file).is_absolute():
            raise DataError(f"{manifest}:{number}: {media.file!r} is listed twice or leads out of the media folder")
        found[media.file] = media
    return MappingProxyType(found)


@cache
def index() -> Mapping[str, Media]:
    """Return every embedded file by its path below the media folder, in the manifest's order."""
    return read_manifest(FOLDER)


def lookup(file: str) -> Media:
    """Return the manifest line of `file`.

    Raises:
        DataError: There is no such file.
    """
    try:
        return index()[file]
    except KeyError:
        raise DataError(f"no embedded media file {file!r}{did_you_mean(file, index())}") from None


def of_kind(*kinds: Kind) -> list[Media]:
    """Return the files of some kinds, sorted by name."""
    return sorted((media for media in index().values() if media.kind in kinds), key=lambda media: media.file)


@cache
def image(file: str) -> np.ndarray:
    """Return a photo or drawing as a read-only uint8 RGB array (height, width, 3)."""
    from mmx import read_image

    pixels_HWC = read_image(checked_path(file))
    pixels_HWC.setflags(write=False)
    return pixels_HWC


@cache
def audio(file: str) -> Audio:
    """Return a sound, a piece of music or speech at the rate it is stored with; its samples are read-only."""
    from mmx import read_audio

    audio = read_audio(checked_path(file))
    audio.samples_CT.setflags(write=False)
    return audio


def checked_path(file: str) -> Path:
    """Return the path of `file` after comparing its content with the manifest.

    Raises:
        DataError: It is not in the manifest, is missing, or has other content.
    """
    media = lookup(file)
    path = FOLDER / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: embedded media file cannot be read ({error.strerror}); reinstall mmx") from error
    if len(content) != media.bytes or hashlib.sha256(content).hexdigest() != media.sha256:
        raise DataError(f"{path}: content differs from {MANIFEST}; reinstall mmx")
    return path


def digest(files: Iterable[str], *facts: object) -> str:
    """Return 32 hex digits that change with the content of any of `files` or with any of `facts`."""
    state = hashlib.sha256(repr(facts).encode())
    for file in sorted(set(files)):
        state.update(f"{file} {lookup(file).sha256}\n".encode())
    return state.hexdigest()[:32]


def rank(file: str) -> str:
    """Return a key that orders files in a fixed way, independent of the order of their names."""
    return hashlib.sha256(file.encode()).hexdigest()

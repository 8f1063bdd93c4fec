"""Reading and writing of media: audio, images, video and subtitles; a faulty file costs one line."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mmx.errors import DataError
from mmx.media.size_limits import (
    MEDIA_LIMITS,
    Limits,
    check_audio,
    check_pixels,
    checked_audio,
    checked_pixels,
    existing,
    media_errors,
    window,
)
from mmx.media.subtitles import read_cues
from mmx.media.video import has_audio, read_video, read_video_audio, write_video
from mmx.support.files import replacing
from mmx.types import Audio

__all__ = [
    "MEDIA_LIMITS",
    "Limits",
    "has_audio",
    "read_audio",
    "read_cues",
    "read_image",
    "read_video",
    "read_video_audio",
    "write_audio",
    "write_image",
    "write_video",
]

_SHORTFALL = 0.1
"""Seconds that may be missing at the end of a file before it counts as truncated (encoders round lengths)."""
_OPAQUE = ("RGB", "L", "CMYK", "YCbCr", "HSV", "LAB", "1")
_SUFFIXES = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}


def read_audio(
    path: Path | str, *, start: float = 0.0, seconds: float | None = None, limits: Limits = MEDIA_LIMITS
) -> Audio:
    """Read audio, all channels, at the file's own rate: WAV, FLAC, Ogg, MP3, AIFF, ..., or the audio track of a video.

    Args:
        path: The file.
        start: Where to begin, in seconds.
        seconds: How much to read; None means to the end.
        limits: Refuse what is larger.

    Raises:
        DataError: Missing, empty, broken or truncated file; nothing in the window; samples not finite; too large.
    """
    import soundfile

    path = existing(path)
    with media_errors(path):
        try:
            opened = soundfile.SoundFile(path if isinstance(path, Path) else path.open("rb"))
        except soundfile.LibsndfileError:
            return read_video_audio(path, start=start, seconds=seconds, limits=limits)
        with opened as audio:
            check_audio(path, channels=audio.channels, rate=audio.samplerate, limits=limits)
            first, count = window(path, audio.frames / audio.samplerate, audio.samplerate, start, seconds, limits)
            audio.seek(first)
            samples_TC = audio.read(count, dtype="float32", always_2d=True)
            missing = (count - len(samples_TC)) / audio.samplerate
            if missing > _SHORTFALL:
                raise DataError(f"{path}: truncated: {missing:.2f} s of {count / audio.samplerate:.2f} s are missing")
            return checked_audio(path, samples_TC.T, audio.samplerate)


def write_audio(path: Path | str, audio: Audio) -> Path:
    """Write audio as WAV or FLAC (16 bit) or Ogg Vorbis, by the suffix; values beyond [-1, 1] are clipped.

    Raises:
        DataError: Unknown suffix, no samples, or samples that are not finite.
    """
    import soundfile

    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use {', '.join(_SUFFIXES)}")
    container, subtype = _SUFFIXES[path.suffix.lower()]
    checked = checked_audio(path, audio.samples_CT, audio.rate)
    samples_TC = np.clip(checked.samples_CT.T, -1.0, 1.0)
    with replacing(path) as temporary:
        file = soundfile.SoundFile(
            temporary, "w", samplerate=audio.rate, channels=samples_TC.shape[1], format=container, subtype=subtype
        )
        with file:
            # libsndfile's Vorbis encoder crashes the process when it gets a minute at once.
            for first in range(0, len(samples_TC), audio.rate):
                file.write(samples_TC[first : first + audio.rate])
    return path


def read_image(path: Path | str, *, limits: Limits = MEDIA_LIMITS) -> np.ndarray:
    """Read an image as uint8 (height, width, 3 = RGB).

    Rotated as its EXIF data say; 16 bits become 8; transparency is laid over white; of an animation the first frame.

    Raises:
        DataError: Missing, empty, broken or truncated file, or too many pixels.
    """
    from PIL import Image, ImageOps

    path = existing(path)
    with media_errors(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with path.open("rb") as handle, Image.open(handle) as image:
            check_pixels(path, image.width, image.height, limits)
            image.seek(0)
            return _rgb(ImageOps.exif_transpose(image))


def write_image(path: Path | str, pixels_HWC: np.ndarray) -> Path:
    """Write uint8 (height, width, 3) or (height, width) as PNG, JPEG or WebP, by the suffix.

    Raises:
        DataError: Another type or shape, or an unknown suffix.
    """
    from PIL import Image

    path = Path(path)
    pixels = checked_pixels(path, pixels_HWC)
    with replacing(path) as temporary, media_errors(path):
        Image.fromarray(pixels).save(temporary)
    return path


def _rgb(image: Any) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else max(1.0, float(np.nanmax(values)))
        grey = np.clip(np.nan_to_num(values) * (255.0 / top), 0, 255).round().astype(np.uint8)
        image = Image.fromarray(grey)
    if image.mode not in _OPAQUE and (image.mode not in ("P",) or "transparency" in image.info):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)

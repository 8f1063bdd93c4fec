"""Reading and writing of media: audio, images, video and subtitles; a faulty file costs one line."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmx.errors import DataError
from mmx.media.containers import jumps
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
_UNKNOWN = 1 << 62
"""Frames beyond which libsndfile says that it does not know the length."""
_OPAQUE = ("RGB", "L", "P", "CMYK", "YCbCr", "HSV", "LAB", "1")
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
            if not _trusted(path, audio):
                return read_video_audio(path, start=start, seconds=seconds, limits=limits)
            check_audio(path, channels=audio.channels, rate=audio.samplerate, limits=limits)
            first, count = window(path, audio.frames / audio.samplerate, audio.samplerate, start, seconds, limits)
            try:
                if first:
                    audio.seek(first)
                samples_TC = audio.read(count, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                if audio.format != "FLAC":
                    raise
                return read_video_audio(path, start=start, seconds=seconds, limits=limits)  # frames were lost
            missing = (count - len(samples_TC)) / audio.samplerate
            if missing > _SHORTFALL:
                raise DataError(f"{path}: truncated: {missing:.2f} s of {count / audio.samplerate:.2f} s are missing")
            return checked_audio(path, samples_TC.T, audio.samplerate)


def _trusted(path: Path, audio: Any) -> bool:
    """Return whether libsndfile knows how long a file is.

    Of MP3 it takes the length from the bit rate of the first frames, and reads no further; of a stream that was written
    without going back to its header (WAV, FLAC) it may have none; of Ogg files that follow one another in one file it
    reads the first; gaps it does not see, and in Opus whose granule positions begin late it skips the encoder's delay
    at the wrong place and seeks to others.
    """
    if audio.format == "OGG":
        stat = path.stat()
        return not _interrupted(path, stat.st_size, stat.st_mtime_ns)
    return audio.format != "MP3" and bool(0 < audio.frames < _UNKNOWN)


@lru_cache(maxsize=4096)
def _interrupted(path: Path, size: int, modified: int) -> bool:
    """Return whether the time stamps of an Ogg file jump; kept as long as the file's size and time are the same."""
    return jumps(path)


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
            _scale_clear(image)
            ImageOps.exif_transpose(image, in_place=True)  # no copy of what is upright
            return _rgb(image)


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

    image = _graded(image)
    if image.mode not in _OPAQUE or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _scale_clear(image: Any) -> None:
    """Give the colour that a PNG declares transparent the scale of the pixels: the file's is that of its own bits."""
    clear = image.info.get("transparency")
    raw = str(image.tile[0][3]) if image.format == "PNG" and image.tile else ""
    if image.mode == "L" and isinstance(clear, int) and raw in ("L;2", "L;4"):
        image.info["transparency"] = clear * {"L;2": 85, "L;4": 17}[raw]
    elif image.mode == "RGB" and isinstance(clear, tuple) and raw == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _graded(image: Any) -> Any:
    """Return an image of more than 8 bits, or of fractions, in 8 bits of grey; others as they are."""
    from PIL import Image

    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image, dtype=np.float64)
    top = 65535.0 if image.mode.startswith("I") else max(1.0, float(np.nanmax(values)))
    grey = np.clip(np.nan_to_num(values) * (255.0 / top), 0, 255).round().astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey)

"""Limits on the size of media, and checks whose failure is one line with the path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np

from mmx.errors import DataError
from mmx.media.file_part import FilePart
from mmx.types import Audio


@dataclass(frozen=True, slots=True)
class Limits:
    """What a single read may take; a file beyond it is refused before it fills the memory.

    Attributes:
        seconds: Length of audio or video that is read at once. Longer files are read in windows.
        pixels: Pixels of one image or frame.
        channels: Channels of audio.
        megabytes: Decoded size.
    """

    seconds: float = 600.0
    pixels: int = 64_000_000
    channels: int = 64
    megabytes: float = 2048.0


MEDIA_LIMITS: Final = Limits()

_HEAD: Final = 256
"""Bytes that tell kinds of files apart."""
_RATES: Final = range(100, 1_000_001)


def checked_pixels(path: Path, pixels_HWC: np.ndarray) -> np.ndarray:
    """Return the pixels if they are an image, an axis of one channel removed.

    Raises:
        DataError: Not uint8 (height, width), (height, width, 1), (height, width, 3) or (height, width, 4).
    """
    pixels = np.asarray(pixels_HWC)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise DataError(f"{path}: an image must be uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    if not pixels.size:
        raise DataError(f"{path}: an image without pixels, {pixels.shape}")
    return np.ascontiguousarray(pixels)


def existing(path: Path | str | FilePart) -> Path:
    """Return `path` as a readable, non-empty, regular file; a part of a file as it is.

    Raises:
        DataError: It is not one.
    """
    if isinstance(path, FilePart):
        if not path.size:
            raise DataError(f"{path}: is empty (0 bytes)")
        return cast("Path", path)  # readers use name, size, suffix and content, which a part has as a path has
    path = Path(path)
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder, not a media file")
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: not a regular file")
        if path.stat().st_size == 0:
            raise DataError(f"{path}: is empty (0 bytes)")
    except (OSError, ValueError) as error:
        raise DataError(f"{path!s}: cannot be read: {error}") from error
    return path


@contextmanager
def media_errors(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises about `path` into one `DataError`."""
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: does not fit in memory") from error
    except Exception as error:
        # Decoders raise nearly everything about broken files: OSError, SyntaxError, struct.error, EOFError, ...
        text = getattr(error, "strerror", None) or str(error)
        reason = " ".join(text.replace(str(path), "").split()).strip(" :'") or type(error).__name__
        reason = _foreign(path) or reason[:200]
        raise DataError(f"{path}: cannot be decoded: {reason}") from error


def _foreign(path: Path) -> str:
    """Return what a file is that no decoder here reads, and what to make of it; "" where that is not known."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(_HEAD)
        if head[4:8] == b"ftyp" and any(brand in head for brand in (b"heic", b"heix", b"hevc")):
            return "it is a HEIC photo, as phones write them; convert it to JPEG or PNG"
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if text.startswith((b"<!doctype html", b"<html")):
            return "it is a page of HTML: what a server answered in place of the file"
        if b"<svg" in text:
            return "it is an SVG drawing; convert it to PNG"
        if text.startswith(b"version https://git-lfs"):
            return "it is a pointer of Git LFS; get the file itself: git lfs pull"
    return ""


def check_audio(path: Path, *, channels: int, rate: int, limits: Limits) -> None:
    """Raise `DataError` for a number of channels or a rate that no file of audio has."""
    if not 1 <= channels <= limits.channels:
        raise DataError(f"{path}: {channels} channels; at most {limits.channels} are read")
    if rate not in _RATES:
        raise DataError(f"{path}: a rate of {rate} Hz; {_RATES.start} to {_RATES.stop - 1} are read")


def check_pixels(path: Path, width: int, height: int, limits: Limits) -> None:
    """Raise `DataError` for an image that is too large."""
    if width * height > limits.pixels:
        raise DataError(f"{path}: {width}x{height} pixels; at most {limits.pixels:,} are read")


def check_window(path: Path, start: float, seconds: float | None) -> None:
    """Raise `DataError` for a window with a negative start or no length."""
    if not (np.isfinite(start) and start >= 0):
        raise DataError(f"{path}: start must be 0 or more seconds, not {start}")
    if seconds is not None and not (np.isfinite(seconds) and seconds > 0):
        raise DataError(f"{path}: seconds must be more than 0, not {seconds}")


def window(
    path: Path, length: float, rate: int, start: float, seconds: float | None, limits: Limits
) -> tuple[int, int]:
    """Return the first sample and the number of samples of a window of a file of `length` seconds.

    Raises:
        DataError: The window is outside the file, or longer than the limit.
    """
    check_window(path, start, seconds)
    total = round(length * rate)
    if total == 0:
        raise DataError(f"{path}: no audio in it (0 seconds)")
    first = round(start * rate)
    if first >= total:
        raise DataError(f"{path}: starts at {start:g} s, but is {length:g} s long")
    count = total - first if seconds is None else min(total - first, max(1, round(seconds * rate)))
    if count / rate > limits.seconds:
        raise DataError(
            f"{path}: {count / rate:,.0f} s at once; at most {limits.seconds:g} s are read: give start and seconds"
        )
    return first, count


def checked_audio(path: Path, samples_CT: np.ndarray, rate: int) -> Audio:
    """Return `samples_CT` as `Audio`.

    Raises:
        DataError: Not (channels, time), no samples, or samples that are not finite (how many, and where the first is).
    """
    samples_CT = np.ascontiguousarray(samples_CT, dtype=np.float32)
    if samples_CT.ndim != 2 or samples_CT.shape[0] == 0:
        raise DataError(f"{path}: audio must be (channels, time), not {samples_CT.shape}")
    if samples_CT.shape[1] == 0:
        raise DataError(f"{path}: no audio in it (0 seconds)")
    finite = np.isfinite(samples_CT)
    if not finite.all():
        first = int(np.argmax(~finite.all(axis=0)))
        raise DataError(
            f"{path}: {int((~finite).sum())} of {finite.size} samples are not finite, "
            f"the first at sample {first} ({first / rate:.3f} s)"
        )
    return Audio(samples_CT, int(rate))

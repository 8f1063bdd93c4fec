from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.size_limits import (
    MEDIA_LIMITS,
    Limits,
    check_audio,
    check_pixels,
    checked_audio,
    checked_pixels,
    existing,
    window,
)

PATH = Path("clip.wav")


def test_missing_empty_and_irregular_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, words in {
        "nothing": "no such file",
        "empty": "is empty",
        "pipe": "not a regular file",
        "loop": "loop",
        ".": "is a folder",
        "x\0y": "cannot be read|no such file",
        "a" * 300: "cannot be read",
    }.items():
        with pytest.raises(DataError, match=words):
            existing(tmp_path / name)


def test_a_window_is_cut_to_the_file() -> None:
    assert window(PATH, 2.0, 100, 0.5, None, MEDIA_LIMITS) == (50, 150)
    assert window(PATH, 2.0, 100, 0.5, 1.0, MEDIA_LIMITS) == (50, 100)
    assert window(PATH, 2.0, 100, 1.5, 9.0, MEDIA_LIMITS) == (150, 50)
    assert window(PATH, 2.0, 100, 0.0, 1e-9, MEDIA_LIMITS) == (0, 1)


@pytest.mark.parametrize(
    ("length", "start", "seconds", "words"),
    [
        (0.0, 0.0, None, "0 seconds"),
        (2.0, 2.0, None, "starts at 2 s, but is 2 s"),
        (2.0, -1.0, None, "start must be"),
        (2.0, float("nan"), None, "start must be"),
        (2.0, 0.0, 0.0, "seconds must be"),
        (36000.0, 0.0, None, "36,000 s at once; at most 600 s"),
        (36000.0, 0.0, 1000.0, "1,000 s at once"),
    ],
)
def test_windows_that_cannot_be(length: float, start: float, seconds: float | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        window(PATH, length, 100, start, seconds, MEDIA_LIMITS)


def test_samples_that_are_not_finite_are_counted_and_found() -> None:
    samples_CT = np.zeros((2, 1000), np.float32)
    samples_CT[1, 250] = np.nan
    samples_CT[0, 700] = np.inf
    with pytest.raises(
        DataError, match=r"clip.wav: 2 of 2000 samples are not finite, the first at sample 250 \(0.250 s"
    ):
        checked_audio(PATH, samples_CT, 1000)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (5,), (1, 2, 3)])
def test_shapes_that_are_no_audio(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        checked_audio(PATH, np.zeros(shape), 1000)


def test_absurd_headers_are_refused() -> None:
    with pytest.raises(DataError, match="65 channels"):
        check_audio(PATH, channels=65, rate=16000, limits=MEDIA_LIMITS)
    with pytest.raises(DataError, match="rate of 1 Hz"):
        check_audio(PATH, channels=1, rate=1, limits=MEDIA_LIMITS)
    with pytest.raises(DataError, match="100x200 pixels"):
        check_pixels(PATH, 100, 200, Limits(pixels=19_999))


def test_pixels_of_other_types_are_refused_and_one_channel_is_dropped() -> None:
    assert checked_pixels(PATH, np.zeros((4, 5, 1), np.uint8)).shape == (4, 5)
    for bad in (
        np.zeros((4, 5, 3)),
        np.zeros((4, 5, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 5, 3), np.uint8),
    ):
        with pytest.raises(DataError):
            checked_pixels(PATH, bad)

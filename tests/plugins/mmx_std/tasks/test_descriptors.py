"""Cheap statistics: of values whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest

from mmx import Audio, Cue, DataError, Signal, Video
from mmx_std.tasks.descriptors import describe, of_audio, of_image, of_signal, of_video

RATE = 8000


def tone(hertz: float, seconds: float = 1.0, level: float = 0.5) -> Audio:
    time_T = np.arange(int(seconds * RATE)) / RATE
    return Audio((level * np.sin(2 * np.pi * hertz * time_T)[None]).astype(np.float32), RATE)


def test_a_tone_has_its_length_level_and_pitch() -> None:
    scalars = of_audio(tone(1000, 0.5))["scalars"]
    crossings = scalars[3]
    duration, level, peak, centroid = np.exp(scalars[[0, 1, 2, 4]])
    assert duration == pytest.approx(0.5, abs=2e-3)
    assert (level, peak) == (pytest.approx(0.5 / 2**0.5, rel=0.01), pytest.approx(0.5, rel=0.01))
    assert crossings == pytest.approx(2 * 1000 / RATE, abs=0.01)
    assert centroid == pytest.approx(1000, rel=0.05)


def test_the_band_of_a_tone_is_the_loudest() -> None:
    """The middle of band n of 24 on the mel scale between 50 and 4000 Hz."""
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 4000 / 700), 26)[1:-1]
    middles = 700 * (10 ** (mel / 2595) - 1)
    for hertz in (300.0, 1000.0, 2500.0):
        assert of_audio(tone(hertz))["spectrum"][:24].argmax() == np.abs(middles - hertz).argmin()


def test_level_moves_no_coefficient_of_the_cepstrum() -> None:
    loud, soft = (of_audio(tone(700, level=level))["cepstrum"] for level in (0.5, 0.4))
    assert loud == pytest.approx(soft, abs=0.3)


def test_an_image_has_its_colours_and_its_grid() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:, 0] = 255
    found = of_image(image)
    assert found["colours"][:8] ** 2 == pytest.approx([0.5, *[0] * 6, 0.5])
    assert found["pixels"].reshape(8, 8, 3)[..., 0].mean(0) == pytest.approx([0, 0, 0, 0, 1, 1, 1, 1], abs=0.35)
    assert found["pixels"].reshape(8, 8, 3)[..., 1:].max() == 0


def test_motion_is_where_and_when_frames_differ() -> None:
    frames = np.zeros((16, 16, 16, 3), np.uint8)
    frames[8:, :2, :2] = 255  # a change in the first cell, in the middle of the video
    motion = of_video(Video(frames, 8.0))["motion"]
    where = motion[:64].reshape(8, 8)
    assert where[0, 0] == pytest.approx(1 / 15) and np.count_nonzero(where) == 1
    assert motion[-8:].argmax() in (3, 4) and motion[-8:][[0, -1]].tolist() == [0, 0]
    assert of_video(Video(frames[:1], 8.0))["motion"].max() == 0


def test_moments_of_a_signal() -> None:
    values = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]], np.float32)
    mean, deviation, skewness, low, high, step = of_signal(Signal(values, 10.0))["moments"].reshape(6, 2).T[0]
    assert (mean, deviation) == (2, pytest.approx((8 / 3) ** 0.5))
    assert (skewness, low, high, step) == (pytest.approx(0), 0, 4, 2)


def test_words_weigh_by_how_rare_they_are_in_training() -> None:
    found = describe(["the cat", "the dog", "the cow"], ["the cat", "a llama", None])["words"]
    train_MD, test_ND = found
    assert train_MD.shape == (3, 4) and test_ND.shape == (3, 4)
    assert np.sort(test_ND[0])[-1] > np.sort(test_ND[0])[-2] > 0, "cat counts more than the"
    assert test_ND[0] @ train_MD[0] > test_ND[0] @ train_MD[1]
    assert test_ND[1:].max() == 0, "words that training never had, and no text at all"
    assert list(describe([(Cue(0, 1, "a cat"),)], [()])) == ["words"]


def test_what_is_missing_is_zeros_and_what_is_unknown_is_named() -> None:
    train, test = describe([tone(500), None], [None])["scalars"]
    assert train[1].tolist() == test[0].tolist() == [0.0] * 7
    assert describe([None], [None]) == {}
    given = describe([np.arange(3.0)], [np.ones(3)])["values"]
    assert (given[0].tolist(), given[1].tolist()) == ([[0, 1, 2]], [[1, 1, 1]])
    for other in ({}, [1.0, 2.0], np.zeros((2, 2))):
        with pytest.raises(DataError, match=f"no cheap statistics of a {type(other).__name__}"):
            describe([other], [])


def test_silence_and_a_clip_shorter_than_a_window_have_numbers() -> None:
    for audio in (Audio(np.zeros((1, 0), np.float32), RATE), Audio(np.zeros((2, 40), np.float32), RATE)):
        assert all(np.isfinite(row).all() for row in of_audio(audio).values())

"""Figures: the numbers in them are the numbers given, and the spectrogram is one."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Audio
from mmx_soundnet.evaluation import figures


@pytest.mark.parametrize("hertz", [500.0, 1000.0, 3000.0])
def test_a_tone_stands_at_its_frequency(hertz: float) -> None:
    time_T = np.arange(8000) / 8000
    decibels_FT, seconds = figures.spectrogram(Audio(np.sin(2 * np.pi * hertz * time_T, dtype=np.float32)[None], 8000))
    assert seconds == 1.0
    assert (decibels_FT.argmax(0) == round(hertz * 512 / 8000)).all()


def test_sounds_shorter_than_a_frame_are_padded() -> None:
    decibels_FT, _ = figures.spectrogram(Audio(np.ones((1, 10), np.float32), 8000))
    assert decibels_FT.shape == (257, 1) and np.isfinite(decibels_FT).all()


def test_filters_are_sorted_by_their_peak() -> None:
    time_K = np.arange(64) / 8000
    weight_CK = np.stack([np.sin(2 * np.pi * hertz * time_K) for hertz in (3000.0, 500.0, 1500.0)])
    shown = np.asarray(figures.filters(weight_CK, 8000).axes[1].images[0].get_array())
    assert (np.diff(shown.argmax(1)) > 0).all()

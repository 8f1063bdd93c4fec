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


def test_a_confusion_shows_shares_of_each_row() -> None:
    axes = figures.confusion(np.array([[3, 1], [0, 2]]), ["rain", "dog"]).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert np.allclose(shown, [[0.75, 0.25], [0, 1]])
    assert sorted(text.get_text() for text in axes.texts) == ["100", "25", "75"]


def test_a_sweep_has_a_line_per_network_and_chance() -> None:
    axes = figures.sweep({"trained": {"conv1": 0.2, "conv2": 0.4}, "random": {"conv1": 0.1, "conv2": 0.1}}, 0.1).axes[0]
    assert [line.get_label() for line in axes.lines] == ["trained", "random", "chance"]
    assert list(axes.lines[0].get_ydata()) == [0.2, 0.4]


def test_filters_are_sorted_by_their_peak() -> None:
    time_K = np.arange(64) / 8000
    weight_CK = np.stack([np.sin(2 * np.pi * hertz * time_K) for hertz in (3000.0, 500.0, 1500.0)])
    shown = np.asarray(figures.filters(weight_CK, 8000).axes[1].images[0].get_array())
    assert (np.diff(shown.argmax(1)) > 0).all()


def test_neighbours_lie_together() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 12)
    features_ND = labels[:, None] * 20 + rng.standard_normal((24, 5))
    axes = figures.neighbourhood(features_ND, labels, ["rain", "dog"], seed=0).axes[0]
    clouds = [np.asarray(collection.get_offsets()) for collection in axes.collections]
    spread = max(np.linalg.norm(cloud - cloud.mean(0), axis=1).max() for cloud in clouds)
    assert np.linalg.norm(clouds[0].mean(0) - clouds[1].mean(0)) > spread

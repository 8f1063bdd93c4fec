"""Figures of the report. Every function returns a matplotlib figure and touches no global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmx import Audio


def filters(weight_CK: np.ndarray, rate: int) -> Figure:
    """Draw the first layer: waveforms of the filters (C, K), and their frequency responses sorted by peak."""
    response_CF = np.abs(np.fft.rfft(weight_CK, 256, axis=1))
    response_CF /= response_CF.max(1, keepdims=True) + 1e-12
    order = response_CF.argmax(1).argsort()
    shown = order[np.linspace(0, len(order) - 1, min(16, len(order))).round().astype(int)]
    figure = plots.canvas(9, 4)
    left, right = figure.subplots(1, 2)
    time_K = 1000 * np.arange(weight_CK.shape[1]) / rate
    for place, row in enumerate(shown):
        left.plot(time_K, weight_CK[row] / (2 * np.abs(weight_CK[row]).max() + 1e-12) + place, linewidth=0.9)
    left.set(xlabel="ms", yticks=[], title="filters")
    right.imshow(
        response_CF[order], aspect="auto", origin="lower", extent=(0, rate / 2000, 0, len(order)), cmap="magma"
    )
    right.set(xlabel="kHz", ylabel="filter", title="frequency response")
    return figure


def spectrograms(sounds: Sequence[tuple[str, Audio]]) -> Figure:
    """Draw log spectrograms of a few sounds, each under its title."""
    columns = min(3, len(sounds))
    rows = -(-len(sounds) // columns)
    figure = plots.canvas(3.4 * columns, 2.4 * rows)
    for axes, (title, audio) in zip(figure.subplots(rows, columns, squeeze=False).flat, sounds, strict=False):
        decibels_FT, seconds = spectrogram(audio)
        top = decibels_FT.max()
        axes.imshow(
            decibels_FT,
            aspect="auto",
            origin="lower",
            extent=(0, seconds, 0, audio.rate / 2000),
            vmin=top - 80,
            vmax=top,
            cmap="magma",
        )
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in figure.axes[len(sounds) :]:
        axes.set_visible(False)
    return figure


def spectrogram(audio: Audio, size: int = 512, hop: int = 128) -> tuple[np.ndarray, float]:
    """Return the power of the first channel in decibels (frequency, time), and the length in seconds."""
    samples_T = audio.samples_CT[0]
    padded_T = np.pad(samples_T, (0, max(0, size - len(samples_T))))
    frames_TK = np.lib.stride_tricks.sliding_window_view(padded_T, size)[::hop] * np.hanning(size)
    power_FT = np.abs(np.fft.rfft(frames_TK, axis=1)).T ** 2
    return 10 * np.log10(power_FT + 1e-10), audio.seconds

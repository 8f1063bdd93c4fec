"""Pictures of separations. Every function returns a matplotlib figure and touches no global state.

Shape legend: N voices, K frames, F bins, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmx.types import Video
    from mmx_looking_to_listen.listening import Heard


def separation(heard: Heard, rate: int, window: int, hop: int) -> Figure:
    """Draw faces, the mixture, and for every voice its mask, the estimate and the truth, all over the same time."""
    count = len(heard.truth_NT)
    figure = _canvas(12, 2.0 + 5.2 * count / 2)
    grid = figure.add_gridspec(1 + count * 2, 3, height_ratios=[1.4, *([0.5, 1.4] * count)])
    seconds = len(heard.mixture_T) / rate
    guess_NT = heard.guesses["model"]
    axes = figure.add_subplot(grid[0, :])
    _spectrogram(axes, heard.mixture_T, rate, window, hop)
    axes.set_title("mixture", fontsize=9, loc="left")
    faces = heard.sample.fields.get("faces") or ()
    for voice in range(count):
        strip = figure.add_subplot(grid[1 + 2 * voice, :])
        if voice < len(faces):
            strip.imshow(face_strip(faces[voice], 24), aspect="auto", extent=(0, seconds, 0, 1))
        strip.set(xticks=[], yticks=[])
        strip.set_ylabel(f"face {voice + 1}", fontsize=8)
        left, middle, right = (figure.add_subplot(grid[2 + 2 * voice, column]) for column in range(3))
        if heard.masks is not None:
            size_KF = np.sqrt((heard.masks[voice].astype(np.float64) ** 2).sum(-1))
            top = max(1e-6, float(np.quantile(size_KF, 0.98)))
            extent = (0, seconds, 0, rate / 2000)
            left.imshow(size_KF.T, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=top, extent=extent)
        left.set_title("mask, magnitude", fontsize=8)
        _spectrogram(middle, guess_NT[voice], rate, window, hop)
        ratio, before = heard.ratios["model"][voice], heard.ratios["mixture"][voice]
        middle.set_title(f"estimate {ratio:.1f} dB (mixture {before:.1f} dB)", fontsize=8)
        _spectrogram(right, heard.truth_NT[voice], rate, window, hop)
        right.set_title("truth", fontsize=8)
        for each in (left, middle, right):
            each.tick_params(labelsize=6)
    return figure


def face_strip(video: Video, pictures: int) -> np.ndarray:
    """Return pictures of a face side by side (side, pictures * side, 3)."""
    frames = video.frames_THWC
    places = np.linspace(0, len(frames) - 1, min(pictures, len(frames))).round().astype(np.int64)
    return np.concatenate(list(frames[places]), axis=1)


def by_level(before: np.ndarray, curves: dict[str, np.ndarray]) -> Figure:
    """Draw the improvement over how loud a voice was in the mixture: one curve per condition."""
    figure = _canvas(6.5, 4)
    axes = figure.add_subplot()
    edges = np.unique(np.quantile(before, np.linspace(0, 1, 6)))
    middles = (edges[:-1] + edges[1:]) / 2
    for name, after in curves.items():
        place = np.clip(np.searchsorted(edges, before, side="right") - 1, 0, len(middles) - 1)
        means = [
            float((after - before)[place == bin_].mean()) if (place == bin_).any() else np.nan
            for bin_ in range(len(middles))
        ]
        axes.plot(middles, means, marker="o", label=name)
    axes.axhline(0, color="grey", linestyle=":")
    axes.set(xlabel="SI-SDR of the voice in the mixture (dB)", ylabel="improvement (dB)")
    axes.legend(fontsize=8)
    return figure


def conditions(means: dict[str, float]) -> Figure:
    """Draw the mean improvement of every condition as bars."""
    figure = _canvas(7, 0.6 + 0.36 * len(means))
    axes = figure.add_subplot()
    colours = [
        "tab:blue" if name == "model" else "tab:green" if name in ("irm", "crm") else "tab:grey" for name in means
    ]
    axes.barh(list(means)[::-1], list(means.values())[::-1], color=colours[::-1])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("SI-SDR improvement over the mixture (dB)")
    return figure


def _spectrogram(axes: Axes, samples_T: np.ndarray, rate: int, window: int, hop: int) -> None:
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples_T, np.float64), window)[::hop]
    power_FK = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)).T ** 2
    decibels = 10 * np.log10(power_FK + 1e-9)
    top = float(decibels.max())
    extent = (0, len(samples_T) / rate, 0, rate / 2000)
    axes.imshow(decibels, aspect="auto", origin="lower", cmap="magma", vmin=top - 60, vmax=top, extent=extent)
    axes.tick_params(labelsize=6)


def _canvas(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def side_by_side(videos: Sequence[Video], chosen: int | None) -> np.ndarray:
    """Return the faces next to each other (V, side, N * side, 3); all but the `chosen` one are darkened."""
    shown = [
        film.frames_THWC if chosen in (None, place) else film.frames_THWC // 3 for place, film in enumerate(videos)
    ]
    scale = max(1, 192 // shown[0].shape[1])
    return np.concatenate(shown, axis=2).repeat(scale, 1).repeat(scale, 2)

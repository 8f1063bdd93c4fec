"""Figures of separations. Every function returns a matplotlib figure and touches no global state.

Shape legend: N voices, K frames, F bins, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmx import Video
    from mmx_looking_to_listen.evaluation.separation import Separated


def separation(separated: Separated, rate: int, window: int, hop: int) -> Figure:
    """Draw one column per voice over the same time: its face, the mixture, its mask, the estimate and the truth."""
    count = len(separated.truth_NT)
    figure = plots.canvas(1.0 + 5.4 * count, 7.6)
    grid = figure.add_gridspec(5, count, height_ratios=[0.62, 1, 1, 1, 1])
    faces = separated.sample.fields.get("faces") or ()
    seconds = len(separated.mixture_T) / rate
    for voice in range(count):
        strip, mixture, mask, estimate, truth = (figure.add_subplot(grid[row, voice]) for row in range(5))
        strip.set_title(f"face {voice + 1}", fontsize=9, loc="left")
        if voice < len(faces):
            strip.imshow(face_strip(faces[voice], 10), aspect="auto", extent=(0, seconds, 0, 1))
        strip.set(xticks=[], yticks=[], xlim=(0, seconds))
        ratio, before = separated.ratios["model"][voice], separated.ratios["mixture"][voice]
        _spectrogram(mixture, separated.mixture_T, rate, window, hop)
        mixture.set_title(f"mixture: {before:.1f} dB of this voice", fontsize=9, loc="left")
        if separated.masks is not None:
            size_KF = np.sqrt((separated.masks[voice].astype(np.float64) ** 2).sum(-1))
            top = max(1.0, float(np.quantile(size_KF, 0.98)))
            extent = (0, seconds, 0, rate / 2000)
            drawn = mask.imshow(
                size_KF.T, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=top, extent=extent
            )
            if voice == count - 1:
                figure.colorbar(drawn, ax=mask, pad=0.01).ax.tick_params(labelsize=7)
        mask.set_title("mask (magnitude)", fontsize=9, loc="left")
        _spectrogram(estimate, separated.guesses["model"][voice], rate, window, hop)
        estimate.set_title(f"estimate: {ratio:.1f} dB", fontsize=9, loc="left")
        _spectrogram(truth, separated.truth_NT[voice], rate, window, hop)
        truth.set_title("truth", fontsize=9, loc="left")
        for each in (mixture, mask, estimate, truth):
            each.tick_params(labelsize=7, labelbottom=each is truth)
            each.set_ylabel("kHz" if voice == 0 else "", fontsize=8)
        truth.set_xlabel("seconds", fontsize=8)
    return figure


def face_strip(video: Video, count: int) -> np.ndarray:
    """Return `count` frames of a face side by side (side, count * side, 3)."""
    frames = video.frames_THWC
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(np.int64)
    return np.concatenate(list(frames[places]), axis=1)


def by_level(before: np.ndarray, curves: dict[str, np.ndarray]) -> Figure:
    """Draw the improvement over the level of a voice in the mixture: one curve per condition."""
    figure = plots.canvas(6.5, 4)
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
    """Draw the mean improvement of every condition as bars with their values."""
    figure = plots.canvas(7, 0.9 + 0.32 * len(means))
    axes = figure.add_subplot()
    colours = [
        "tab:blue" if name == "model" else "tab:green" if name in ("irm", "crm") else "tab:grey" for name in means
    ]
    bars = axes.barh(list(means)[::-1], list(means.values())[::-1], color=colours[::-1])
    axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    axes.margins(x=0.12)
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


def side_by_side(videos: Sequence[Video], chosen: int | None) -> np.ndarray:
    """Return the faces next to each other (V, side, N * side, 3); all but the `chosen` one are darkened."""
    shown = [
        video.frames_THWC if chosen in (None, place) else video.frames_THWC // 3 for place, video in enumerate(videos)
    ]
    scale = max(1, 192 // shown[0].shape[1])
    return np.concatenate(shown, axis=2).repeat(scale, 1).repeat(scale, 2)

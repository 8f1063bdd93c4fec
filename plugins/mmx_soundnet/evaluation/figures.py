"""Figures of the report. Every function returns a matplotlib figure and touches no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmx import Audio


def confusion(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw the confusion matrix: rows are the true classes, values are shares of each row."""
    side = 3.0 + 0.32 * len(names)
    figure = plots.canvas(side, side)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="recognised as", ylabel="truth")
    if len(names) <= 20:
        for row, column in np.argwhere(shares > 0.005):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    return figure


def neighbourhood(features_ND: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int) -> Figure:
    """Draw items in two dimensions, those with similar features together (t-SNE of standardised features)."""
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    perplexity = min(15.0, (len(features_ND) - 1) / 3)
    scaled_ND = StandardScaler().fit_transform(features_ND)
    # The exact gradient: for hundreds of points it is as fast as the approximation, and it needs no threads.
    method = "exact" if len(scaled_ND) <= 1000 else "barnes_hut"
    embedding = TSNE(2, perplexity=perplexity, init="pca", method=method, random_state=seed)
    places_N2 = embedding.fit_transform(scaled_ND)
    figure = plots.canvas(8, 5.5)
    axes = figure.add_subplot()
    palette = np.asarray(_colours(len(names)))
    for label in np.unique(labels):
        here = labels == label
        across_N, up_N = places_N2[here].T
        axes.scatter(
            across_N,
            up_N,
            s=42,
            color=palette[label],
            marker="os^vDPX*"[label % 8],
            edgecolor="white",
            label=names[label],
        )
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False, ncols=1 + len(names) // 26)
    return figure


def sweep(accuracies: Mapping[str, Mapping[str, float]], chance: float) -> Figure:
    """Draw accuracy by layer for several networks: network -> layer -> accuracy, the first's layers in their order."""
    figure = plots.canvas(6.5, 4)
    axes = figure.add_subplot()
    for network, by_layer in accuracies.items():
        axes.plot(list(by_layer), list(by_layer.values()), marker="o", label=network)
    axes.axhline(chance, color="grey", linestyle=":", label="chance")
    axes.set(xlabel="layer", ylabel="accuracy", ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure


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


def _colours(count: int) -> Sequence[tuple[float, ...]]:
    from matplotlib import colormaps

    table = colormaps["tab20"]
    return [table(number % 20) for number in range(count)]

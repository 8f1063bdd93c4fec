"""Figures of the report. Every function returns a matplotlib figure and touches no global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

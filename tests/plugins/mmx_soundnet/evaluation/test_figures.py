"""Figures: filters in the order of their frequencies."""

from __future__ import annotations

import numpy as np

from mmx_soundnet.evaluation import figures


def test_filters_are_sorted_by_their_peak() -> None:
    time_K = np.arange(64) / 8000
    weight_CK = np.stack([np.sin(2 * np.pi * hertz * time_K) for hertz in (3000.0, 500.0, 1500.0)])
    shown = np.asarray(figures.filters(weight_CK, 8000).axes[1].images[0].get_array())
    assert (np.diff(shown.argmax(1)) > 0).all()

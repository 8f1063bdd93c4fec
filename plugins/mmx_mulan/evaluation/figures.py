"""Figures of the report, as matplotlib figures without global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLOURS = {
    "from the notation (real)": "#2b6cb0",
    "from how we play it": "#c05621",
    "about sung words (not in auc)": "#a0aec0",
}


def tag_bars(
    names: Sequence[str],
    area_C: NDArray[np.float64],
    untrained_C: NDArray[np.float64],
    groups: Sequence[str],
    positives: Mapping[str, int],
) -> Figure:
    """Draw the area under the ROC curve of each tag, best first; a tick marks the untrained model's.

    Args:
        names: Of the tags.
        area_C: Of the model.
        untrained_C: Of the untrained model.
        groups: For each tag a key of `COLOURS`.
        positives: Tag -> number of recordings that have it.
    """
    order = np.argsort(area_C)
    figure = plots.canvas(8, 1.2 + 0.24 * len(names))
    axes = figure.add_subplot()
    rows = np.arange(len(order))
    axes.barh(rows, area_C[order] - 0.5, left=0.5, color=[COLOURS[groups[i]] for i in order], height=0.7)
    axes.plot(untrained_C[order], rows, "|", color="black", markersize=9, markeredgewidth=1.6)
    axes.axvline(0.5, color="black", linewidth=0.8)
    axes.set_yticks(rows, [f"{names[i]}  ({positives[names[i]]})" for i in order], fontsize=8)
    axes.set(
        xlabel="area under the ROC curve (0.5 is chance; tick: untrained)", xlim=(0.2, 1.0), ylim=(-0.7, len(order))
    )
    shown = [group for group in COLOURS if group in groups]
    handles = [axes.barh(0, 0, color=COLOURS[group]) for group in shown]
    axes.legend(handles, shown, loc="lower right", fontsize=8)
    return figure


def heat_map(scores_NC: NDArray[np.float64], truth_NC: NDArray[np.float64], names: Sequence[str]) -> Figure:
    """Draw how well recordings that have one tag (rows) fit another tag's words (columns): z-scores by column."""
    scores_NC = (scores_NC - scores_NC.mean(0)) / np.maximum(scores_NC.std(0), 1e-9)
    mean_CC = np.stack([scores_NC[truth_NC[:, i] > 0].mean(0) for i in range(len(names))])
    side = 2.5 + 0.26 * len(names)
    figure = plots.canvas(side + 0.8, side)
    axes = figure.add_subplot()
    image = axes.imshow(mean_CC, cmap="RdBu_r", vmin=-2, vmax=2)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(xlabel="words", ylabel="recordings that have the tag")
    figure.colorbar(image, ax=axes, shrink=0.6, label="cosine, z-score by column")
    return figure


def curve(recall: Mapping[str, NDArray[np.float64]], chance: float) -> Figure:
    """Draw the sorted average precision of all playlists, one line per kind of query."""
    figure = plots.canvas(6, 3.4)
    axes = figure.add_subplot()
    for name, values_Q in recall.items():
        axes.plot(np.sort(values_Q)[::-1], label=name)
    axes.axhline(chance, color="black", linewidth=0.8, linestyle=":", label="chance")
    axes.set(xlabel="playlists, best first", ylabel="average precision", ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure

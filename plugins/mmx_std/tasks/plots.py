"""Figures for reports, drawn without a display."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmx import Audio

__all__ = ["canvas", "confusion", "lines", "neighbourhood", "per_class", "similarity", "spectrograms"]

NUMBERED: Final = 20
"""Classes up to which a confusion matrix shows its counts."""
NAMED: Final = 60
"""Rows up to which an axis shows names."""


def canvas(width: float, height: float, *, dpi: float = 100.0) -> Figure:
    """Return an empty figure whose parts keep clear of each other.

    Args:
        width: In inches.
        height: In inches.
        dpi: Pixels per inch.
    """
    # Not pyplot: that keeps every figure and asks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def confusion(matrix_CC: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Return a confusion matrix: rows are true classes, coloured by the share of the row, numbered by count."""
    count = len(names)
    side = min(12.0, max(4.0, 1.5 + 0.4 * count))
    figure, axes = _blank(side + 1, side)
    share_CC = matrix_CC / np.maximum(matrix_CC.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share_CC, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    _name_axis(axes, names, names)
    for row in range(count if count <= NUMBERED else 0):
        for column in range(count):
            if matrix_CC[row, column]:
                colour = "white" if share_CC[row, column] > 0.5 else "black"
                axes.text(column, row, str(matrix_CC[row, column]), ha="center", va="center", color=colour, fontsize=8)
    return figure


def per_class(names: Sequence[str], columns: dict[str, Sequence[float]], counts: Sequence[int]) -> Figure:
    """Return bars per class, one colour per column, with each class's number of items."""
    figure, axes = _blank(7.0, min(30.0, max(2.5, 1.2 + 0.2 * len(names) * len(columns))))
    height = 0.8 / len(columns)
    for index, (title, values) in enumerate(columns.items()):
        places = np.arange(len(names)) + (index - (len(columns) - 1) / 2) * height
        axes.barh(places, np.nan_to_num(np.asarray(values, dtype=float)), height, label=title)
    axes.set_yticks(range(len(names)), [f"{_cut(name)} ({n})" for name, n in zip(names, counts, strict=True)])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=len(columns), frameon=False)
    return figure


def similarity(
    matrix_NM: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], titles: Sequence[str]
) -> Figure:
    """Return a similarity matrix with a name per row and column; `titles` name the two sides."""
    figure, axes = _blank(8.0, 7.0)
    image = axes.imshow(matrix_NM, cmap="viridis")
    figure.colorbar(image, ax=axes, label="similarity", shrink=0.8)
    axes.set_ylabel(titles[0])
    axes.set_xlabel(titles[1])
    _name_axis(axes, columns, rows)
    return figure


def neighbourhood(features_ND: NDArray[Any], labels: NDArray[Any], names: Sequence[str], seed: int) -> Figure:
    """Return items in two dimensions, those with similar features together (t-SNE of standardised features)."""
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    perplexity = min(15.0, (len(features_ND) - 1) / 3)
    scaled_ND = StandardScaler().fit_transform(features_ND)
    # The exact gradient: for hundreds of points it is as fast as the approximation, and it needs no threads.
    method = "exact" if len(scaled_ND) <= 1000 else "barnes_hut"
    embedding = TSNE(2, perplexity=perplexity, init="pca", method=method, random_state=seed)
    # Features that are all alike, as of a removed modality, have no neighbours, and t-SNE would divide by zero.
    places_N2 = embedding.fit_transform(scaled_ND) if scaled_ND.any() else np.zeros((len(scaled_ND), 2))
    figure = canvas(8, 5.5)
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
            label=_cut(names[label]),
        )
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False, ncols=1 + len(names) // 26)
    return figure


def lines(values: Mapping[str, Mapping[str, float]], chance: float, titles: Sequence[str]) -> Figure:
    """Return a line per name over named places, each between 0 and 1; `titles` name the two axes."""
    figure = canvas(6.5, 4)
    axes = figure.add_subplot()
    for name, by_place in values.items():
        axes.plot(list(by_place), list(by_place.values()), marker="o", label=name)
    axes.axhline(chance, color="grey", linestyle=":", label="chance")
    axes.set(xlabel=titles[0], ylabel=titles[1], ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure


def spectrograms(shown: Sequence[tuple[str, Audio]]) -> Figure:
    """Return the mel spectrograms of some recordings, each under its title, with one scale of loudness for all."""
    import torch

    from mmx_std.encoders.frontends import Mel

    columns = 2
    lines = -(-len(shown) // columns)
    figure = canvas(10, 0.6 + 2.1 * lines)
    for place, (caption, audio) in enumerate(shown):
        mel = Mel(audio.rate, bands=64, window=32, hop=16)
        with torch.no_grad():
            frames_TF = mel(mel.prepare(audio)[None]).tokens_BTD[0].numpy()
        axes = figure.add_subplot(lines, columns, place + 1)
        axes.imshow(
            frames_TF.T * 10 / np.log(10),
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-50,
            vmax=25,
            extent=(0, audio.seconds, 0, 64),
        )
        axes.set_title(textwrap.fill(caption, 62), fontsize=7)
        axes.tick_params(labelsize=7)
        axes.set_ylabel("mel band", fontsize=7)
        axes.set_xlabel("seconds", fontsize=7)
    return figure


def _blank(width: float, height: float) -> tuple[Figure, Axes]:
    figure = canvas(width, height)
    return figure, figure.add_subplot()


def _name_axis(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    size = 8 if max(len(columns), len(rows)) <= 30 else 5
    if len(columns) <= NAMED:
        axes.set_xticks(range(len(columns)), [_cut(name) for name in columns], rotation=90, fontsize=size)
    if len(rows) <= NAMED:
        axes.set_yticks(range(len(rows)), [_cut(name) for name in rows], fontsize=size)


def _cut(name: str, length: int = 28) -> str:
    """Return a name that fits beside an axis; `$` would start a formula, and no font has control characters."""
    seen = "".join(each if each.isprintable() else "\ufffd" for each in name[: length + 1])
    short = seen if len(name) <= length else seen[: length - 1] + "…"
    return short.replace("$", r"\$")


def _colours(count: int) -> Sequence[tuple[float, ...]]:
    from matplotlib import colormaps

    table = colormaps["tab20"]
    return [table(number % 20) for number in range(count)]

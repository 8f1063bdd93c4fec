"""Figures for reports, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["canvas", "confusion", "per_class", "similarity"]

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
    """Return a name that fits beside an axis; `$` would start a formula."""
    short = name if len(name) <= length else name[: length - 1] + "…"
    return short.replace("$", r"\$")

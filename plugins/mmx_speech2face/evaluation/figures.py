"""Figures of the report. Every function returns a matplotlib figure and touches no global state.

Shape legend: N people, D width of the face feature, L landmarks, S side in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmx_speech2face.evaluation.measures import Correlation

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]
DPI: Final = 110
"""Dots per inch."""


def faces(rows: Mapping[str, Sequence[Images]], titles: Sequence[str]) -> Figure:
    """Draw people side by side, one row per kind of image (a column is one person)."""
    count = len(titles)
    figure = plots.canvas(1.15 * count + 1.6, 1.15 * len(rows) + 0.5, dpi=DPI)
    grid = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image, interpolation="lanczos")
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=8)
    return figure


def overlays(
    portraits: Sequence[Images], true: Sequence[Floats], guessed: Sequence[Floats], titles: Sequence[str]
) -> Figure:
    """Draw landmarks on portraits: the true ones, those from the voice, and a line from each to each."""
    count = len(titles)
    figure = plots.canvas(2.3 * count, 2.8, dpi=DPI)
    for axes, image, truth_L2, guess_L2, title in zip(
        figure.subplots(1, count, squeeze=False)[0], portraits, true, guessed, titles, strict=True
    ):
        axes.imshow(image, extent=(-1, 1, 1, -1), interpolation="lanczos", alpha=0.75)
        for one, other in zip(truth_L2, guess_L2, strict=True):
            axes.plot([one[0], other[0]], [one[1], other[1]], color="black", linewidth=0.6)
        axes.scatter(*truth_L2.T, s=9, color="white", edgecolors="black", linewidths=0.6, label="true")
        axes.scatter(*guess_L2.T, s=9, color="tab:red", label="from the voice")
        axes.set(xticks=[], yticks=[], xlim=(-1, 1), ylim=(1, -1))
        axes.set_title(title, fontsize=8)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    return figure


def feature_map(face_ND: Floats, voice_ND: Floats, groups: Mapping[str, tuple[NDArray[Any], Sequence[str]]]) -> Figure:
    """Draw face features and voice features on the same two axes: the main directions of the face features.

    Args:
        face_ND: Face features.
        voice_ND: Voice features of the same people.
        groups: Attribute -> class by person, and the classes' names.
    """
    mean_D = face_ND.mean(0)
    axes_2D = np.linalg.svd(face_ND - mean_D, full_matrices=False)[2][:2]
    figure = plots.canvas(3.1 * max(1, len(groups)), 6.9, dpi=DPI)
    grid = figure.subplots(2, max(1, len(groups)), squeeze=False, sharex=True, sharey=True)
    for column, (name, (class_N, names)) in zip(grid.T, groups.items(), strict=True):
        colours = _colours(len(names))
        for axes, features_ND, title in zip(column, (face_ND, voice_ND), ("face", "voice"), strict=True):
            place_N2 = (features_ND - mean_D) @ axes_2D.T
            for number, label in enumerate(names):
                chosen = class_N == number
                axes.scatter(*place_N2[chosen].T, s=7, color=colours[number], label=label, alpha=0.75)
            axes.set_title(f"{title} features, by {name}", fontsize=9)
            axes.tick_params(labelsize=7)
            axes.locator_params(nbins=4)  # more numbers would run into each other
        column[1].legend(fontsize=7, markerscale=1.8, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3)
    return figure


def correlation_bars(found: Mapping[str, Correlation]) -> Figure:
    """Draw the correlation of every craniofacial measure, beside random pairs and the decoder's own."""
    figure = plots.canvas(7.5, 0.7 + 0.3 * len(found), dpi=DPI)
    axes = figure.add_subplot()
    names = list(found)
    places = np.arange(len(names))
    stars = ["*" if found[name].p < 0.001 else "" for name in names]
    axes.barh(places, [found[name].r for name in names], 0.6, color="tab:blue", label="voice with face feature")
    axes.errorbar(
        [found[name].random for name in names],
        places,
        xerr=[2 * found[name].random_spread for name in names],
        fmt="o",
        markersize=3,
        color="tab:grey",
        label="random pairs, two deviations",
    )
    if all(found[name].drawn is not None for name in names):
        drawn = [float(found[name].drawn or 0.0) for name in names]
        axes.plot(drawn, places, "d", color="tab:green", markersize=5, label="face feature with truth")
    axes.set_yticks(places, [f"{name.replace('_', ' ')} {star}" for name, star in zip(names, stars, strict=True)])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("Pearson's r (* p < 0.001)")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    return figure


def recall_curves(curves: Mapping[str, Floats], title: str) -> Figure:
    """Draw recall over the number of places: the model, its controls and its ceilings."""
    figure = plots.canvas(6.5, 4.2, dpi=DPI)
    axes = figure.add_subplot()
    styles = {"voice": "-", "chance": ":"}
    for name, values_K in curves.items():
        width = 2.4 if name == "voice" else 1.2
        axes.plot(np.arange(1, len(values_K) + 1), values_K, styles.get(name, "--"), linewidth=width, label=name)
    axes.set(xlabel="places", ylabel="recall", ylim=(0, 1), title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def group_bars(names: Sequence[str], counts: Sequence[int], columns: Mapping[str, Sequence[float]]) -> Figure:
    """Draw one panel per number, one bar per group of people."""
    figure = plots.canvas(3.2 * len(columns) + 1.5, 0.9 + 0.32 * len(names), dpi=DPI)
    grid = figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]
    places = np.arange(len(names))
    for axes, (title, values) in zip(grid, columns.items(), strict=True):
        axes.barh(places, values, 0.65, color="tab:blue")
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    grid[0].set_yticks(places, [f"{name} ({count})" for name, count in zip(names, counts, strict=True)])
    grid[0].invert_yaxis()
    return figure


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    if count <= 3:
        return ["tab:orange", "tab:blue", "tab:green"][:count]
    return [colormaps["viridis"](value) for value in np.linspace(0, 0.95, count)]

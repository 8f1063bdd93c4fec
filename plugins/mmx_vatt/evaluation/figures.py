"""Figures of the report, as matplotlib figures without global state.

Shapes: N items, T frames or samples, H height, W width.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmx import Audio, Video
from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG = "#2f855a", "#c53030"


@dataclass(frozen=True)
class Attended:
    """Attention of a model over one clip.

    Attributes:
        title: What the clip shows.
        frames_THWC: Frames as the model gets them, uint8.
        heat_THW: Share of each pixel, non-negative, scaled to at most 1.
        samples_T: The waveform of the audio encoder.
        shares_N: Share of each stretch of the waveform.
        seconds: Length of the waveform.
    """

    title: str
    frames_THWC: NDArray[np.uint8]
    heat_THW: NDArray[np.float64]
    samples_T: NDArray[np.float32]
    shares_N: NDArray[np.float64]
    seconds: float


@dataclass(frozen=True)
class Answered:
    """A query and the videos retrieved for it.

    Attributes:
        question: Text, or the name of a recording.
        videos: Best first.
        right: Whether each has the query's class.
    """

    question: str
    videos: Sequence[Video]
    right: Sequence[bool]


def similarities(matrices: Mapping[str, NDArray[np.float64]], bounds: Sequence[int], names: Sequence[str]) -> Figure:
    """Draw matrices of cosines between items sorted by class, side by side; lines separate the groups.

    Args:
        matrices: `queries / candidates` -> (N, N).
        bounds: First item of each group.
        names: Names of the groups.
    """
    figure = plots.canvas(4.6 * len(matrices) + 0.6, 5.0)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (title, scores_NN) in zip(panels, matrices.items(), strict=True):
        low, high = np.percentile(scores_NN, [2, 99.5])
        image = axes.imshow(scores_NN, cmap="magma", vmin=low, vmax=high, interpolation="nearest")
        for bound in bounds[1:]:
            axes.axhline(bound - 0.5, color="white", linewidth=0.4)
            axes.axvline(bound - 0.5, color="white", linewidth=0.4)
        ends = [*bounds[1:], len(scores_NN)]
        places = [(a + b - 1) / 2 for a, b in zip(bounds, ends, strict=True)]
        # Groups of very few items have no room for a name.
        shown = [name if (b - a) * 40 >= len(scores_NN) else "" for name, a, b in zip(names, bounds, ends, strict=True)]
        axes.set_xticks(places, shown, rotation=90, fontsize=6)
        axes.set_yticks(places, shown, fontsize=6)
        rows, columns = title.split(" / ")
        axes.set(ylabel=rows, xlabel=columns)
        figure.colorbar(image, ax=axes, shrink=0.7, label="cosine")
    return figure


def retrieved(answers: Sequence[Answered], frames: int = 8) -> Figure:
    """Draw some frames of the retrieved videos, best from left to right; the border is green if right, else red."""
    columns = max(len(answer.videos) for answer in answers)
    figure = plots.canvas(3.0 * columns, 0.75 * len(answers) + 0.2)
    panels = figure.subplots(len(answers), columns, squeeze=False)
    for line, answer in zip(panels, answers, strict=True):
        for place, axes in enumerate(line):
            axes.set(xticks=[], yticks=[])
            if place >= len(answer.videos):
                axes.axis("off")
                continue
            axes.imshow(_strip(answer.videos[place], frames), interpolation="nearest")
            for side in axes.spines.values():
                side.set(color=RIGHT if answer.right[place] else WRONG, linewidth=2.5)
        line[0].set_title(textwrap.shorten(answer.question, 90), loc="left", fontsize=8)
    return figure


def attention(attended: Sequence[Attended]) -> Figure:
    """Draw attention over the frames and over the waveform, clip by clip."""
    figure = plots.canvas(11, 2.5 * len(attended))
    rows = figure.subfigures(len(attended), 1, squeeze=False)[:, 0]
    for part, clip in zip(rows, attended, strict=True):
        part.suptitle(clip.title, fontsize=9, x=0.01, ha="left")
        count = len(clip.frames_THWC)
        grid = part.add_gridspec(2, count, height_ratios=(1.2, 1))
        for place in range(count):
            axes = part.add_subplot(grid[0, place])
            axes.imshow(_lit(clip.frames_THWC[place], clip.heat_THW[place]), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        axes = part.add_subplot(grid[1, :])
        time_T = np.arange(len(clip.samples_T)) / len(clip.samples_T) * clip.seconds
        axes.plot(time_T, clip.samples_T, color="#4a5568", linewidth=0.5)
        edges = np.linspace(0, clip.seconds, len(clip.shares_N) + 1)
        top = float(np.abs(clip.samples_T).max()) or 1.0
        heights = clip.shares_N / max(float(clip.shares_N.max()), 1e-12) * top
        axes.stairs(heights, edges, fill=True, color="#dd6b20", alpha=0.45)
        axes.set(xlim=(0, clip.seconds), yticks=[], xlabel="seconds" if clip is attended[-1] else "")
        axes.tick_params(labelsize=7)
    return figure


def enlarged(video: Video, least: int = 160) -> Video:
    """Return a video enlarged by repeating pixels."""
    factor = max(1, -(-least // min(video.frames_THWC.shape[1:3])))
    return Video(video.frames_THWC.repeat(factor, 1).repeat(factor, 2), video.fps)


def excerpt(audio: Audio, seconds: float) -> Audio:
    """Return the beginning of a recording."""
    return Audio(audio.samples_CT[:, : round(seconds * audio.rate)], audio.rate)


def _strip(video: Video, frames: int) -> NDArray[Any]:
    """Return some frames of a video side by side, small enough to draw."""
    count = len(video.frames_THWC)
    chosen = [(2 * i + 1) * count // (2 * frames) for i in range(frames)]
    step = max(1, min(video.frames_THWC.shape[1:3]) // 96)
    return np.concatenate([video.frames_THWC[i][::step, ::step] for i in chosen], axis=1)


def _lit(frame_HWC: NDArray[np.uint8], heat_HW: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a frame darkened where attention is low."""
    shade_HW1 = 0.3 + 0.7 * np.sqrt(heat_HW)[..., None]
    lit_HWC: NDArray[np.float64] = frame_HWC / 255 * shade_HW1
    return lit_HWC

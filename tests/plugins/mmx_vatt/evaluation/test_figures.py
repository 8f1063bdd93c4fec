"""Figures: drawn without a display, the size of what they show."""

from __future__ import annotations

import numpy as np

from mmx.report.write import pixels
from mmx.types import Audio, Video
from mmx_vatt.evaluation import figures
from mmx_vatt.evaluation.figures import Answered, Attended


def video(seed: int = 0) -> Video:
    return Video(np.random.default_rng(seed).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8), 8.0)


def test_similarities_part_groups_by_lines() -> None:
    figure = figures.similarities({"video / audio": np.eye(6), "video / text": np.eye(6)}, [0, 2, 4], ["a", "b", "c"])
    assert pixels(figure).ndim == 3
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c"]
    assert sum(len(line.get_xdata()) == 2 for line in axes.lines) == 4


def test_retrieved_frames_are_green_where_right() -> None:
    figure = figures.retrieved(
        [Answered("a ball", [video(), video(1)], [True, False]), Answered("a box", [video()], [True])]
    )
    colours = [axes.spines["left"].get_edgecolor()[:3] for axes in figure.axes[:2]]
    assert colours[0][1] > colours[0][0]
    assert colours[1][0] > colours[1][1]
    assert pixels(figure).shape[2] >= 3


def test_attention_is_drawn_over_frames_and_waveform() -> None:
    attention_maps = Attended(
        "a ball", video().frames_THWC, np.ones((8, 16, 16)), np.zeros(100, np.float32), np.full(10, 0.1), 1.0
    )
    assert pixels(figures.attention([attention_maps, attention_maps])).shape[0] > 100


def test_small_videos_are_enlarged_and_audio_cut() -> None:
    large = figures.enlarged(video())
    assert large.frames_THWC.shape == (8, 160, 160, 3)
    assert np.array_equal(large.frames_THWC[:, ::10, ::10], video().frames_THWC)
    assert figures.excerpt(Audio(np.zeros((2, 100), np.float32), 10), 3.0).samples_CT.shape == (2, 30)

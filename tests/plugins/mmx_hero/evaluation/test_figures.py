"""Strips of frames with bars for moments."""

from __future__ import annotations

import numpy as np

from mmx.types import Cue, Video
from mmx_hero.evaluation.figures import fitted, spread, strip


def test_a_strip_is_drawn_for_any_length() -> None:
    for count in (1, 5, 40):
        canvas = strip(
            Video(np.zeros((count, 8, 8, 3), np.uint8), 1.0),
            [Cue(0.0, 2.0, "costs $5")],
            (0.0, 1.0),
            np.array([0.0, 2.0]),
        )
        axes = canvas.axes[0]
        assert len(axes.images) == min(12, count)
        assert [line.get_label() for line in axes.lines[1:]] == ["true", "retrieved"]
    bare = strip(Video(np.zeros((3, 8, 8, 3), np.uint8), 1.0), [], None, None)
    assert bare.axes[0].get_legend() is None


def test_subtitles_are_broken_to_fit() -> None:
    assert fitted("one two three four", 0.06).split("\n")[0] == "one two"
    assert len(fitted("word " * 50, 0.1).split("\n")) == 3


def test_items_are_spread_evenly() -> None:
    assert spread([3, 5, 7, 9], 2) == [3, 9]
    assert spread([], 2) == []
    assert spread([4], 3) == [4]

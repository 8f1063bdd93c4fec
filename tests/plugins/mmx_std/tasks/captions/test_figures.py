"""Strips of attention: one panel a word, each with the map of its own word."""

from __future__ import annotations

import numpy as np

from mmx_std.tasks.captions.figures import COLUMNS, MOST, pixels, strip
from mmx_std.tasks.captions.scores import Caption

IMAGE = np.full((12, 12, 3), 90, np.uint8)


def test_there_is_a_panel_for_the_image_and_for_every_word() -> None:
    words = ["a", "red", "circle", "for", "$5"]
    figure = strip(IMAGE, Caption(" ".join(words), words, maps_TP=np.eye(9)[[0, 1, 2, 3, 4]]))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["", "a", "red", "circle", "for", r"\$5"]
    for place, axes in enumerate(figure.axes[1:]):
        assert int(axes.images[-1].get_array().argmax()) == place
    image_HWC = pixels(figure)
    assert image_HWC.dtype == np.uint8 and image_HWC.ndim == 3 and image_HWC.std() > 1


def test_long_captions_break_into_rows_and_are_cut() -> None:
    words = [f"w{number}" for number in range(MOST + 5)]
    figure = strip(IMAGE, Caption(" ".join(words), words, maps_TP=np.ones((len(words), 4))))
    assert len(figure.axes) == MOST + 1
    assert figure.axes[0].get_subplotspec().get_gridspec().ncols == COLUMNS


def test_without_a_square_map_the_image_stands_alone() -> None:
    assert len(strip(IMAGE, Caption("a", ["a"])).axes) == 1
    assert len(strip(IMAGE, Caption("a", ["a"], maps_TP=np.ones((1, 7)))).axes) == 1

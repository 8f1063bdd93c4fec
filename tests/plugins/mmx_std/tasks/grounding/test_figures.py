"""Boxes are drawn where they are, in the colour of their phrase; small images are enlarged."""

from __future__ import annotations

import numpy as np

from mmx_std.tasks.grounding.figures import COLOURS, LARGEST, LINE, SIDE, Box, drawn


def test_a_box_is_drawn_at_its_place() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    picture = drawn(image, [Box((0.25, 0.5, 0.75, 1.0), 1), Box((0.0, 0.0, 0.2, 0.2), 0, true=True)], ["one", "two"])
    assert picture.shape == (SIDE + 2 * LINE + 4, SIDE, 3) and picture.dtype == np.uint8
    coloured = (picture[:SIDE] == COLOURS[1]).all(-1)
    rows, columns = np.flatnonzero(coloured.any(1)), np.flatnonzero(coloured.any(0))
    assert (columns[0], columns[-1]) == (SIDE // 4, 3 * SIDE // 4)
    assert abs(rows[0] - SIDE // 2) <= 17 and rows[-1] == SIDE - 1  # its number stands above it
    assert (picture[0, : SIDE // 5] == 255).all() and not (picture[1 : SIDE // 5, 1 : SIDE // 5] == 255).all(-1)[
        3:-3, 3:-3
    ].any()


def test_large_images_are_scaled_down_and_boxes_may_stand_out() -> None:
    picture = drawn(np.zeros((40, 3000, 3), np.uint8), [Box((-0.1, -0.2, 1.4, 1.3), 9)], ["a phrase"])
    assert picture.shape[1] == LARGEST and picture.shape[0] == round(40 * LARGEST / 3000) + LINE + 4

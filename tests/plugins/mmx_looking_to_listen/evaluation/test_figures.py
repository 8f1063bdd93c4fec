from __future__ import annotations

import numpy as np

from mmx.report.write import pixels
from mmx.types import Sample, Video
from mmx_looking_to_listen.evaluation import figures
from mmx_looking_to_listen.evaluation.separation import Separated


def face(level: int) -> Video:
    return Video(np.full((25, 16, 16, 3), level, np.uint8), 25.0)


def test_a_separation_is_drawn_with_and_without_faces() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2, 4000)).astype(np.float32)
    for fields in ({"faces": (face(40), face(200))}, {}):
        separated = Separated(Sample("x", fields), truth, truth.sum(0), {"model": truth}, rng.random((2, 61, 65, 2)))
        separated.ratios = {"model": np.array([3.0, 4.0]), "mixture": np.array([0.0, 0.0])}
        drawn = figures.separation(separated, 4000, 128, 64)
        assert pixels(drawn).std() > 20
        assert len(drawn.axes) == 2 * 5 + 1  # and the scale of the masks


def test_face_strips_show_images_in_order() -> None:
    video = face(0)
    video.frames_THWC[:] = (np.arange(25, dtype=np.uint8) * 10)[:, None, None, None]
    strip = figures.face_strip(video, 5)
    assert strip.shape == (16, 80, 3)
    assert strip[0, ::16, 0].tolist() == [0, 60, 120, 180, 240]


def test_improvement_by_level_is_the_mean_in_each_bin() -> None:
    before = np.linspace(-10, 10, 50)
    drawn = figures.by_level(before, {"model": before + 3.0, "irm": before + 9.0})
    lines = {line.get_label(): line.get_ydata() for line in drawn.axes[0].lines}
    np.testing.assert_allclose(lines["model"], 3.0, atol=1e-9)
    np.testing.assert_allclose(lines["irm"], 9.0, atol=1e-9)


def test_conditions_are_bars() -> None:
    drawn = figures.conditions({"model": 3.0, "zero": -1.0, "irm": 12.0})
    assert sorted(bar.get_width() for bar in drawn.axes[0].patches) == [-1.0, 3.0, 12.0]


def test_the_chosen_face_is_bright() -> None:
    frames = figures.side_by_side([face(90), face(90)], 1)
    assert frames[0, 0, 0, 0] == 30
    assert frames[0, 0, -1, 0] == 90
    assert figures.side_by_side([face(90), face(90)], None).min() == 90

from __future__ import annotations

import numpy as np
import pytest

from mmx_speech2face.evaluation import figures
from mmx_speech2face.evaluation.measures import Correlation

FACES = [np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8) for number in range(3)]
POINTS = [np.random.default_rng(number).uniform(-0.8, 0.8, (5, 2)) for number in range(3)]
TITLES = ["a", "b", "c"]
RNG = np.random.default_rng(0)


def ink(figure: object) -> float:
    """How much of the image is not white."""
    figure.canvas.draw()
    return float((np.asarray(figure.canvas.buffer_rgba())[..., :3] < 250).any(-1).mean())


@pytest.mark.parametrize(
    "figure",
    [
        figures.faces({"true": FACES, "from the voice": FACES}, TITLES),
        figures.overlays(FACES, POINTS, POINTS, TITLES),
        figures.feature_map(
            RNG.normal(size=(20, 4)), RNG.normal(size=(20, 4)), {"age": (np.arange(20) % 4, ["1", "2", "3", "4"])}
        ),
        figures.correlation_bars(
            {"jaw": Correlation(0.4, 1e-5, 0.0, 0.05, 0.9), "nose": Correlation(0.1, 0.2, 0, 0.05)}
        ),
        figures.recall_curves({"voice": np.linspace(0, 1, 9), "chance": np.linspace(0, 0.3, 9)}, "9 people"),
        figures.group_bars(["a", "b"], [3, 4], {"recall": [0.1, 0.2], "angle": [40.0, 50.0]}),
    ],
    ids=["faces", "overlays", "map", "correlations", "recall", "groups"],
)
def test_images_are_drawn(figure: object) -> None:
    assert ink(figure) > 0.02


def test_every_person_is_in_every_row() -> None:
    figure = figures.faces({"one": FACES, "two": FACES}, TITLES)
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert len(shown) == 6
    assert np.array_equal(shown[1], FACES[1])
    assert np.array_equal(shown[5], FACES[2])


def test_overlays_join_true_and_guessed_landmarks() -> None:
    figure = figures.overlays(FACES[:1], POINTS[:1], [POINTS[0] + 0.1], ["a"])
    lines = figure.axes[0].get_lines()
    assert len(lines) == 5
    np.testing.assert_allclose(lines[2].get_xydata(), [POINTS[0][2], POINTS[0][2] + 0.1])


def test_both_sides_of_the_map_share_their_axes() -> None:
    faces = RNG.normal(size=(20, 4)) * [5, 3, 0.1, 0.1]
    figure = figures.feature_map(faces, faces, {"sex": (np.arange(20) % 2, ["f", "m"])})
    left, right = (np.concatenate([each.get_offsets() for each in axes.collections]) for axes in figure.axes[:2])
    np.testing.assert_allclose(left, right)
    assert left.std(0)[0] > left.std(0)[1] > 1

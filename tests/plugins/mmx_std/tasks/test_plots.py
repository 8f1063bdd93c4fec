from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmx.report import write
from mmx.types import Audio
from mmx_std.tasks import plots


def pixels(figure: Any) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def test_a_canvas_has_the_asked_size_and_is_not_held_by_pyplot() -> None:
    import matplotlib.pyplot as plt

    figure = plots.canvas(3.0, 2.0)
    figure.add_subplot().set_ylabel("a label beside the axis")
    assert pixels(figure).shape == (200, 300, 3)
    assert pixels(plots.canvas(3.0, 2.0, dpi=110)).shape == (220, 330, 3)
    assert type(figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [1, 2, 20, 100])
def test_confusions_of_any_number_of_classes(count: int) -> None:
    figure = plots.confusion(np.eye(count, dtype=np.int64) * 3, [f"class $ {i} " + "x" * 40 for i in range(count)])
    assert pixels(figure).std() > 0
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == (["3"] * count if count <= plots.NUMBERED else [])


@pytest.mark.filterwarnings("error")
def test_names_that_no_font_has_warn_of_nothing() -> None:
    write.pixels(plots.confusion(np.eye(2, dtype=np.int64), ["\x1b[31m$5", "\u4e2d\u6587"]))


def test_an_absent_class_is_a_pale_row() -> None:
    figure = plots.confusion(np.array([[0, 0], [1, 3]]), ["a", "b"])
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0], [0.25, 0.75]]


def test_bars_per_class_carry_the_numbers() -> None:
    figure = plots.per_class(["cat", "dog"], {"recall": [0.5, np.nan], "precision": [1.0, 0.25]}, [4, 0])
    assert pixels(figure).std() > 0
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.5, 0.0, 1.0, 0.25]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cat (4)", "dog (0)"]


@pytest.mark.parametrize("count", [1, 40, 200])
def test_similarities(count: int) -> None:
    names = [f"item {i}" for i in range(count)]
    figure = plots.similarity(np.random.default_rng(0).normal(size=(count, count)), names, names, ("audio", "text"))
    assert pixels(figure).std() > 0
    assert figure.axes[0].get_ylabel() == "audio"
    named = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert (named == names) == (count <= plots.NAMED)


def test_lines_have_a_line_per_network_and_chance() -> None:
    axes = plots.lines(
        {"trained": {"conv1": 0.2, "conv2": 0.4}, "random": {"conv1": 0.1, "conv2": 0.1}}, 0.1, ("layer", "accuracy")
    ).axes[0]
    assert [line.get_label() for line in axes.lines] == ["trained", "random", "chance"]
    assert list(axes.lines[0].get_ydata()) == [0.2, 0.4]


def test_neighbours_lie_together() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 12)
    features_ND = labels[:, None] * 20 + rng.standard_normal((24, 5))
    axes = plots.neighbourhood(features_ND, labels, ["rain", "dog"], seed=0).axes[0]
    clouds = [np.asarray(collection.get_offsets()) for collection in axes.collections]
    spread = max(np.linalg.norm(cloud - cloud.mean(0), axis=1).max() for cloud in clouds)
    assert np.linalg.norm(clouds[0].mean(0) - clouds[1].mean(0)) > spread


def test_features_that_are_all_alike_are_one_place() -> None:
    axes = plots.neighbourhood(np.ones((6, 4)), np.array([0, 0, 0, 1, 1, 1]), ["rain", "dog"], seed=0).axes[0]
    assert not any(np.asarray(collection.get_offsets()).any() for collection in axes.collections)


def test_spectrograms_show_low_sounds_below_and_high_sounds_above() -> None:
    time_T = np.arange(8000) / 8000
    tones = [Audio(np.sin(2 * np.pi * f * time_T).astype(np.float32)[None], 8000) for f in (200, 3000)]
    figure = plots.spectrograms([("low", tones[0]), ("high", tones[1])])
    low, high = (axes.images[0].get_array().mean(1).argmax() for axes in figure.axes)
    assert low < 12 < 45 < high

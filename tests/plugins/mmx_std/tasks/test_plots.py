from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmx_std.tasks import plots


def pixels(figure: Any) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def test_a_canvas_has_the_asked_size_and_is_kept_by_nobody() -> None:
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

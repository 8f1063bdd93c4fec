from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmx_speech2face.evaluation.retrieval import SIMILARITY, angles, closeness

RNG = np.random.default_rng(0)


def test_closeness_is_each_distance_by_its_definition() -> None:
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))
    for i, j in itertools.product(range(3), range(5)):
        assert closeness(a, b, "l1")[i, j] == pytest.approx(-sum(abs(a[i] - b[j])))
        assert closeness(a, b, "l2")[i, j] == pytest.approx(-np.sqrt(sum((a[i] - b[j]) ** 2)))
        cosine = a[i] @ b[j] / np.sqrt((a[i] @ a[i]) * (b[j] @ b[j]))
        assert closeness(a, b, "cos")[i, j] == pytest.approx(cosine)


def test_similarity_is_of_normalised_features() -> None:
    a, b = np.array([[3.0, 0], [0, 2]]), np.array([[0.0, 5], [0, 7]])
    assert angles(a, b) == pytest.approx([90, 0])
    assert SIMILARITY["l2_distance"](a, b) == pytest.approx([np.sqrt(2), 0])
    assert SIMILARITY["l1_distance"](a, b) == pytest.approx([2, 0])

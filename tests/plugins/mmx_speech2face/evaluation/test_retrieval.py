from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmx_speech2face.evaluation.retrieval import SIMILARITY, angles, closeness, recalls

RNG = np.random.default_rng(0)


def test_closeness_is_each_distance_by_its_definition() -> None:
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))
    for i, j in itertools.product(range(3), range(5)):
        assert closeness(a, b, "l1")[i, j] == pytest.approx(-sum(abs(a[i] - b[j])))
        assert closeness(a, b, "l2")[i, j] == pytest.approx(-np.sqrt(sum((a[i] - b[j]) ** 2)))
        cosine = a[i] @ b[j] / np.sqrt((a[i] @ a[i]) * (b[j] @ b[j]))
        assert closeness(a, b, "cos")[i, j] == pytest.approx(cosine)


def test_recall_in_the_full_gallery_is_a_share_of_ranks() -> None:
    scores = np.array([[3.0, 1, 2], [5, 4, 1], [9, 8, 1]])
    right = np.arange(3)
    assert recalls(scores, right, 1).tolist() == [1, 0, 0]
    assert recalls(scores, right, 2).tolist() == [1, 1, 0]
    assert recalls(scores, right, 3).tolist() == [1, 1, 1]


def test_recall_in_small_galleries_is_the_mean_over_all_of_them() -> None:
    scores = RNG.normal(size=(6, 6)) + np.eye(6)
    for gallery, k in itertools.product((2, 3, 4), (1, 2)):
        found = recalls(scores, np.arange(6), k, gallery)
        for query in range(6):
            hits = [
                sum(scores[query, other] > scores[query, query] for other in others) < k
                for others in itertools.combinations([o for o in range(6) if o != query], gallery - 1)
            ]
            assert found[query] == pytest.approx(np.mean(hits))


def test_a_model_that_scores_everything_alike_gets_exactly_chance() -> None:
    for k in (1, 2, 5):
        assert recalls(np.zeros((20, 20)), np.arange(20), k, 10) == pytest.approx(np.full(20, k / 10))


def test_one_order_for_everybody_is_chance_on_average() -> None:
    """The mean-face predictor asks the same of all: everybody's face is somewhere in one order."""
    scores = np.tile(RNG.normal(size=20), (20, 1))
    assert recalls(scores, np.arange(20), 3, 10).mean() == pytest.approx(0.3)


def test_galleries_of_a_group_hold_nobody_else() -> None:
    scores = np.array([[1.0, 9, 0, 0], [0, 1, 0, 0], [9, 0, 1, 0], [0, 0, 0, 1]])
    group = np.array([0, 1, 0, 1])
    among = group[:, None] == group[None]
    assert recalls(scores, np.arange(4), 1, 2, among).tolist() == [1, 1, 0, 1]
    assert np.isnan(recalls(scores, np.arange(4), 1, 3, among)).all(), "too few for a gallery of three"


def test_similarity_is_of_normalised_features() -> None:
    a, b = np.array([[3.0, 0], [0, 2]]), np.array([[0.0, 5], [0, 7]])
    assert angles(a, b) == pytest.approx([90, 0])
    assert SIMILARITY["l2_distance"](a, b) == pytest.approx([np.sqrt(2), 0])
    assert SIMILARITY["l1_distance"](a, b) == pytest.approx([2, 0])

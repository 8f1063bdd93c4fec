from __future__ import annotations

from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest

from mmx_std.tasks import metrics

RANDOM = np.random.default_rng(0)


def tied_scores(rows: int, columns: int) -> np.ndarray:
    """Scores of few different values, so that ties are everywhere."""
    return RANDOM.integers(0, 3, (rows, columns)).astype(float)


def test_accuracies_and_confusions_by_counting() -> None:
    truth, predicted = RANDOM.integers(0, 4, 50), RANDOM.integers(0, 5, 50)
    truth[truth == 2] = 1  # class 2 never occurs
    matrix = [
        [sum(t == i and p == j for t, p in zip(truth, predicted, strict=True)) for j in range(5)] for i in range(5)
    ]
    assert metrics.confusion_matrix(truth, predicted, 5).tolist() == matrix
    assert metrics.accuracy(truth, predicted) == pytest.approx(sum(matrix[i][i] for i in range(5)) / 50)
    shares = [matrix[i][i] / sum(matrix[i]) for i in (0, 1, 3)]
    assert metrics.balanced_accuracy(truth, predicted) == pytest.approx(sum(shares) / 3)


def test_nothing_to_judge_is_not_a_number() -> None:
    assert np.isnan(metrics.accuracy([], []))
    assert np.isnan(metrics.balanced_accuracy([], []))
    assert np.isnan(metrics.recall_at_k(np.zeros((2, 3)), np.zeros((2, 3)), 1))
    assert np.isnan(metrics.median_rank(np.zeros((2, 3)), np.zeros((2, 3))))


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    truth, scores = RANDOM.integers(0, 2, (30, 4)), tied_scores(30, 4)
    truth[:, 2], truth[:, 3] = 0, 1
    aucs = metrics.auc_per_class(truth, scores)
    for index in (0, 1):
        wins = [
            (scores[i, index] > scores[j, index]) + 0.5 * (scores[i, index] == scores[j, index])
            for i in range(30)
            for j in range(30)
            if truth[i, index] and not truth[j, index]
        ]
        assert aucs[index] == pytest.approx(np.mean(wins))
    assert np.isnan(aucs[2:]).all()


def test_average_precision_by_lowering_the_threshold() -> None:
    truth, scores = RANDOM.integers(0, 2, (30, 3)), tied_scores(30, 3)
    truth[:, 2] = 0
    found = metrics.average_precision_per_class(truth, scores)
    for index in (0, 1):
        expected = recall_before = 0.0
        for threshold in sorted(set(scores[:, index]), reverse=True):
            taken = scores[:, index] >= threshold
            hits = sum(truth[taken, index])
            recall = hits / sum(truth[:, index])
            expected += (recall - recall_before) * hits / sum(taken)
            recall_before = recall
        assert found[index] == pytest.approx(expected)
    assert np.isnan(found[2])


def every_order(scores: np.ndarray) -> list[tuple[int, ...]]:
    """All orders of the candidates that the scores allow."""
    return [
        order for order in permutations(range(len(scores))) if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_ranks_and_recalls_are_averages_over_the_orders_of_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, positives = random.integers(0, 3, (6, 5)).astype(float), random.random((6, 5)) < 0.4
    positives[0] = False
    ranks = metrics.first_ranks(scores, positives)
    for row in range(6):
        first = [
            next((place for place, item in enumerate(order, 1) if positives[row, item]), np.nan)
            for order in every_order(scores[row])
        ]
        assert ranks[row] == pytest.approx(np.mean(first), nan_ok=True)
        for k in (1, 2, 4, 9):
            expected = np.nan if np.isnan(first[0]) else np.mean([place <= k for place in first])
            assert metrics.recalls_at_k(scores, positives, k)[row] == pytest.approx(expected, nan_ok=True)
    judged = ranks[positives.any(axis=1)]
    assert metrics.median_rank(scores, positives) == pytest.approx(np.median(judged))


def test_without_ties_it_is_the_plain_rank() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.3, 0.1]])
    own = np.array([[1, 0, 0], [0, 1, 0]])
    assert metrics.first_ranks(scores, own).tolist() == [3.0, 1.0]
    assert metrics.recalls_at_k(scores, own, 1).tolist() == [0.0, 1.0]
    assert metrics.median_rank(scores, own) == 2.0


@pytest.mark.parametrize("fill", [0.0, np.nan])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_a_model_that_scores_everything_the_same_gets_exactly_chance(fill: float, k: int) -> None:
    positives = RANDOM.random((8, 10)) < 0.3
    positives[:, 0] |= ~positives.any(axis=1)
    scores = np.full((8, 10), fill)
    assert metrics.recall_at_k(scores, positives, k) == pytest.approx(metrics.chance_recall_at_k(positives, k))
    assert metrics.median_rank(scores, np.eye(8, 10)) == metrics.chance_median_rank(np.eye(8, 10)) == 5.5
    assert metrics.chance_recall_at_k(np.eye(10), min(k, 10)) == pytest.approx(min(k, 10) / 10)


def test_the_chance_of_the_median_rank_is_the_median_of_random_orders() -> None:
    positives = np.zeros((40, 60), dtype=bool)
    for query, count in enumerate([1] * 10 + [3] * 20 + [12] * 10):
        positives[query, :count] = True
    ranks = [metrics.first_ranks(RANDOM.random(positives.shape), positives) for _ in range(400)]
    assert metrics.chance_median_rank(positives) == pytest.approx(np.median(ranks), abs=1)
    assert metrics.chance_median_rank(np.ones((1, 5))) == 1.0
    # three of five: first with 6/10, so the median is 1, where the mean is 1.5
    assert metrics.chance_median_rank([[1, 1, 1, 0, 0]]) == 1.0
    # two of four: first with 1/2, second with 1/3
    assert metrics.chance_median_rank([[1, 1, 0, 0]]) == 1.5
    assert np.isnan(metrics.chance_median_rank(np.zeros((2, 3))))


def test_not_a_number_is_never_retrieved() -> None:
    scores = np.array([[np.nan, -np.inf, 0.0], [np.nan, 1.0, -1e300]])
    assert metrics.first_ranks(scores, [[1, 0, 0], [1, 0, 0]]).tolist() == [2.5, 3.0]


def test_class_match_by_hand() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    matches = metrics.class_matches(scores, ["dog", "cat", "cat"], ["dog", "cat", "owl"])
    assert matches.tolist() == [1.0, 0.5, 0.0]
    assert metrics.chance_class_match(["dog", "cat", "cat"], ["dog", "cat", "owl"]) == pytest.approx(1 / 3)


def test_equal_marks_are_of_known_items_alone() -> None:
    equal_NN = metrics.equal_marks(["a", "b", "a", None, -1, "", None])
    assert np.argwhere(equal_NN).tolist() == [[0, 0], [0, 2], [1, 1], [2, 0], [2, 2]]


def test_recall_in_the_full_gallery_is_a_share_of_ranks() -> None:
    scores = np.array([[3.0, 1, 2], [5, 4, 1], [9, 8, 1]])
    right = np.eye(3, dtype=bool)
    assert metrics.recalls_in_galleries(scores, right, 1).tolist() == [1, 0, 0]
    assert metrics.recalls_in_galleries(scores, right, 2).tolist() == [1, 1, 0]
    assert metrics.recalls_in_galleries(scores, right, 3).tolist() == [1, 1, 1]


def test_recall_in_small_galleries_is_the_mean_over_all_of_them() -> None:
    scores = RANDOM.normal(size=(6, 6)) + np.eye(6)
    for gallery, k in product((2, 3, 4), (1, 2)):
        found = metrics.recalls_in_galleries(scores, np.eye(6, dtype=bool), k, gallery)
        for query in range(6):
            hits = [
                sum(scores[query, other] > scores[query, query] for other in others) < k
                for others in combinations([o for o in range(6) if o != query], gallery - 1)
            ]
            assert found[query] == pytest.approx(np.mean(hits))


def test_a_model_that_scores_everything_alike_gets_exactly_chance() -> None:
    for k in (1, 2, 5):
        assert metrics.recalls_in_galleries(np.zeros((20, 20)), np.eye(20, dtype=bool), k, 10) == pytest.approx(
            np.full(20, k / 10)
        )


def test_one_order_for_everybody_is_chance_on_average() -> None:
    """The mean-face predictor asks the same of all: everybody's face is somewhere in one order."""
    scores = np.tile(RANDOM.normal(size=20), (20, 1))
    assert metrics.recalls_in_galleries(scores, np.eye(20, dtype=bool), 3, 10).mean() == pytest.approx(0.3)


def test_galleries_of_a_group_hold_nobody_else() -> None:
    scores = np.array([[1.0, 9, 0, 0], [0, 1, 0, 0], [9, 0, 1, 0], [0, 0, 0, 1]])
    group = np.array([0, 1, 0, 1])
    among = group[:, None] == group[None]
    assert metrics.recalls_in_galleries(scores, np.eye(4, dtype=bool), 1, 2, among).tolist() == [1, 1, 0, 1]
    assert np.isnan(metrics.recalls_in_galleries(scores, np.eye(4, dtype=bool), 1, 3, among)).all(), (
        "too few for a gallery of three"
    )

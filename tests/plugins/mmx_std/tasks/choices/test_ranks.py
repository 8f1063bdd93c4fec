"""Reciprocal ranks and gains, recounted by hand and over all orders of the tied."""

from __future__ import annotations

from itertools import permutations
from math import log2

import numpy as np
import pytest

from mmx_std.tasks.choices.ranks import gains, reciprocal_ranks, truths


def by_all_orders(scores: list[float], right: int) -> float:
    """The mean of 1 / rank over every order of the candidates, stably sorted by score."""
    orders = list(permutations(range(len(scores))))
    ranks = [1 + sorted(order, key=lambda place: -scores[place]).index(right) for order in orders]
    return float(np.mean([1 / rank for rank in ranks]))


@pytest.mark.parametrize(
    ("scores", "right"), [([3, 2, 1, 0], 1), ([1, 1, 1, 0], 2), ([0, 5, 0, 0], 0), ([2, 2, 2, 2], 3), ([1, 2, 2, 3], 1)]
)
def test_reciprocal_ranks(scores: list[float], right: int) -> None:
    found = reciprocal_ranks(np.array([scores], float), truths([right], 4))
    assert found[0] == pytest.approx(by_all_orders(scores, right))


def test_what_is_not_a_number_comes_last() -> None:
    scores = np.array([[np.nan, 1.0, 0.0], [0.5, 1.0, -np.inf]])
    assert reciprocal_ranks(scores, truths([0, 0], 3)).tolist() == [pytest.approx(1 / 3), 0.5]


def test_gains_by_hand() -> None:
    # Three of four are relevant, so three places count; the order by score is 2, 0, 3, 1.
    relevance = [0.2, 1.0, 0.6, 0.0]
    got = 0.6 / log2(2) + 0.2 / log2(3) + 0.0 / log2(4)
    best = 1.0 / log2(2) + 0.6 / log2(3) + 0.2 / log2(4)
    found = gains(np.array([[3.0, 1.0, 4.0, 2.0]]), np.array([relevance]))
    assert found[0] == pytest.approx(got / best)


def test_gains_of_ties_are_those_of_all_orders() -> None:
    scores, relevance = [1.0, 1.0, 2.0, 1.0], [1.0, 0.0, 0.5, 0.25]
    every = [
        gains(np.array([[s + 0.01 * order[k] for k, s in enumerate(scores)]]), np.array([relevance]))[0]
        for order in permutations(range(4))
    ]
    assert gains(np.array([scores]), np.array([relevance]))[0] == pytest.approx(float(np.mean(every)))


def test_nothing_relevant_has_no_gain_and_missing_candidates_take_no_place() -> None:
    assert np.isnan(gains(np.array([[1.0, 2.0]]), np.zeros((1, 2)))[0])
    short = gains(np.array([[1.0, 2.0, -np.inf]]), np.array([[1.0, 0.5, 0.0]]))
    assert short[0] == pytest.approx((0.5 + 1 / log2(3)) / (1 + 0.5 / log2(3)))

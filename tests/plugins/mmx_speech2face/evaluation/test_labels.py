from __future__ import annotations

import numpy as np
import pytest

from mmx_speech2face.evaluation.labels import (
    Labelled,
    accuracy_metrics,
    agreement,
    expected,
    kappa,
    label_metrics,
    rank_correlation,
)

RNG = np.random.default_rng(0)


def test_agreement_is_with_the_portrait_and_chance_is_that_of_independent_labels() -> None:
    portrait, same = np.array([0, 0, 0, 1]), np.zeros(4, int)
    told = Labelled("sex", portrait, np.array([0, 0, 1, 1]), same, {"mean_face": same}, {"face_features": portrait})
    metric, beyond = label_metrics(told, ordered=False, seed=0)
    assert (metric.name, metric.value, metric.untrained) == ("sex_agreement", 0.75, 0.75)
    assert metric.chance == pytest.approx(0.75 * 0.5 + 0.25 * 0.5)
    assert metric.controls == {"commonest": 0.75, "mean_face": 0.75}
    assert metric.references == {"face_features": 1.0}
    assert (beyond.name, beyond.chance) == ("sex_kappa", 0.0)
    assert beyond.value == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    assert (beyond.untrained, beyond.references["face_features"]) == (0.0, 1.0)


def test_order_is_seen_where_exact_classes_are_missed() -> None:
    portrait, own = np.array([0, 1, 2, 3, 4, 5]), np.array([2, 2, 3, 3, 4, 4])
    told = Labelled("age", portrait, own, np.full(6, 3), {"other_voice": own[::-1]}, {"face_features": portrait})
    metric = list(label_metrics(told, ordered=True, seed=0))[-1]
    ranks = np.array([1.5, 1.5, 3.5, 3.5, 5.5, 5.5])
    assert (metric.name, metric.value) == ("age_correlation", pytest.approx(np.corrcoef(ranks, portrait)[0, 1]))
    assert (metric.chance, metric.untrained) == (0.0, 0.0)
    assert metric.controls["other_voice"] == pytest.approx(-metric.value)
    assert metric.references == {"face_features": pytest.approx(1.0)}


def test_independent_labels_agree_by_chance_whatever_their_shares() -> None:
    one, other = RNG.choice(3, 4000, p=[0.1, 0.2, 0.7]), RNG.choice(3, 4000, p=[0.6, 0.3, 0.1])
    assert agreement(one, other) == pytest.approx(expected(one, other), abs=0.02)
    assert kappa(one, other) == pytest.approx(0.0, abs=0.03)
    assert rank_correlation(one, other) == pytest.approx(0.0, abs=0.05)


def test_kappa_is_below_zero_where_labels_avoid_each_other_and_zero_for_constants() -> None:
    one = np.array([0, 1, 0, 1])
    assert kappa(one, 1 - one) == pytest.approx(-1.0)
    assert kappa(np.zeros(4, int), np.zeros(4, int)) == 0.0


def test_intervals_are_over_people_and_hold_the_value() -> None:
    portrait = RNG.integers(0, 3, 300)
    own = np.where(RNG.random(300) < 0.4, portrait, RNG.integers(0, 3, 300))
    for metric in label_metrics(Labelled("build", portrait, own, own[::-1], {}, {}), ordered=True, seed=1):
        low, high = metric.ci95
        assert low < metric.value < high
        assert low > metric.chance, "the labels have something to do with each other"
        assert high - low < 0.25


def test_accuracy_of_what_is_told() -> None:
    told = {"sex": np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), "unknown": np.zeros((3, 2))}
    (metric,) = accuracy_metrics(told, {"sex": np.array([0, 1, 1])})
    assert metric.name == "told_sex_accuracy"
    assert metric.value == pytest.approx(2 / 3)
    assert metric.chance == pytest.approx(2 / 3)

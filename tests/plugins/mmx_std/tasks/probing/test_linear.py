"""Linear probe: folds, windows, and what it can and cannot separate."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from mmx.errors import DataError
from mmx_std.tasks.probing.linear import Fold, judge, majority, official_folds, shuffled_folds

CLASSES, PER_CLASS = 4, 12


def data(signal: float, windows: int = 1, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    centres = rng.normal(size=(CLASSES, 6))
    return [signal * centres[label] + rng.normal(size=(windows, 6)) for label in labels], labels


def singles(labels: np.ndarray) -> list[str]:
    return [str(number) for number in range(len(labels))]


def test_folds_divide_the_items_and_keep_recordings_together() -> None:
    _, labels = data(1.0)
    groups = [f"{label}-{number // 3}" for label in range(CLASSES) for number in range(PER_CLASS)]
    plan = shuffled_folds(labels, groups, folds=4, repeats=3, seed=0)
    assert len(plan) == 3
    for folds in plan:
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(labels)))
        for fold in folds:
            assert not {groups[row] for row in fold.train} & {groups[row] for row in fold.test}
            assert set(labels[fold.train]) == set(range(CLASSES))
    assert any((a.test.tolist() != b.test.tolist()) for a, b in zip(plan[0], plan[1], strict=True))
    again = shuffled_folds(labels, groups, folds=4, repeats=3, seed=0)
    assert all((a.test == b.test).all() for x, y in zip(plan, again, strict=True) for a, b in zip(x, y, strict=True))


def test_too_few_items_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        shuffled_folds(np.array([0, 0, 1]), ["a", "b", "c"], folds=2, repeats=1, seed=0)


def test_official_folds_are_kept() -> None:
    [folds] = official_folds(np.array([0, 1, -1, 1]))
    assert [(fold.train.tolist(), fold.test.tolist()) for fold in folds] == [([1, 2, 3], [0]), ([0, 2], [1, 3])]
    with pytest.raises(DataError, match="folds"):
        official_folds(np.array([-1, -1]))


def test_accuracy_is_that_of_the_classifier_fitted_by_hand() -> None:
    items, labels = data(0.8)
    fold = Fold(np.arange(0, 48, 2), np.arange(1, 48, 2))
    result = judge(items, labels, [[fold]])
    features = np.concatenate(items)
    mean, scale = features[fold.train].mean(0), features[fold.train].std(0)
    machine = LinearSVC(C=0.01, random_state=0).fit((features[fold.train] - mean) / scale, labels[fold.train])
    expected = machine.predict((features[fold.test] - mean) / scale)
    np.testing.assert_array_equal(result.guesses[0, fold.test], expected)
    assert (result.guesses[0, fold.train] == -1).all()
    assert result.accuracy == pytest.approx((expected == labels[fold.test]).mean())
    assert result.confusion(CLASSES).sum() == len(fold.test)
    assert np.trace(result.confusion(CLASSES)) == pytest.approx(result.accuracy * len(fold.test))


def test_windows_vote_with_their_mean_decision() -> None:
    one, labels = data(0.4, windows=1, seed=1)
    many, _ = data(0.4, windows=9, seed=1)
    plan = shuffled_folds(labels, singles(labels), folds=4, repeats=2, seed=0)
    assert judge(many, labels, plan).accuracy > judge(one, labels, plan).accuracy + 0.1


def test_noise_stays_at_chance_and_signal_does_not() -> None:
    plan = shuffled_folds(data(0.0)[1], singles(data(0.0)[1]), folds=4, repeats=5, seed=0)
    assert judge(*data(0.0), plan).accuracy < 0.45
    assert judge(*data(3.0), plan).accuracy > 0.95


def test_regularisation_is_chosen_without_the_judged_items() -> None:
    items, labels = data(1.0)
    fold = Fold(np.arange(0, 48, 2), np.arange(1, 48, 2))
    chosen = judge(items, labels, [[fold]], regularisation=None)
    poisoned = [item if row % 2 == 0 else item * 1e3 for row, item in enumerate(items)]
    assert judge(poisoned, labels, [[fold]], regularisation=None).regularisations == chosen.regularisations
    assert len(chosen.regularisations) == 1


def test_two_classes_have_one_decision_value_each() -> None:
    items, labels = data(3.0)
    keep = np.flatnonzero(labels < 2)
    fold = Fold(np.arange(0, 24, 2), np.arange(1, 24, 2))
    assert judge([items[row] for row in keep], labels[keep], [[fold]]).accuracy == 1.0


def test_a_class_that_was_never_learnt_is_never_named() -> None:
    items, labels = data(1.0)
    fold = Fold(np.flatnonzero(labels != 3)[::2], np.flatnonzero(labels == 3))
    result = judge(items, labels, [[fold]])
    assert 3 not in result.guesses[0, fold.test]
    assert result.accuracy == 0.0


def test_majority_is_counted_on_training_items() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    fold = Fold(np.array([0, 1, 2, 3]), np.array([4, 5, 6]))
    assert majority(labels, [[fold]]) == 0.0
    assert majority(labels, [[Fold(np.array([3, 4, 5]), np.array([0, 6]))]]) == 0.5

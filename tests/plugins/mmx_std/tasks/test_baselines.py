"""Simple methods: they find what is planted, and nothing of the test items but their values."""

from __future__ import annotations

import inspect
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmx.types import Sample
from mmx_std.tasks import baselines
from tests.plugins.mmx_std.judges import Listed

RNG = np.random.default_rng(0)
Blocks = dict[str, tuple[NDArray[Any], NDArray[Any]]]


def blocks(values_ND: NDArray[Any], learnt: int) -> Blocks:
    return {"planted": (values_ND[:learnt], values_ND[learnt:])}


def test_a_planted_line_is_found() -> None:
    values_ND = RNG.normal(size=(300, 10))
    truth_N2 = values_ND[:, :2] @ np.array([[2.0, -1.0], [0.5, 3.0]]) + 4 + 0.05 * RNG.normal(size=(300, 2))
    found = baselines.regress(blocks(values_ND, 200), truth_N2[:200])["ridge_planted"]
    assert np.abs(found - truth_N2[200:]).max() < 0.4
    shaped = baselines.regress(blocks(values_ND, 200), truth_N2[:200].reshape(200, 2, 1))["ridge_planted"]
    assert shaped.shape == (100, 2, 1)


def test_wide_features_have_the_same_line() -> None:
    """More features than items: the dual form gives what the primal one does."""
    values_ND, targets_M1 = RNG.normal(size=(60, 80)), RNG.normal(size=(40, 1))
    centred = values_ND[:40] - values_ND[:40].mean(0)
    weight = np.linalg.solve(centred.T @ centred + 40 * 0.1 * np.eye(80), centred.T @ (targets_M1 - targets_M1.mean()))
    expected = (values_ND[40:] - values_ND[:40].mean(0)) @ weight + targets_M1.mean()
    assert baselines._ridge(values_ND[:40], targets_M1, values_ND[40:], 0.1) == pytest.approx(expected)


def test_planted_classes_are_found() -> None:
    labels_N = RNG.integers(0, 3, 240)
    values_ND = RNG.normal(size=(240, 6)) + 3 * np.eye(6)[labels_N]
    found = baselines.classify(blocks(values_ND, 160), labels_N[:160])
    assert set(found) == {"nearest_neighbours_planted", "logistic_regression_planted"}
    for guesses_N in found.values():
        assert (guesses_N == labels_N[160:]).mean() > 0.85


def test_settings_are_chosen_on_items_that_were_not_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of noisy labels one neighbour is always right where it was learnt, and several are better elsewhere."""
    generator = np.random.default_rng(1)
    labels_N = generator.integers(0, 2, 600)
    values_ND = 1.2 * np.eye(2)[labels_N] + generator.normal(size=(600, 2))

    def accuracy() -> float:
        found = baselines.classify(blocks(values_ND, 300), labels_N[:300])["nearest_neighbours_planted"]
        return float((found == labels_N[300:]).mean())

    several = accuracy()
    monkeypatch.setattr(baselines, "NEIGHBOURS", (1,))
    assert several > accuracy() + 0.03


def test_pairs_with_a_common_cause_find_each_other() -> None:
    """Two sides see four common numbers through unlike maps, beside noise of their own."""
    common = RNG.normal(size=(500, 4))
    a_ND = np.concatenate([common @ RNG.normal(size=(4, 20)), RNG.normal(size=(500, 10))], 1)
    b_ND = np.concatenate([common @ RNG.normal(size=(4, 30)), RNG.normal(size=(500, 10))], 1)
    found = baselines.match(blocks(a_ND, 400), blocks(b_ND, 400))
    hits = {name: (scores_NN.argmax(1) == np.arange(100)).mean() for name, scores_NN in found.items()}
    assert hits["cca"] > 0.8
    assert hits["nearest_neighbour"] > 0.1
    unlike = baselines.match(blocks(a_ND, 400), blocks(RNG.normal(size=(500, 30)), 400))
    assert (unlike["cca"].argmax(1) == np.arange(100)).mean() < 0.1


def test_no_function_is_told_the_truth_of_the_test_items() -> None:
    """Labels are those of the training items: other numbers do not fit, so that test labels cannot come in."""
    for function in (baselines.classify, baselines.regress, baselines.match):
        assert not {"test_labels", "truth"} & set(inspect.signature(function).parameters)
    with pytest.raises((ValueError, IndexError)):
        baselines.classify(blocks(np.zeros((6, 2)), 4), [0, 1, 0, 1, 0, 1])


def test_test_items_are_predicted_one_by_one() -> None:
    """Half of the test items, or in another order, and each prediction is the same: settings come from training."""
    labels_N = RNG.integers(0, 3, 90)
    values_ND = RNG.normal(size=(90, 5)) + np.eye(5)[labels_N]
    order = RNG.permutation(30)[:15]
    whole = blocks(values_ND, 60)
    part = {"planted": (values_ND[:60], values_ND[60:][order])}
    for name, guesses_N in baselines.classify(whole, labels_N[:60]).items():
        assert (baselines.classify(part, labels_N[:60])[name] == guesses_N[order]).all()
    for name, found in baselines.regress(whole, values_ND[:60, 0]).items():
        assert baselines.regress(part, values_ND[:60, 0])[name] == pytest.approx(found[order])
    for name, scores_NN in baselines.match(whole, whole).items():
        assert baselines.match(part, part)[name] == pytest.approx(scores_NN[np.ix_(order, order)])


def test_shuffled_training_labels_teach_nothing() -> None:
    labels_N = np.arange(300) % 2
    values_ND = RNG.normal(size=(300, 4)) + 3 * np.eye(4)[labels_N]
    for guesses_N in baselines.classify(blocks(values_ND, 200), RNG.permutation(labels_N[:200])).values():
        assert 0.2 < (guesses_N == labels_N[200:]).mean() < 0.8


def test_simple_methods_learn_from_split_train_alone() -> None:
    whole = Listed({name: [Sample(f"{name} {n}", {}, {}) for n in range(6)] for name in ("train", "val", "test")}, {})
    assert [sample.id for sample in baselines.learnable(whole, 3)] == ["train 0", "train 2", "train 4"]
    assert [sample.id for sample in baselines.learnable(whole)] == [f"train {n}" for n in range(6)]
    assert len(baselines.learnable(Listed({"test": whole.split("test")}, {}))) == 0, "nothing else is learnt from"


def test_items_of_one_group_stay_in_one_fold() -> None:
    groups = np.repeat(list("abcdefgh"), 3)
    folds = baselines._folds(24, groups)
    assert len(folds) > 1
    assert all(not set(groups[a]) & set(groups[b]) for a, b in folds)
    assert sorted(row for _, held_out in folds for row in held_out) == list(range(24))


def test_every_method_keeps_groups_together_when_it_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MOST", 20)  # groups are thinned as their items are
    groups = [f"recording {row // 2}" for row in range(40)]
    given: list[Any] = []
    folds = baselines._folds
    monkeypatch.setattr(baselines, "_folds", lambda count, names: given.append(names) or folds(count, names))
    found = blocks(RNG.normal(size=(50, 4)), 40)
    baselines.classify(found, RNG.integers(0, 2, 40), groups)
    baselines.regress(found, RNG.normal(size=40), groups)
    baselines.match(found, found, groups)
    assert given == [groups[::2]] * 3


def test_what_never_varies_is_no_feature() -> None:
    labels = [0, 1, 0, 1, 0]
    constant = np.ones((8, 2))
    constant[6] = 5
    found = baselines.classify(blocks(constant, 5), labels)
    assert all(set(guesses_N.tolist()) <= {0, 1} for guesses_N in found.values())
    assert set(baselines.classify(blocks(np.eye(4), 3), [1, 1, 1])["logistic_regression_planted"].tolist()) == {1}


def test_the_default_sizes_cost_seconds_and_repeat() -> None:
    """1500 training and 500 test items of 200 statistics and 10 classes: under ten seconds of CPU."""
    labels_N = RNG.integers(0, 10, 2000)
    values_ND = RNG.normal(size=(2000, 200)) + 0.3 * RNG.normal(size=(10, 200))[labels_N]
    begun = time.process_time()
    first = baselines.classify(blocks(values_ND, 1500), labels_N[:1500])
    pairs = baselines.match(blocks(values_ND, 1500), blocks(values_ND[:, :100], 1500))
    assert time.process_time() - begun < 20, "twice the goal: another machine may be slower"
    second = baselines.classify(blocks(values_ND, 1500), labels_N[:1500])
    assert all((first[name] == second[name]).all() for name in first)
    assert pairs["cca"].shape == (500, 500)
    assert len(baselines.evenly(4000, 1500)) == 1500 and baselines.evenly(3, 1500).tolist() == [0, 1, 2]


def test_sides_that_never_met_are_found_through_the_one_between() -> None:
    """Classes 0..4 in three codings; training items of a and between, and others of between and b, share no item."""
    codes = [RNG.normal(size=(5, 12)) for _ in range(3)]

    def coded(side: int, labels: NDArray[Any]) -> NDArray[Any]:
        return codes[side][labels] + 0.05 * RNG.normal(size=(len(labels), 12))

    first, second, test = (RNG.integers(5, size=count) for count in (60, 50, 30))
    found = baselines.chained(
        {"x": (coded(0, first), coded(0, test))},
        {"x": (coded(1, first), coded(1, second))},
        {"x": (coded(2, second), codes[2])},
    )
    assert found.shape == (30, 5) and (found.argmax(1) == test).all()
    shuffled = baselines.chained(
        {"x": (coded(0, first), coded(0, test))},
        {"x": (coded(1, RNG.permutation(first)), coded(1, second))},
        {"x": (coded(2, second), codes[2])},
    )
    assert (shuffled.argmax(1) == test).mean() < 0.7

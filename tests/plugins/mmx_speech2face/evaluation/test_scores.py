from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx_speech2face.evaluation.measures import Correlation
from mmx_speech2face.evaluation.scores import (
    Guesses,
    craniofacial_metrics,
    group_metric,
    portrait_metric,
    recall_metrics,
    same,
    similarity_metrics,
)

RNG = np.random.default_rng(0)
FACES = RNG.normal(size=(40, 5))


def guesses(own: np.ndarray) -> Guesses:
    mean = np.tile(FACES.mean(0), (40, 1))
    return Guesses(own, RNG.normal(size=(40, 5)), {"mean_face": mean}, {"perfect_listener": FACES})


def test_recalls_stand_beside_chance_untrained_controls_and_ceilings() -> None:
    metrics = list(recall_metrics(guesses(FACES), FACES, {"best_ranking": np.eye(40)}, 10, "cos", 0))
    first = metrics[0]
    assert first.name == "recall_at_1_of_10"
    assert (first.value, first.chance) == (1.0, 0.1)
    assert first.references == {"perfect_listener": 1.0, "best_ranking": 1.0}
    assert first.controls["mean_face"] == pytest.approx(0.1)
    assert first.untrained < 0.4
    by_name = {metric.name: metric for metric in metrics}
    assert by_name["recall_at_10"].chance == pytest.approx(10 / 40)
    assert {"l1_recall_at_1_of_10", "l2_recall_at_1", "recall_at_5"} <= set(by_name)
    assert not any(metric.paper for metric in by_name.values()), "the paper's recalls are known from memory only"


def test_baselines_are_paired_over_people() -> None:
    """Everybody is in the split twice: 20 people, not 40 items."""
    people = [str(place // 2) for place in range(40)]
    given = replace(guesses(FACES), baselines={"equal": FACES, "noise": RNG.normal(size=(40, 5))}, people=people)
    first = next(iter(recall_metrics(given, FACES, {}, 10, "cos", 0)))
    assert (first.units, first.unit) == (20, "people")
    assert first.baselines["equal"] == 1.0
    assert first.gaps["baseline equal"][0] < 0
    assert first.gaps["baseline noise"][0] > 0.3


def test_a_small_split_is_its_own_gallery() -> None:
    names = [metric.name for metric in recall_metrics(guesses(FACES), FACES, {}, 100, "l2", 0)]
    assert names[0] == "recall_at_1_of_40"
    assert "recall_at_1" not in names, "the full gallery is the same one"


def test_groups_have_galleries_of_their_own_size() -> None:
    among = same([np.arange(40) % 2])
    metric = group_metric("same_sex", guesses(FACES), FACES, among, 100, "cos", 0)
    assert metric.name == "recall_at_1_of_20_same_sex"
    assert metric.chance == pytest.approx(1 / 20)
    assert group_metric("alone", guesses(FACES), FACES, same([np.arange(40)]), 100, "cos", 0) is None


def test_similarity_is_lower_for_the_better() -> None:
    for metric in similarity_metrics(guesses(FACES + 0.1 * RNG.normal(size=FACES.shape)), FACES, 0):
        assert metric.better == "lower"
        assert metric.references["perfect_listener"] == pytest.approx(0, abs=1e-4)
        assert 0 < metric.value < metric.untrained


def test_the_mean_correlation_leads() -> None:
    one_N3 = RNG.normal(size=(400, 3))
    pairs = [np.stack([one_N3[:, 0], 0.4 * one_N3[:, 0] + 0.84**0.5 * one_N3[:, k]], 1) for k in (1, 2)]
    each = [float(np.corrcoef(pair.T)[0, 1]) for pair in pairs]
    found = {
        "a": Correlation(each[0], 0.01, 0.0, 0.1, 0.9, pairs[0]),
        "b": Correlation(each[1], 0.2, 0.02, 0.1, 0.7, pairs[1]),
    }
    (metric,) = craniofacial_metrics(found, 0)
    assert metric.value == pytest.approx(np.mean(each))
    low, high = metric.ci95 or (0.0, 0.0)
    assert low < metric.value < high and 0.05 < high - low < 0.2, "of one measure it would be 0.16"
    assert (metric.unit, metric.units) == ("people", 400)
    assert metric.controls["random_pairs"] == pytest.approx(0.01)
    assert metric.references["face_features_with_truth"] == pytest.approx(0.8)
    assert list(craniofacial_metrics({}, 0)) == []


def test_portrait_error_is_a_mean_of_pixels() -> None:
    portraits = np.full((3, 4, 4, 3), 100, np.uint8)
    metric = portrait_metric(portraits, portraits + 5, portraits - 20, {}, {"face": portraits}, 0)
    assert (metric.value, metric.untrained, metric.references["face"]) == (5.0, 20.0, 0.0)


def test_same_is_of_all_attributes() -> None:
    shared = same([np.array([0, 0, 1]), np.array([5, 5, 5])])
    assert shared.tolist() == [[True, True, False], [True, True, False], [False, False, True]]

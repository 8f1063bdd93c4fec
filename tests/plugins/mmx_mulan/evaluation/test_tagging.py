"""Tags that are judged, areas and the probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx_mulan.evaluation.tagging import Compared, above, auc, gather, metric, placements, probe

TRUTH = np.array([[1, 0, 1, 1], [1, 0, 0, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 1, 1, 1], [1, 0, 0, 1]], float)


def test_tags_without_enough_positives_or_negatives_are_skipped_and_named() -> None:
    tags = gather(["a", "b", "c", "always"], TRUTH, 3)
    assert tags.judged == [0, 2]
    assert tags.skipped == ["b", "always"]
    assert tags.positives == {"a": 3, "c": 3}


def test_area_is_the_share_of_pairs_in_the_right_order() -> None:
    tags = gather(["a", "b", "c", "always"], TRUTH, 2)
    scores_NC = np.random.default_rng(0).normal(size=TRUTH.shape)
    expected = []
    for column in tags.judged:
        positive = scores_NC[TRUTH[:, column] > 0, column]
        negative = scores_NC[TRUTH[:, column] == 0, column]
        expected.append(np.mean([[float(p > n) for n in negative] for p in positive]))
    assert auc(tags, scores_NC) == pytest.approx(expected)


def test_every_number_of_a_metric_is_of_its_own_scores() -> None:
    """What separates perfectly has an area of 1, the opposite 0, and one score for all 0.5."""
    tags = gather(["a", "b", "c", "always"], TRUTH, 2)
    compared = Compared(
        own=TRUTH,
        untrained=-TRUTH,
        swapped=np.zeros_like(TRUTH),
        baselines={"ridge": -TRUTH, "even": np.ones_like(TRUTH)},
        units=[f"tune {number}" for number in range(len(TRUTH))],
        seed=0,
    )
    found = metric("auc", tags, range(len(tags.judged)), compared)
    assert (found.value, found.chance, found.untrained) == (1.0, 0.5, 0.0)
    assert found.controls == {"swapped_recordings": 0.5}
    assert found.baselines == {"ridge": 0.0, "even": 0.5}
    assert found.units == len(TRUTH)


def test_the_probe_finds_what_is_there_and_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(1)
    truth_NC = (rng.random((400, 2)) < 0.4).astype(float)
    vectors_ND = rng.normal(size=(400, 6))
    vectors_ND[:, 0] += 2 * truth_NC[:, 0]
    tags = gather(["there", "not there"], truth_NC[200:], 5)
    scores_NC = probe(vectors_ND[:200], truth_NC[:200], vectors_ND[200:], tags)
    there, absent = auc(tags, scores_NC)
    assert there > 0.85
    assert abs(absent - 0.5) < 0.15


def test_a_tag_that_training_never_saw_scores_chance() -> None:
    truth_NC = TRUTH[:, :1]
    tags = gather(["a"], truth_NC, 2)
    scores_NC = probe(np.eye(6), np.zeros((6, 1)), np.eye(6), tags)
    assert auc(tags, scores_NC).tolist() == [0.5]


def test_above_counts_in_standard_deviations_of_each_tag() -> None:
    usual_NC = np.array([[0.9, 0.1], [0.7, 0.3]])  # means 0.8 and 0.2, deviations 0.1
    assert above(np.array([0.85, 0.4]), usual_NC) == pytest.approx([0.5, 2.0])
    assert np.isfinite(above(np.array([0.5]), np.full((3, 1), 0.5))).all()


def test_what_recordings_add_has_the_area_as_mean_and_delongs_variance() -> None:
    """Derived again from pairs of recordings: a variance of positives' parts over m, and of negatives' over n."""
    rng = np.random.default_rng(2)
    truth_NC = (rng.random((90, 1)) < 0.3).astype(float)
    scores_NC = np.round(rng.normal(size=(90, 1)) + truth_NC, 1)  # with ties
    tags = gather(["a"], truth_NC, 5)
    rows_N = placements(tags, scores_NC)[:, 0]
    positive, negative = scores_NC[truth_NC[:, 0] > 0, 0], scores_NC[truth_NC[:, 0] == 0, 0]
    pairs = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    assert rows_N.mean() == pytest.approx(pairs.mean())
    variance = pairs.mean(1).var() / len(positive) + pairs.mean(0).var() / len(negative)
    assert rows_N.var() / len(rows_N) == pytest.approx(variance)


def test_a_tag_without_negatives_adds_nothing() -> None:
    tags = replace(gather(["a", "b", "c", "always"], TRUTH, 2), judged=[0, 3])
    rows_NJ = placements(tags, TRUTH)
    assert np.isnan(rows_NJ[:, 1]).all()
    assert (rows_NJ[:, 0] == 1).all()

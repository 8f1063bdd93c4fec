from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from mmx_speech2face.evaluation.measures import MEASURES, NEEDED, correlations, measured

NAMES = tuple(sorted(NEEDED))


def faces(count: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).uniform(-0.8, 0.8, (len(NAMES), 2))
    return middle + rng.normal(0, 0.05, (count, len(NAMES), 2))


def test_measures_are_distances_between_named_landmarks() -> None:
    points = faces(3)
    at = {name: points[:, NAMES.index(name)] for name in NAMES}
    found = measured(points, NAMES)
    assert set(found) == set(MEASURES)
    wings = np.hypot(*(at["nose_left"] - at["nose_right"]).T)
    height = np.hypot(*(at["nose_root"] - at["nose_base"]).T)
    np.testing.assert_allclose(found["nose_width"], wings)
    np.testing.assert_allclose(found["nasal_index"], wings / height)
    np.testing.assert_allclose(found["nose_area"], wings * height / 2)


def test_correlation_and_p_value_are_pearsons() -> None:
    reference = faces()
    guess = 0.5 * reference + 0.5 * faces(seed=1)
    found = correlations(guess, reference, NAMES, 0, reference)
    one, other = measured(guess, NAMES)["jaw_width"], measured(reference, NAMES)["jaw_width"]
    expected = pearsonr(one, other)
    assert found["jaw_width"].r == pytest.approx(expected.statistic)
    assert found["jaw_width"].p == pytest.approx(expected.pvalue)
    assert found["jaw_width"].r > 0.3
    assert found["jaw_width"].drawn == pytest.approx(1.0)


def test_random_pairs_do_not_correlate() -> None:
    found = correlations(faces(200), faces(200), NAMES, 0)
    for each in found.values():
        assert each.r == pytest.approx(1.0)
        assert abs(each.random) < 0.1
        assert 0.02 < each.random_spread < 0.15


def test_constant_measures_are_left_out() -> None:
    same = np.repeat(faces(1), 60, axis=0)
    assert correlations(same, faces(), NAMES, 0) == {}

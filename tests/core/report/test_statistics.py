"""Intervals over independent units: against formulas written out again, and by counting how often they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mmx.report.statistics import LEAST_UNITS, gap_interval, mean, mean_interval, measure


def test_a_share_of_single_units_has_the_exact_interval() -> None:
    """Clopper and Pearson: the shares at which 17 of 20 or more, or 17 or fewer, have a probability of 2.5 %."""
    low, high = mean_interval([1] * 17 + [0] * 3, range(20)) or (0, 0)
    assert stats.binom.sf(16, 20, low) == pytest.approx(0.025, abs=2e-3)
    assert stats.binom.cdf(17, 20, high) == pytest.approx(0.025, abs=2e-3)


def test_all_right_is_no_certainty() -> None:
    low, high = mean_interval([1] * 20, range(20)) or (0, 0)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert mean_interval([0] * 60, [n // 3 for n in range(60)]) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))


def test_queries_of_one_video_count_once() -> None:
    """Every row three times: nothing was learnt, and the interval stays as wide as that of the units."""
    values = np.random.default_rng(0).integers(0, 2, 40)
    alone = mean_interval(values, range(40))
    thrice = mean_interval(np.repeat(values, 3), np.repeat(np.arange(40), 3))
    assert alone is not None and thrice is not None
    assert thrice == pytest.approx(alone, abs=0.02)
    as_rows = mean_interval(np.repeat(values, 3), range(120))
    assert as_rows is not None and as_rows[1] - as_rows[0] < 0.7 * (thrice[1] - thrice[0])


def test_a_mean_of_normal_values_has_students_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 60)
    low, high = mean_interval(values, range(60)) or (0, 0)
    half = stats.t.ppf(0.975, 59) * values.std(ddof=1) / math.sqrt(60)
    assert (low, high) == (pytest.approx(values.mean() - half, abs=0.12), pytest.approx(values.mean() + half, abs=0.12))


def test_a_gap_of_shares_is_that_of_bonett_and_price() -> None:
    """Eq. 3 of their paper: one disagreement is added on each side."""
    own, other = np.repeat([1, 1, 0, 0], [20, 9, 2, 9]), np.repeat([1, 0, 1, 0], [20, 9, 2, 9])
    more, less, count = 10 / 42, 3 / 42, 40
    half = stats.t.ppf(0.975, count - 1) * math.sqrt((more + less - (more - less) ** 2) / (count + 2))
    low, high = gap_interval(own, other, range(40)) or (0, 0)
    half *= math.sqrt((count + 2) / (count + 1))  # theirs divides by the number of pairs, ours by one less
    assert (low, high) == (pytest.approx(more - less - half, abs=1e-9), pytest.approx(more - less + half, abs=1e-9))


def test_a_gap_is_paired() -> None:
    generator = np.random.default_rng(2)
    hard = generator.normal(0, 10, 50)
    better = hard + generator.normal(0.3, 0.1, 50)
    metric = measure("score", better, units=range(50), untrained=hard, baselines={"line": better + 0.2})
    assert metric.ci95 is not None and metric.ci95[1] - metric.ci95[0] > 2
    assert metric.gaps["untrained"] == (pytest.approx(0.27, abs=0.03), pytest.approx(0.33, abs=0.03))
    assert metric.gaps["baseline line"] == (pytest.approx(-0.2), pytest.approx(-0.2))
    assert metric.untrained == pytest.approx(hard.mean())


def test_positive_is_better_whichever_the_direction() -> None:
    values = np.random.default_rng(3).normal(1, 0.1, 30)
    metric = measure(
        "error", values, units=range(30), unit="speakers", better="lower", chance=2.0, controls={"worse": values + 1}
    )
    assert metric.gaps["chance"][0] > 0.9 and metric.gaps["control worse"] == (pytest.approx(1), pytest.approx(1))
    assert (metric.units, metric.unit, metric.better) == (30, "speakers", "lower")


def test_chance_of_each_row_counts_as_its_mean() -> None:
    hits = np.array([1.0] * 12 + [0.0] * 8)
    each = np.where(hits, 0.1, 0.5)
    metric = measure("found", hits, units=range(20), chance=each)
    assert metric.ci95 is not None and metric.chance == pytest.approx(0.26)
    assert metric.gaps["chance"] == pytest.approx([end - 0.26 for end in metric.ci95])


def test_another_statistic_is_drawn_by_unit() -> None:
    generator = np.random.default_rng(4)
    ranks = generator.integers(1, 30, (40, 2)).astype(float)
    units = np.repeat(np.arange(20), 2)
    metric = measure("rank", ranks, units=units, statistic=np.median, better="lower", chance=40.0, untrained=ranks + 9)
    assert metric.value == np.median(ranks)
    assert metric.ci95 is not None and metric.ci95[0] <= metric.value <= metric.ci95[1]
    assert metric.gaps["untrained"] == (9.0, 9.0)
    assert metric.gaps["chance"] == pytest.approx((40 - metric.ci95[1], 40 - metric.ci95[0]))


def test_percentiles_of_few_units_are_as_wide_as_students_interval() -> None:
    """Of a mean of normal values; plain percentiles of 12 units are 15 % narrower."""
    values = np.random.default_rng(7).normal(size=12)
    low, high = measure("value", values, units=range(12), statistic=np.mean).ci95 or (0, 0)
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / math.sqrt(12)
    assert (high - low) / 2 == pytest.approx(half, rel=0.07)


def test_values_that_are_missing_do_not_count() -> None:
    own = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, np.nan]])
    metric = measure("gain", own, units="abc", references={"oracle": own + 1, "told": 7})
    assert (metric.value, metric.units) == (3.0, 2)
    assert metric.references == {"oracle": 4.0, "told": 7.0}
    assert math.isnan(mean([])) and math.isnan(mean([np.nan]))


def test_nearly_equal_values_have_closed_intervals() -> None:
    values = np.full(200, 0.5)
    values[0] = 1.0
    metric = measure("told", values, units=range(200), untrained=np.full(200, 0.5))
    assert metric.ci95 is not None and 0.49 < metric.ci95[0] < 0.5025 < metric.ci95[1] == 1.0
    assert metric.gaps["untrained"][0] < 0 and metric.gaps["untrained"][1] == 1.0


def test_one_unit_has_no_interval() -> None:
    metric = measure("gain", [1.0, 2.0], units=["a", "a"], chance=0.0)
    assert (metric.ci95, metric.gaps, metric.units) == (None, {}, 1)
    assert measure("gain", [], units=[]).units == 0


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(5).exponential(1, 25)
    assert mean_interval(values, range(25), seed=3) == mean_interval(values, range(25), seed=3)
    assert mean_interval(values, range(25), seed=3) != mean_interval(values, range(25), seed=4)


def test_rows_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="accuracy, control shuffled: 2 rows, 3 are needed"):
        measure("accuracy", [1, 0, 1], units="abc", controls={"shuffled": [1, 0]})
    with pytest.raises(ValueError, match="2 units are given for 3 rows"):
        measure("accuracy", [1, 0, 1], units="ab")


def test_intervals_cover_where_percentiles_do_not() -> None:
    """Queries of one video with a common ease, and skewed values: nominal 95 %, 300 samples of 20 units."""
    generator = np.random.default_rng(6)
    units = np.repeat(np.arange(20), 10)
    covered = {"queries": 0, "skewed": 0}
    for _ in range(300):
        ease = np.repeat(generator.normal(0, 1, 20), 10)
        hits = math.sqrt(0.5) * ease + math.sqrt(0.5) * generator.normal(0, 1, 200) > 0
        low, high = mean_interval(hits, units) or (0, 0)
        covered["queries"] += low <= 0.5 <= high
        low, high = mean_interval(generator.lognormal(0, 1, 20), range(20)) or (0, 0)
        covered["skewed"] += low <= math.exp(0.5) <= high
    assert covered["queries"] / 300 > 0.92
    assert covered["skewed"] / 300 > 0.89
    assert LEAST_UNITS == 10

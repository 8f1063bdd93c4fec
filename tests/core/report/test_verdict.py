"""The verdict, its reason, and bootstrap intervals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmx.report.verdict import bootstrap, reason, verdict
from mmx.types import Metric, Report


def judged(value: float = 0.6, *, used: int = 10, margin: float = 0.0, **metric: Any) -> Report:
    return Report([Metric("accuracy", value, **metric)], used, 10, margin=margin)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (judged(chance=0.5, untrained=0.55, controls={"a": 0.59}), "learned"),
        (judged(chance=0.6), "not better than chance"),
        (judged(chance=0.5, untrained=0.7, controls={"a": 0.8}), "not better than untrained"),
        (judged(chance=0.5, controls={"a": 0.5, "shuffled": 0.6}), "not better than control shuffled"),
        (judged(chance=0.5, margin=0.2), "not better than chance"),
        (judged(chance=0.5, margin=0.05), "learned"),
        (judged(2.0, better="lower", chance=2.3, untrained=2.31), "learned"),
        (judged(2.0, better="lower", chance=2.3, controls={"mean": 1.9}), "not better than control mean"),
        (judged(2.0, better="lower", chance=2.3, margin=0.5), "not better than chance"),
        (judged(references={"oracle": 1.0}), "nothing to compare with"),
        (judged(float("nan"), chance=0.5), "no result"),
        (judged(chance=float("nan")), "not better than chance"),
        (judged(chance=0.5, used=0), "no result"),
        (Report([], 10, 10), "no result"),
    ],
)
def test_the_verdict_is_about_the_first_metric_and_everything_it_must_beat(report: Report, words: str) -> None:
    assert verdict(report) == words
    assert reason(report).endswith(".")


def test_only_the_first_metric_decides() -> None:
    report = Report([Metric("a", 0.9, chance=0.5), Metric("b", 0.1, chance=0.5)], 1, 1)
    assert verdict(report) == "learned"


def test_a_metric_that_was_built_by_hand_says_so() -> None:
    assert "no paired intervals" in reason(judged(chance=0.1, untrained=0.55))


def gapped(units: int = 20, **gaps: tuple[float, float]) -> Report:
    """An accuracy of 0.6 beside all competitors that `gaps` names, of the values that the middle of each gap means."""
    named = {key.replace("_", " ", 1): gap for key, gap in gaps.items()}
    values = {key: 0.6 - sum(gap) / 2 for key, gap in named.items()}
    kinds = {
        kind: {key.partition(" ")[2]: value for key, value in values.items() if key.startswith(kind)}
        for kind in ("baseline", "control")
    }
    metric = Metric(
        *("accuracy", 0.6),
        chance=values.get("chance"),
        untrained=values.get("untrained"),
        baselines=kinds["baseline"],
        controls=kinds["control"],
        gaps=named,
        units=units,
        unit="recordings",
    )
    return Report([metric], 40, 40)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (gapped(chance=(0.1, 0.3), untrained=(0.01, 0.2), control_still=(0.1, 0.2)), "learned"),
        (gapped(chance=(-0.01, 0.3)), "not better than chance"),
        (gapped(chance=(0.1, 0.3), untrained=(0.0, 0.2)), "not better than untrained"),
        (gapped(chance=(0.1, 0.3), control_still=(-0.1, 0.4)), "not better than control still"),
        (gapped(chance=(float("nan"), float("nan"))), "not better than chance"),
        (gapped(chance=(0.1, 0.3), baseline_line=(0.01, 0.1)), "learned"),
        (gapped(chance=(0.1, 0.3), baseline_line=(0.0, 0.1)), "learned, but not better than the baseline line"),
        (
            gapped(chance=(0.1, 0.3), baseline_line=(-0.1, 0.2), baseline_near=(-0.3, -0.1), baseline_far=(0.3, 0.4)),
            "learned, but not better than the baseline near",
        ),
        (gapped(chance=(-0.1, 0.3), baseline_line=(-0.1, 0.2)), "not better than chance"),
        (gapped(9, chance=(0.1, 0.3)), "no verdict: 9 recordings, 10 are needed"),
        (gapped(10, chance=(0.1, 0.3)), "learned"),
    ],
)
def test_intervals_decide_where_there_are_any(report: Report, words: str) -> None:
    assert verdict(report) == words


def test_the_margin_is_asked_of_the_interval() -> None:
    report = gapped(chance=(0.1, 0.3), baseline_line=(0.02, 0.1))
    assert verdict(replace(report, margin=0.05)) == "learned", "the margin is not about baselines"
    assert verdict(replace(report, margin=0.1)) == "not better than chance"


def test_the_reason_names_intervals_units_and_the_best_baseline() -> None:
    told = reason(gapped(chance=(0.1, 0.3), baseline_line=(-0.1, 0.2), baseline_far=(0.3, 0.4)))
    assert "20 recordings" in told and "beats chance 0.4 [+0.1 to +0.3]." in told
    assert "does not beat baseline line 0.55 [-0.1 to +0.2]." in told and "far" not in told
    assert "the best is baseline far" in reason(gapped(chance=(0.1, 0.3), baseline_far=(0.3, 0.4)))
    assert "does not beat chance" in reason(gapped(chance=(-0.1, 0.3), baseline_far=(0.3, 0.4)))
    assert "intervals of so few do not hold" in reason(gapped(3, chance=(0.1, 0.3)))


def test_the_bootstrap_agrees_with_the_normal_approximation() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    low, high = bootstrap(values, seed=0, samples=4000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_the_bootstrap_draws_whole_rows() -> None:
    rows = np.stack([np.arange(50.0), np.arange(50.0) + 1], axis=1)
    low, high = bootstrap(rows, lambda drawn: float((drawn[:, 1] - drawn[:, 0]).mean()), seed=0, samples=50)
    assert (low, high) == (1.0, 1.0)


def test_the_bootstrap_repeats_with_its_seed() -> None:
    values = list(range(20))
    assert bootstrap(values, np.median, seed=1) == bootstrap(values, np.median, seed=1)
    assert bootstrap(values, np.median, seed=1, samples=37) != bootstrap(values, np.median, seed=2, samples=37)
    assert all(math.isnan(value) for value in bootstrap([], seed=0))
    assert bootstrap([3.0], seed=0) == (3.0, 3.0)

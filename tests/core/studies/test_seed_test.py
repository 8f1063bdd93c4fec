"""The rule of a proof, on outcomes with known numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from mmx.report.write import as_json
from mmx.studies.seed_test import Comparison, Proof, prove
from mmx.studies.sweep import Outcome, Trial
from mmx.types import Metric, Report


def outcomes(preset: str, values: Sequence[float | None], name: str = "accuracy", **beside: Any) -> list[Outcome]:
    """One outcome per seed; None is a run that failed."""
    found = []
    for seed, value in enumerate(values):
        report = None if value is None else as_json(Report([Metric(name, value, **beside)], 1, 1))
        trial = Trial(0, preset, (), seed, {"preset": preset})
        found.append(Outcome(trial, None, report, "" if report else "killed", 1.0))
    return found


def by_name(proof: Proof) -> dict[str, Comparison]:
    return {each.name: each for each in proof.comparisons}


def test_every_baseline_and_every_control_preset_is_compared() -> None:
    own = outcomes(
        "default", [0.5, 0.6, 0.7], chance=0.1, untrained=0.2, controls={"mute": 0.3}, references={"best": 1.0}
    )
    proof = prove([*own, *outcomes("shuffled", [0.1, 0.2, 0.3], chance=0.1)])
    assert list(by_name(proof)) == ["chance", "untrained", "control mute", "preset shuffled"]
    assert (proof.metric, list(proof.values), proof.verdict) == ("accuracy", [0.5, 0.6, 0.7], "proven")
    assert by_name(proof)["preset shuffled"].gaps == pytest.approx([0.4] * 3)
    assert by_name(proof)["chance"].gaps == pytest.approx([0.4, 0.5, 0.6])


@pytest.mark.parametrize(("gap", "won"), [(0.26, True), (0.24, False), (-0.5, False)])
def test_the_interval_of_the_mean_gap_must_lie_above_zero(gap: float, won: bool) -> None:
    """Student's quantile of two degrees of freedom is 4.303, the deviation of these gaps 0.1."""
    gaps = [gap - 0.1, gap, gap + 0.1]
    assert (gap > 4.303 * 0.1 / math.sqrt(3)) == won
    assert Comparison("chance", [0.0] * 3, gaps).won == won


def test_two_seeds_prove_nothing() -> None:
    assert not Comparison("chance", [0.0] * 2, [0.5, 0.5]).won
    proof = prove(outcomes("default", [0.5, 0.5], chance=0.1))
    assert proof.verdict == "no verdict: 2 seeds, 3 are needed"


def test_few_units_prove_nothing() -> None:
    told = {"chance": 0.1, "units": 7, "unit": "recordings"}
    assert prove(outcomes("default", [0.5] * 3, **told)).verdict == "no verdict: 7 recordings, 10 are needed"


def test_a_baseline_that_does_as_well_is_named() -> None:
    proof = prove(outcomes("default", [0.5, 0.6, 0.7], chance=0.1, baselines={"line": 0.6}))
    assert proof.verdict == "learned, but not better than the baseline line"


def test_lower_is_better_for_losses() -> None:
    proof = prove(
        [
            *outcomes("default", [1.0, 1.1, 1.2], "kl", better="lower", chance=2.0),
            *outcomes("mute", [0.5, 0.6, 0.7], "kl"),
        ]
    )
    assert by_name(proof)["chance"].won
    assert by_name(proof)["preset mute"].gaps == pytest.approx([-0.5] * 3)
    assert proof.verdict == "not proven: kl is not above preset mute by the 95 % interval over seeds"


def test_gaps_are_paired_by_seed() -> None:
    """Both vary with the seed, but always by the same: the gap is sure."""
    proof = prove([*outcomes("default", [0.3, 0.9, 0.5]), *outcomes("mute", [0.2, 0.8, 0.4])])
    assert by_name(proof)["preset mute"].won


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([*outcomes("default", [0.5, None], chance=0.1)], "1 runs gave no number"),
        ([*outcomes("default", [0.5, 0.5]), *outcomes("mute", [None, None])], "2 runs gave no number"),
        ([*outcomes("default", [0.5, 0.5]), *outcomes("mute", [0.1, 0.1], "other")], "2 runs gave no number"),
        ([*outcomes("default", [None, None])], "2 runs gave no number"),
        ([*outcomes("default", [0.5, 0.5])], "there is nothing to compare with"),
        ([*outcomes("default", [0.5, 0.1, 0.2], chance=0.1)], "accuracy is not above chance"),
    ],
)
def test_what_is_missing_is_no_proof(runs: list[Outcome], said: str) -> None:
    assert prove(runs).verdict.startswith(f"not proven: {said}")


def test_the_table_says_each_comparison() -> None:
    rows = list(prove([*outcomes("default", [0.5, 0.7, 0.6], chance=0.1), *outcomes("mute", [0.6, 0.6, 0.6])]).rows())
    assert rows[0] == ["compared with", "accuracy", "gap", "95 % interval over seeds", "above"]
    assert rows[1] == ["itself", "0.6 ± 0.1", "", "", ""]
    assert rows[2] == ["chance", "0.1 ± 0", "0.5 ± 0.1", "+0.252 to +0.748", "yes"]
    assert rows[3][0] == "preset mute" and rows[3][4] == "no"

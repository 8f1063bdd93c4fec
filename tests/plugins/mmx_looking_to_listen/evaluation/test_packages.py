from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Sample
from mmx_looking_to_listen.evaluation import packages
from mmx_looking_to_listen.evaluation.separation import Separated
from mmx_looking_to_listen.model.front import Front

FRONT = Front(4000, 128, 64, 128, 0.3, "cartesian")


def separated() -> list[Separated]:
    truth = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    return [Separated(Sample("x", {}, {"speakers": ["a", "b"]}), truth, truth.sum(0), {"model": truth * 2})]


def test_installed_packages_add_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    def ratio(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return np.abs(guess - truth).mean(1) < 1e-3

    monkeypatch.setattr(packages, "sdr_function", lambda: ("mir_eval", ratio))
    monkeypatch.setattr(packages, "perceptual", lambda: {"stoi": lambda guess, truth, rate: float(rate == 4000)})
    found = {metric.name: metric for metric in packages.measured(separated(), FRONT)}
    assert set(found) == {"sdr", "sdr_improvement", "stoi"}
    assert found["sdr"].value == 100.0, "twice the truth is perfect, whatever the package says"
    assert found["sdr"].paper is not None
    assert found["sdr_improvement"].value == pytest.approx(100.0 - found["sdr"].baselines["mixture"])
    assert found["stoi"].value == 1.0
    assert all((metric.unit, metric.units) == ("speakers", 2) and metric.ci95 for metric in found.values())


def test_silent_and_perfect_guesses_count_in_the_mean() -> None:
    if (function := packages.sdr_function()) is None:
        pytest.skip("no package computes SDR here")
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(5, 4000))
    noisy = truth[2] + 0.1 * rng.normal(size=4000)
    truth[4] = 0.0
    scores = packages._voiced(function[1], np.stack([np.zeros(4000), truth[1], noisy, noisy, noisy]), truth)
    assert scores[:2].tolist() == [-100.0, 100.0]
    assert 19 < scores[2] < 22
    assert scores[3] < 0
    assert np.isnan(scores[4]), "a silent truth has no ratio"
    quiet = packages._voiced(function[1], 1e-9 * noisy[None], truth[2:3])
    assert quiet[0] == pytest.approx(scores[2]), "the scale does not count"


def test_none_add_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "sdr_function", lambda: None)
    monkeypatch.setattr(packages, "perceptual", lambda: {})
    assert packages.measured(separated(), FRONT) == []


def test_voices_that_a_package_cannot_score_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(guess: np.ndarray, truth: np.ndarray, rate: int) -> float:
        if truth[0] > 0.5:
            raise RuntimeError("No utterances detected")
        return float(guess[0])

    monkeypatch.setattr(packages, "sdr_function", lambda: None)
    monkeypatch.setattr(packages, "perceptual", lambda: {"pesq": score})
    rows = separated()
    rows[0].truth_NT[0, 0], rows[0].truth_NT[1, 0] = 0.9, 0.25
    rows[0].guesses["model"] = rows[0].truth_NT * 2
    assert packages.measured(rows, FRONT)[0].value == pytest.approx(0.5)
    rows[0].truth_NT[1] = 0.0
    assert packages.measured(rows, FRONT) == []


def test_the_real_packages_like_the_truth_better_than_the_mixture() -> None:
    from mmx_looking_to_listen.evaluation.metrics import perceptual

    assert perceptual(), "the extra dev brings pystoi"
    rng = np.random.default_rng(1)
    time = np.arange(16000) / 8000
    pitch = np.abs(np.sin(2 * np.pi * 3 * time)) * np.sign(np.sin(2 * np.pi * 140 * time))
    truth = np.stack([pitch, rng.normal(size=16000) * pitch]).astype(np.float32) * 0.1
    rows = [Separated(Sample("x", {}, {"speakers": ["a", "b"]}), truth, truth.sum(0), {"model": truth + 0.001})]
    found = packages.measured(rows, Front(8000, 256, 128, 256, 0.5, "polar"))
    scored = [metric for metric in found if metric.name in ("pesq", "stoi")]
    assert len(scored) == len(perceptual())
    assert all(metric.value > metric.baselines["mixture"] + 0.1 for metric in scored)

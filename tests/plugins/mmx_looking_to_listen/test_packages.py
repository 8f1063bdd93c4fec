from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Sample
from mmx_looking_to_listen import packages
from mmx_looking_to_listen.front import Front
from mmx_looking_to_listen.listening import Heard

FRONT = Front(4000, 128, 64, 128, 0.3, "cartesian")


def heard() -> list[Heard]:
    truth = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    return [Heard(Sample("x", {}), truth, truth.sum(0), {"model": truth * 2})]


def test_installed_packages_add_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    def ratio(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return np.abs(guess).mean(1) / np.abs(truth).mean(1)

    monkeypatch.setattr(packages, "sdr_function", lambda: ("mir_eval", ratio))
    monkeypatch.setattr(packages, "perceptual", lambda: {"stoi": lambda guess, truth, rate: float(rate == 4000)})
    found = {metric.name: metric for metric in packages.measured(heard(), FRONT)}
    assert set(found) == {"sdr", "sdr_improvement", "stoi"}
    assert found["sdr"].value == pytest.approx(2.0)
    assert found["sdr"].paper is not None
    assert found["sdr_improvement"].value == pytest.approx(2.0 - found["sdr"].chance)
    assert found["stoi"].value == 1.0


def test_none_add_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "sdr_function", lambda: None)
    monkeypatch.setattr(packages, "perceptual", lambda: {})
    assert packages.measured(heard(), FRONT) == []

"""Handcrafted features by hand, on signals whose beats are known."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Signal
from mmx_driver_stress.evaluation import context, heart, vehicle


def test_heart_of_known_beats() -> None:
    wave = np.zeros((1000, 1), np.float32)
    beats = [50, 130, 220, 300, 390, 470]
    wave[beats] = 1.0
    mean, deviation, successive, rate = heart(Signal(wave, 100.0))
    gaps = [0.8, 0.9, 0.8, 0.9, 0.8]
    assert mean == pytest.approx(np.mean(gaps)) and deviation == pytest.approx(np.std(gaps))
    assert successive == pytest.approx(0.1) and rate == pytest.approx(60 / np.mean(gaps))
    assert heart(Signal(np.zeros((100, 1), np.float32), 100.0)) == [0.0] * 4


def test_vehicle_and_context() -> None:
    values = np.array([[1, 2.0], [-1, 2], [1, 4], [1, 4]], np.float32)
    assert vehicle(Signal(values, 2.0)) == pytest.approx([0.5, 3.0, np.std([1, -1, 1, 1]), 1.0, 2 / 2.0])
    assert context(Signal(values, 2.0)) == pytest.approx([0.5, 3.0])

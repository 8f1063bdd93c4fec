from __future__ import annotations

import itertools
from itertools import permutations

import numpy as np
import pytest

from mmx_looking_to_listen.evaluation import metrics
from mmx_looking_to_listen.evaluation.metrics import best_order, sdr_function, si_sdr, si_sdr_pairs, si_sdrs

RNG = np.random.default_rng(0)


def by_loops(guess: np.ndarray, truth: np.ndarray) -> float:
    guess, truth = guess - sum(guess) / len(guess), truth - sum(truth) / len(truth)
    dot = sum(g * t for g, t in zip(guess, truth, strict=True))
    energy = sum(t * t for t in truth)
    target = [dot / energy * t for t in truth]
    noise = [g - s for g, s in zip(guess, target, strict=True)]
    return float(10 * np.log10(sum(s * s for s in target) / sum(n * n for n in noise)))


def test_si_sdr_by_loops() -> None:
    for _ in range(5):
        truth = RNG.normal(size=200) + 0.3
        guess = 0.7 * truth + RNG.normal(size=200) * RNG.uniform(0.1, 3)
        assert si_sdr(guess, truth) == pytest.approx(by_loops(guess, truth), abs=1e-9)


def test_noise_at_a_known_level() -> None:
    """Orthogonal noise of a tenth of the amplitude is 20 dB, whatever the scale of the guess."""
    time = np.arange(4000) / 4000
    truth, noise = np.sin(2 * np.pi * 50 * time), np.cos(2 * np.pi * 50 * time)
    for scale in (1e-3, 1.0, -50.0):
        assert si_sdr(scale * (truth + 0.1 * noise) + 3.0, truth) == pytest.approx(20.0, abs=1e-6)


def test_extremes() -> None:
    truth = RNG.normal(size=100)
    assert si_sdr(truth, truth) == 100
    assert si_sdr(np.zeros(100), truth) == -100
    assert np.isnan(si_sdr(truth, np.zeros(100)))
    assert np.isnan(si_sdrs(np.stack([truth, truth]), np.stack([truth, np.zeros(100)]))).tolist() == [False, True]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_best_order(order: tuple[int, ...]) -> None:
    truth = RNG.normal(size=(3, 500))
    guess = np.empty_like(truth)
    for voice, output in enumerate(order):
        guess[output] = truth[voice] + 0.3 * RNG.normal(size=500)
    table = si_sdr_pairs(guess, truth)
    assert best_order(table) == order
    for voice, output in itertools.product(range(3), range(3)):
        assert table[voice, output] == pytest.approx(by_loops(guess[output], truth[voice]))


def test_bss_eval_where_it_is_installed() -> None:
    found = sdr_function()
    if found is None:
        pytest.skip("neither fast_bss_eval nor mir_eval is installed")
    name, function = found
    assert name in ("fast_bss_eval", "mir_eval")
    truth = RNG.normal(size=(2, 6000))
    filtered = np.stack([np.convolve(voice, [1.0, 0.5, -0.2])[:6000] for voice in truth])
    noise = RNG.normal(size=(2, 6000))
    # A short filter is forgiven by the 512 taps of BSS Eval and not by SI-SDR.
    assert (function(filtered + 0.01 * noise, truth) > 25).all()
    assert si_sdr(filtered[0], truth[0]) < 10


def test_without_the_packages_there_is_no_sdr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    assert sdr_function() is None
    assert metrics.perceptual() == {}

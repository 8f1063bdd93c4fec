"""Syllables: the posterior by Bayes' rule, and that sounds and pictures show the places that were drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.syllables import RATE, Syllables, mouth, posterior, spoken


def test_posterior_by_hand() -> None:
    """Audio at ba with an error of .5, lips at ga with an error of .5: da, by e^4."""
    found = posterior((-1.0, 0.5), 1.0, (0.3, 0.7), 0.5)
    weights = [math.exp(-((-1 - c) ** 2) / (2 * 0.5**2) - (1 - c) ** 2 / (2 * 0.5**2)) for c in (-1, 0, 1)]
    np.testing.assert_allclose(found, np.array(weights) / sum(weights), rtol=1e-9)
    assert found[1] == pytest.approx(1 / (1 + 2 * math.exp(-4)))
    loud = posterior((-1.0, 1.0), 1.0, (0.3, 0.7), 0.5)
    assert loud[2] > found[2], "the more it hisses, the more the lips count"
    np.testing.assert_allclose(posterior(None, None, (0.3, 0.7), 0.5), 1 / 3)
    assert posterior(None, 1.0, (0.3, 0.7), 0.5).argmax() == 2


def test_posterior_of_the_corpus_is_calibrated_and_takes_parts_of_different_samples() -> None:
    world = Syllables(test_clips=1500)
    assert isinstance(world, Corpus)
    samples = list(world.split("test"))
    p = np.stack([sample.targets["posterior"] for sample in samples])
    truth = np.array([sample.targets["label"] for sample in samples])
    assert abs((p.argmax(1) == truth).mean() - p.max(1).mean()) < 0.03
    a, b = samples[0], samples[1]
    expected = posterior(
        (a.targets["audio_place"], a.targets["audio_hiss"]), b.targets["video_place"], (0.35, 1.0), 0.45
    )
    np.testing.assert_allclose(world.posterior({"audio": a, "video": b}), expected)
    with pytest.raises(DataError):
        world.split("trian")


def test_what_is_rendered_shows_its_place() -> None:
    def pitch(place: float) -> float:
        wave = spoken(place, 0.0, (0,)).samples_CT[0, : round(0.06 * RATE)]
        spectrum = np.abs(np.fft.rfft(wave, 8 * RATE))
        return float(spectrum.argmax()) / 8

    for place in (-1.0, 0.3, 2.0):
        assert pitch(place) == pytest.approx(900 * 2 ** (0.6 * place), rel=0.03)
    dark = [float((mouth(place, (0,)).frames_THWC.mean(3) < 80).sum()) for place in (-1.0, 0.0, 1.0, 2.0)]
    assert dark == sorted(dark) and dark[0] < dark[-1]
    hiss = [float(spoken(0.0, level, (1,)).samples_CT[0, :20].std()) for level in (0.0, 1.0)]
    assert hiss[1] > 5 * hiss[0]

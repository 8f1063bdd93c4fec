"""Simple methods from voices to face features: a planted relation is found, and judged people teach nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Audio, Sample
from mmx_speech2face.evaluation import simple

RATE = 8000


def people(count: int, seed: int) -> tuple[list[Sample], np.ndarray]:
    """A face is linear in a person's pitch and in the level of a hiss; both show in the mean spectrum."""
    rng = np.random.default_rng(seed)
    traits_N2 = rng.uniform(0, 1, (count, 2))
    samples = []
    for number, (pitch, hiss) in enumerate(traits_N2):
        tone_T = np.sin(2 * np.pi * (150 + 30 * round(20 * pitch)) * np.arange(RATE) / RATE)
        noise_T = np.diff(rng.normal(size=RATE + 1)) * 10 ** (2 * hiss - 3)
        samples.append(Sample(str(number), {"voice": Audio((tone_T + noise_T)[None].astype(np.float32), RATE)}))
    faces_ND = traits_N2 @ np.random.default_rng(9).normal(size=(2, 6))
    return samples, faces_ND


KNOWN, KNOWN_FACES = people(160, 0)
JUDGED, JUDGED_FACES = people(40, 1)


def test_a_planted_relation_is_found() -> None:
    found = simple.from_voices(KNOWN, KNOWN_FACES, JUDGED, "voice")
    assert {"ridge_mean_spectrum", "ridge_spectrum", "ridge_statistics", "nearest_voice"} <= set(found)
    spread = np.square(JUDGED_FACES - KNOWN_FACES.mean(0)).mean()
    for way in ("ridge_mean_spectrum", "ridge_statistics"):
        assert np.square(found[way] - JUDGED_FACES).mean() < 0.15 * spread, way


def test_judged_people_teach_nothing() -> None:
    every = simple.from_voices(KNOWN, KNOWN_FACES, JUDGED, "voice")
    for way, features_ND in simple.from_voices(KNOWN, KNOWN_FACES, JUDGED[:7], "voice").items():
        np.testing.assert_allclose(features_ND, every[way][:7], atol=1e-9)


def test_the_mean_spectrum_of_a_tone_is_highest_at_its_pitch() -> None:
    tone_T = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    spectrum_F = simple.mean_spectrum(Audio(tone_T[None], RATE))
    assert spectrum_F.argmax() == 64  # of bins 15.625 Hz apart
    assert simple.mean_spectrum(None) == pytest.approx(np.log(1e-6))


def test_what_is_no_audio_has_no_statistics() -> None:
    odd = [Sample("0", {"voice": object()}), Sample("1", {"voice": object()})]
    assert simple.from_voices(odd, np.zeros((2, 3)), odd, "voice") == {}
    assert simple.from_voices(KNOWN[:1], KNOWN_FACES[:1], JUDGED, "voice") == {}

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.types import Audio
from mmx_speech2face.predict.voice_check import LEAST_SYLLABIC, LEAST_VOICED, check_sound, doubts, syllabic, voiced

RATE = 8000
TIME = np.arange(4 * RATE) / RATE


def sound(samples: np.ndarray, rate: int = RATE) -> Audio:
    return Audio(samples.astype(np.float32)[None], rate)


def hum(pitch: float = 150.0, syllables: float = 4.0) -> np.ndarray:
    """A voice reduced to what is measured: harmonics that swell a few times a second."""
    tone = sum(np.sin(2 * np.pi * pitch * n * TIME) / n for n in range(1, 8))
    return 0.1 * tone * (0.5 - 0.5 * np.cos(2 * np.pi * syllables * TIME)) ** 2


def test_what_moves_like_syllables_and_has_a_pitch_is_not_doubted() -> None:
    assert doubts(sound(hum())) == []
    assert syllabic(sound(hum()), 6.0) > LEAST_SYLLABIC
    assert voiced(sound(hum()), 6.0) > LEAST_VOICED


@pytest.mark.parametrize(
    "samples",
    [
        np.random.default_rng(0).normal(0, 0.1, 4 * RATE),
        0.1 * np.sin(2 * np.pi * 200 * TIME),
        np.random.default_rng(0).normal(0, 0.1, 4 * RATE) * (np.sin(2 * np.pi * 2 * TIME) > 0),
        hum(syllables=0.3),
    ],
    ids=["noise", "one long tone", "drums", "a slow swell"],
)
def test_what_does_not_is(samples: np.ndarray) -> None:
    (note,) = doubts(sound(samples))
    assert "does not sound like one person speaking" in note


def test_it_does_not_depend_on_loudness_rate_or_channels() -> None:
    loud, quiet = sound(hum()), sound(hum() * 0.01)
    assert syllabic(quiet, 6.0) == pytest.approx(syllabic(loud, 6.0), rel=1e-3)
    assert voiced(quiet, 6.0) == pytest.approx(voiced(loud, 6.0), abs=0.02)
    stereo = Audio(np.repeat(loud.samples_CT, 2, 0), RATE)
    assert voiced(stereo, 6.0) == pytest.approx(voiced(loud, 6.0))


def test_a_moment_of_sound_is_doubted_and_silence_within_does_not_break() -> None:
    assert doubts(sound(hum()[:100]))
    assert np.isfinite(voiced(sound(np.zeros(RATE)), 6.0))
    assert syllabic(sound(np.zeros(RATE)), 6.0) == 0.0


def test_silence_and_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="silent"):
        check_sound(sound(np.zeros(RATE)))
    with pytest.raises(DataError, match="no samples"):
        check_sound(Audio(np.zeros((1, 0), np.float32), RATE))
    with pytest.raises(DataError, match="finite"):
        check_sound(sound(np.array([0.1, np.nan])))
    check_sound(sound(hum() * 0.01))


def test_what_would_reach_the_encoder_as_silence_is_refused_with_its_reason() -> None:
    with pytest.raises(DataError, match=r"0\.10 s, less than a syllable; give 3 s"):
        check_sound(sound(hum()[: RATE // 10]), 3.0)
    voice = sound(hum()).samples_CT
    with pytest.raises(DataError, match="cancel each other out"):
        check_sound(Audio(np.concatenate([voice, -voice]), RATE))
    late = sound(np.concatenate([np.zeros(3 * RATE), hum()]))
    with pytest.raises(DataError, match="the first 3 s are silent"):
        check_sound(late, 3.0)
    check_sound(late, 6.0)


def test_less_than_a_second_cannot_be_told() -> None:
    (note,) = doubts(sound(hum()[: RATE // 2]))
    assert "0.50 s are too little to tell" in note

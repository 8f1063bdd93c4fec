from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.people.speakers import Voice
from mmx_worlds.speech.phonemes import PAUSE, PHONEMES
from mmx_worlds.speech.synthesis import speak
from mmx_worlds.speech.utterance import Spoken, Utterance, compose

VOICE = Voice(pitch=120.0, swing=0.2, tract=1.0, tilt=0.8, breath=0.01, tempo=1.0)
RATE = 16000


def held(symbol: str, seconds: float = 0.6) -> Utterance:
    return Utterance(symbol, (Spoken(symbol, 0.0, seconds),), ())


def sound(utterance: Utterance, seconds: float = 0.6, voice: Voice = VOICE, rate: int = RATE) -> np.ndarray:
    return speak(utterance, voice, seconds, rate, np.random.default_rng(0))


def power(samples_T: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    middle_T = samples_T[len(samples_T) // 4 : -len(samples_T) // 4]
    spectrum = np.abs(np.fft.rfft(middle_T * np.hanning(len(middle_T)))) ** 2
    return np.fft.rfftfreq(len(middle_T), 1 / rate), spectrum


def level(samples_T: np.ndarray, low: float, high: float) -> float:
    hertz, spectrum = power(samples_T)
    return float(spectrum[(hertz >= low) & (hertz < high)].sum())


@pytest.mark.parametrize("symbol", ["IY", "AA", "UW", "EH"])
def test_vowels_have_their_formants(symbol: str) -> None:
    samples_T = sound(held(symbol))
    first, second, _ = PHONEMES[symbol].targets[0].formants
    for formant in (first, second):
        around = level(samples_T, formant - 130, formant + 130)
        beside = level(samples_T, formant + 350, formant + 610)
        if not any(abs(formant + 480 - other) < 350 for other in PHONEMES[symbol].targets[0].formants):
            assert around > 2 * beside, (symbol, formant)


def test_a_short_vocal_tract_raises_the_formants() -> None:
    small = Voice(120.0, 0.2, 1.18, 0.8, 0.01, 1.0)
    low, high = sound(held("AA")), sound(held("AA"), voice=small)

    def centre(samples_T: np.ndarray) -> float:
        hertz, spectrum = power(samples_T)
        kept = (hertz > 500) & (hertz < 1600)
        return float((hertz[kept] * spectrum[kept]).sum() / spectrum[kept].sum())

    assert centre(high) > 1.05 * centre(low)


def test_the_pitch_is_the_speakers() -> None:
    for pitch in (100.0, 200.0):
        samples_T = sound(held("AA"), voice=Voice(pitch, 0.0, 1.0, 0.8, 0.01, 1.0))[2000:8000].astype(np.float64)
        correlation = np.correlate(samples_T, samples_T, "full")[len(samples_T) :]
        lag = 60 + int(np.argmax(correlation[60:300]))
        assert abs(RATE / (lag + 1) / pitch - 1) < 0.15


def test_fricatives_are_high_noise_and_vowels_low_voice() -> None:
    hiss, vowel = sound(held("S")), sound(held("AA"))
    assert level(hiss, 3500, 8000) > 10 * level(hiss, 0, 2000)
    assert level(vowel, 0, 2000) > 10 * level(vowel, 3500, 8000)


def test_pauses_and_closures_are_silent() -> None:
    said = Utterance("x", (Spoken(PAUSE, 0.0, 0.3), Spoken("AA", 0.3, 0.6), Spoken(PAUSE, 0.6, 0.9)), ())
    samples_T = sound(said, 0.9)
    loud = np.sqrt(np.mean(samples_T[int(0.38 * RATE) : int(0.52 * RATE)] ** 2))
    for first, last in ((0.0, 0.22), (0.7, 0.9)):
        assert np.sqrt(np.mean(samples_T[int(first * RATE) : int(last * RATE)] ** 2)) < 0.01 * loud


def test_no_harmonics_are_folded_back() -> None:
    samples_T = sound(held("IY"), rate=8000)
    hertz, spectrum = power(samples_T, 8000)
    harmonic = np.abs((hertz / 120 + 0.5) % 1 - 0.5) < 0.35
    low = hertz < 900
    assert spectrum[low & ~harmonic].sum() < 0.2 * spectrum[low].sum()
    assert np.isfinite(samples_T).all()


def test_no_harmonics_are_folded_back_while_the_pitch_moves() -> None:
    """A pitch that glides from 150 to 600 Hz: at its end there are harmonics of 600 Hz and nothing between them."""

    def glide(utterance: Utterance, voice: Voice, control_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(150.0 * 2.0 ** np.minimum(control_K / 0.2, 2.0))

    samples_T = speak(held("AA", 1.6), VOICE, 1.6, 8000, np.random.default_rng(0), glide)
    hertz, spectrum = power(samples_T[8000:], 8000)
    harmonic = np.abs((hertz / 600 + 0.5) % 1 - 0.5) < 0.1
    assert spectrum[~harmonic].sum() < 0.02 * spectrum.sum()


def test_every_voice_is_as_loud() -> None:
    for seed in range(5):
        said = compose(np.random.default_rng(seed), VOICE, 2.0)
        samples_T = speak(said, VOICE, 2.0, 8000, np.random.default_rng(seed))
        assert samples_T.dtype == np.float32
        assert samples_T.shape == (16000,)
        loud = np.abs(samples_T) > 0.05 * np.abs(samples_T).max()
        assert 0.08 < np.sqrt(np.mean(samples_T[loud] ** 2)) < 0.12

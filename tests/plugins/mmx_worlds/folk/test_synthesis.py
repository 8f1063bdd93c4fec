"""What is played is what was written: pitch, time, level, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.folk.performance import Part, Stroke
from mmx_worlds.folk.synthesis import ACCOMPANISTS, INSTRUMENTS, play, recorded, tone

RATE = 8000


def fundamental(sound_T: np.ndarray, rate: int) -> float:
    """Return the frequency of the shortest lag (100 to 1,000 Hz) at which the sound is most like itself."""
    sound_T = sound_T - sound_T.mean()
    spectrum = np.fft.rfft(sound_T, 2 * len(sound_T))
    similar = np.fft.irfft(np.abs(spectrum) ** 2)[: rate // 100]
    first = rate // 1000
    peaks = [i for i in range(first, len(similar) - 1) if similar[i] >= max(similar[i - 1], similar[i + 1])]
    return rate / next(i for i in peaks if similar[i] > 0.85 * similar[first:].max())


@pytest.mark.parametrize("name", [name for name in INSTRUMENTS if name != "bells"])
@pytest.mark.parametrize("pitch", [57, 69])
def test_instruments_sound_at_the_pitch_that_is_written(name: str, pitch: int) -> None:
    sound_T = tone(name, 0, pitch, 44100)[4410:22050]
    semitones = 12 * np.log2(fundamental(sound_T, 44100) / (440 * 2 ** ((pitch - 69) / 12)))
    assert abs(semitones) < 0.6


def test_bells_are_lowest_at_the_pitch_that_is_written() -> None:
    sound_T = tone("bells", 0, 69, RATE)[:RATE]
    spectrum = np.abs(np.fft.rfft(sound_T))
    assert abs(int(spectrum[:600].argmax()) - 440) < 4


def test_struck_and_plucked_notes_die_away_and_sustained_ones_do_not() -> None:
    for name, recipe in INSTRUMENTS.items():
        sound_T = tone(name, 0, 60, RATE)
        early, late = (float(np.sqrt(np.mean(part**2))) for part in (sound_T[800:2400], sound_T[14000:16000]))
        assert (late < 0.4 * early) == (recipe.decay > 0), name


def test_instruments_differ_from_each_other_and_builds_a_little() -> None:
    def spectrum(name: str, build: int) -> np.ndarray:
        power = np.abs(np.fft.rfft(tone(name, build, 60, RATE)[800:8800])) ** 2
        bands = np.add.reduceat(power, np.arange(0, len(power), 130))
        return np.log(bands / bands.sum() + 1e-6)

    between = [np.abs(spectrum(a, 0) - spectrum(b, 0)).mean() for a in INSTRUMENTS for b in INSTRUMENTS if a < b]
    within = [np.abs(spectrum(name, 0) - spectrum(name, 1)).mean() for name in INSTRUMENTS]
    assert min(within) > 0
    assert np.mean(within) < 0.5 * np.mean(between)


PART = Part("organ", 0, [Stroke(0.0, 0.25, 60, 1.0), Stroke(0.25, 0.25, 64, 1.0), Stroke(0.75, 0.25, 67, 1.0)])


def heard(*parts: Part, seconds: float = 1.0, gain: float = 0.5, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    return recorded(play(parts, seconds=seconds, rate=RATE), gain=gain, noise=noise, seed=[seed])


def test_strokes_begin_when_they_should() -> None:
    sound_T = heard(PART)
    loud = [float(np.abs(sound_T[round(at * RATE) : round((at + 0.05) * RATE)]).max()) for at in (0.1, 0.3, 0.6, 0.9)]
    assert [level > 0.1 for level in loud] == [True, True, False, True]


def test_pitch_is_the_strokes() -> None:
    low_T, high_T = (heard(Part("organ", 0, [Stroke(0, 1, pitch, 1.0)])) for pitch in (57, 69))
    assert fundamental(high_T, RATE) == pytest.approx(2 * fundamental(low_T, RATE), rel=0.05)


def test_levels_are_relative_and_the_peak_is_the_gain() -> None:
    strokes = [Stroke(0.0, 0.4, 60, 1.0), Stroke(0.5, 0.4, 60, 0.25)]
    sound_T = heard(Part("organ", 0, strokes), gain=0.8)
    first, second = (np.abs(sound_T[start : start + 3000]).max() for start in (0, RATE // 2))
    assert first == pytest.approx(0.8, rel=1e-3)
    assert second == pytest.approx(0.2, rel=0.02)


def test_parts_sound_together() -> None:
    other = Part("guitar", 1, [Stroke(0.5, 0.2, 40, 1.0)])
    alone_T, both_T = heard(PART), heard(PART, other)
    ratio = alone_T[1000] / both_T[1000]  # the peak of both is another
    assert both_T[:4000] * ratio == pytest.approx(alone_T[:4000], abs=1e-5)
    assert np.abs(both_T[4000:5000]).max() > 0.1 > np.abs(alone_T[4600:5000]).max()


def test_company_has_no_name_of_a_tag() -> None:
    assert not set(ACCOMPANISTS) & set(INSTRUMENTS)
    assert all(np.isfinite(tone(name, 0, 45, RATE)).all() for name in ACCOMPANISTS)


def test_a_drum_is_short_and_without_a_tune() -> None:
    sound_T = tone("drum", 0, 45, RATE)
    assert np.abs(sound_T[RATE // 2 :]).max() < 0.02 * np.abs(sound_T).max()


def test_noise_and_length_are_as_asked_and_the_same_every_time() -> None:
    one_T, two_T = (heard(PART, seconds=1.3, noise=0.1, seed=5) for _ in range(2))
    other_T, clean_T = heard(PART, seconds=1.3, noise=0.1, seed=6), heard(PART, seconds=1.3)
    assert one_T.dtype == np.float32
    assert len(one_T) == round(1.3 * RATE)
    assert np.array_equal(one_T, two_T)
    assert not np.array_equal(one_T, other_T)
    assert (one_T - clean_T).std() == pytest.approx(0.05, rel=0.05)


def test_a_stroke_after_the_end_is_not_heard() -> None:
    late = Part("guitar", 0, [Stroke(2.0, 0.2, 40, 1.0)])
    assert np.array_equal(heard(PART, late), heard(PART))

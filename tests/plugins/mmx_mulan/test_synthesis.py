"""What is played is what was written: pitch, time, level, and the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx_mulan.notation import Note
from mmx_mulan.synthesis import INSTRUMENTS, Manner, play, tone

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


NOTES = [Note(0.0, 0.25, 60), Note(0.25, 0.25, 64), Note(0.75, 0.25, 67)]
MANNER = Manner("organ", 0, speed=1.0, shift=0, gain=0.5, noise=0.0)


def test_notes_begin_when_they_should_and_the_tune_goes_round() -> None:
    sound_T = play(NOTES, MANNER, seconds=2.0, rate=RATE, seed=[0])
    loud = [
        float(np.abs(sound_T[round(at * RATE) : round((at + 0.05) * RATE)]).max()) for at in (0.1, 0.3, 0.6, 0.9, 1.1)
    ]
    assert [level > 0.1 for level in loud] == [True, True, False, True, True]


def test_speed_and_start_move_the_notes() -> None:
    twice_T = play(NOTES, replace(MANNER, speed=2.0), seconds=1.0, rate=RATE, seed=[0])
    late_T = play(NOTES, replace(MANNER, start=0.5), seconds=1.0, rate=RATE, seed=[0])
    assert np.abs(twice_T[round(0.27 * RATE) : round(0.36 * RATE)]).max() < 0.05  # the rest, twice as early
    assert np.abs(late_T[: round(0.2 * RATE)]).max() < 0.01  # begins in the rest


def test_shift_moves_by_octaves() -> None:
    low_T, high_T = (
        play([Note(0, 1, 57)], replace(MANNER, shift=shift), seconds=1, rate=RATE, seed=[0]) for shift in (0, 12)
    )
    assert fundamental(high_T, RATE) == pytest.approx(2 * fundamental(low_T, RATE), rel=0.05)


def test_peak_noise_and_length_are_as_asked_and_the_same_every_time() -> None:
    noisy = replace(MANNER, noise=0.1)
    one_T, two_T = (play(NOTES, noisy, seconds=1.3, rate=RATE, seed=[5]) for _ in range(2))
    other_T = play(NOTES, noisy, seconds=1.3, rate=RATE, seed=[6])
    clean_T = play(NOTES, MANNER, seconds=1.3, rate=RATE, seed=[5])
    assert one_T.dtype == np.float32
    assert len(one_T) == round(1.3 * RATE)
    assert np.array_equal(one_T, two_T)
    assert not np.array_equal(one_T, other_T)
    assert np.abs(clean_T).max() == pytest.approx(0.5, rel=1e-3)
    assert (one_T - clean_T).std() == pytest.approx(0.05, rel=0.05)

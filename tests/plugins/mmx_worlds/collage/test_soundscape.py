from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mmx.types import Audio
from mmx_worlds.collage import soundscape
from mmx_worlds.real.links import AMBIENCES

RATE = 8000


def tone(frequency: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def loudest(samples: np.ndarray, rate: int = RATE) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


@pytest.mark.parametrize("factor", [0.7, 0.94, 1.0, 1.06, 1.5])
def test_speed_changes_length_and_pitch_together(factor: float) -> None:
    changed = soundscape.change_speed(tone(500), factor)
    assert len(changed) == pytest.approx(RATE / factor, rel=0.004)
    assert loudest(changed) == pytest.approx(500 * factor, rel=0.005)
    middle = changed[len(changed) // 4 : -len(changed) // 4]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(np.sqrt(0.5), rel=0.02)


def test_faster_sounds_do_not_alias() -> None:
    """3500 Hz played 1.5 times as fast would be 5250 Hz, above half the rate: it must vanish, not fold down."""
    assert np.abs(soundscape.change_speed(tone(3500), 1.5)[200:-200]).max() < 0.02


def test_a_voice_begins_where_it_sounds_at_unit_level() -> None:
    quiet = np.zeros(4000, np.float32)
    audio = Audio(np.stack([np.concatenate([quiet, 0.3 * tone(440)])] * 2), RATE)
    voice = soundscape.prepare_voice(audio, RATE)
    assert len(voice.samples_T) == pytest.approx(RATE + soundscape.LEAD_SECONDS * RATE, abs=20)
    assert np.sqrt(np.mean(voice.samples_T[400:] ** 2)) == pytest.approx(1.0, rel=0.05)
    assert voice.entries[0] == 0
    assert max(voice.entries) <= 0.76 * len(voice.samples_T)


def test_a_voice_keeps_its_pitch_at_another_rate() -> None:
    voice = soundscape.prepare_voice(Audio(tone(440, rate=22050)[None], 22050), 16000)
    assert voice.seconds == pytest.approx(1.0, abs=0.01)
    assert loudest(voice.samples_T, 16000) == pytest.approx(440, abs=2)


def test_excerpts_do_not_begin_in_pauses() -> None:
    samples = np.concatenate([tone(440), np.zeros(RATE, np.float32), tone(440), tone(440)])
    voice = soundscape.prepare_voice(Audio(samples[None], RATE), RATE)
    assert len(voice.entries) > 10
    for entry in voice.entries:
        assert np.abs(voice.samples_T[entry : entry + RATE // 20]).max() > 0.5


def test_fading_starts_and_ends_at_zero() -> None:
    before = np.ones(1000, np.float32)
    faded = soundscape.fade(before, RATE)
    assert faded[0] == faded[-1] == 0
    assert (faded[100:500] == 1).all()
    assert before.all()
    assert len(soundscape.fade(np.ones(1, np.float32), RATE)) == 1


def test_adding_cuts_off_at_the_end() -> None:
    track = np.zeros(10, np.float32)
    soundscape.add(track, np.ones(4, np.float32), 8, gain=0.5)
    soundscape.add(track, np.ones(4, np.float32), 12)
    np.testing.assert_array_equal(track, [0] * 8 + [0.5] * 2)


def test_rooms_are_causal_and_the_first_is_dry() -> None:
    rooms = soundscape.Rooms(np.random.default_rng(0), RATE, RATE, count=6)
    track = np.zeros(RATE, np.float32)
    track[3000] = 1
    np.testing.assert_array_equal(rooms.apply(track, 0), track)
    for room in range(1, len(rooms)):
        wet = rooms.apply(track, room)
        assert wet.shape == track.shape and wet.dtype == np.float32
        assert np.linalg.norm(wet) == pytest.approx(1, rel=1e-4)
        # Tilt and edge spread a click by a few milliseconds to both sides; the echo only follows.
        assert np.abs(wet[:2800]).max() < 0.02 * np.abs(wet).max()
        assert np.sqrt((wet[3100:] ** 2).sum()) > 3 * np.sqrt((wet[:2900] ** 2).sum())


def test_rooms_do_not_wrap_the_end_into_the_beginning() -> None:
    rooms = soundscape.Rooms(np.random.default_rng(1), RATE, RATE, count=4)
    track = np.zeros(RATE, np.float32)
    track[-200:] = tone(500)[:200]
    for room in range(1, 4):
        assert np.abs(rooms.apply(track, room)[: RATE // 2]).max() < 0.02


@pytest.mark.parametrize("place", AMBIENCES)
def test_noise_lies_in_its_band(place: str) -> None:
    rate, ambience = 16000, AMBIENCES[place]
    noises = soundscape.Noises(np.random.default_rng(0), rate, {place: ambience}, seconds=4)
    piece = noises.piece(np.random.default_rng(1), place, 3 * rate)
    assert piece.dtype == np.float32
    assert np.sqrt(np.mean(piece**2)) == pytest.approx(1, rel=1e-3)
    power = np.abs(np.fft.rfft(piece)) ** 2
    frequencies = np.fft.rfftfreq(len(piece), 1 / rate)
    inside = (frequencies > 0.5 * ambience.low) & (frequencies < 2 * ambience.high)
    assert power[inside].sum() > 0.9 * power.sum()


def test_places_sound_different() -> None:
    """The shares of power in octave bands overlap by less than 80 % between any two places."""
    noises = soundscape.Noises(np.random.default_rng(0), 16000, AMBIENCES)
    edges = np.searchsorted(np.fft.rfftfreq(32000, 1 / 16000), 62.5 * 2.0 ** np.arange(7))
    shares = {}
    for place in AMBIENCES:
        power = np.abs(np.fft.rfft(noises.piece(np.random.default_rng(0), place, 32000))) ** 2
        bands = np.array([part.sum() for part in np.split(power, edges)])
        shares[place] = bands / bands.sum()
    for one, two in combinations(AMBIENCES, 2):
        assert np.minimum(shares[one], shares[two]).sum() < 0.8, (one, two)


def test_a_piece_may_be_longer_than_the_stretch() -> None:
    noises = soundscape.Noises(np.random.default_rng(0), RATE, AMBIENCES, seconds=1)
    assert len(noises.piece(np.random.default_rng(0), "town", 3 * RATE)) == 3 * RATE


@pytest.mark.parametrize("peak", [0.2, 0.95])
def test_the_peak_is_set_exactly_and_nothing_else_changes(peak: float) -> None:
    samples = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    level = soundscape.set_peak(samples, peak)
    assert level.dtype == np.float32
    assert np.abs(level).max() == pytest.approx(peak, rel=1e-5)
    np.testing.assert_allclose(level / level[0], samples / samples[0], rtol=1e-4)


def test_silence_stays_silence() -> None:
    silence = np.zeros(100, np.float32)
    np.testing.assert_array_equal(soundscape.set_peak(silence, 0.9), silence)


def test_decibels_are_amplitudes() -> None:
    assert soundscape.decibels(0) == 1
    assert soundscape.decibels(20) == pytest.approx(10)
    assert soundscape.decibels(-6.0206) == pytest.approx(0.5, rel=1e-4)

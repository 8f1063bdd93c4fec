from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.people.speakers import Voice, draw_speaker
from mmx_worlds.speech import melody
from mmx_worlds.speech.phonemes import PAUSE
from mmx_worlds.speech.utterance import CONTROL, Spoken, Utterance, compose

VOICE = Voice(pitch=120.0, swing=0.25, tract=1.0, tilt=0.8, breath=0.01, tempo=1.0)
SECONDS = 2.0
TIME = (np.arange(round(SECONDS * CONTROL)) + 0.5) / CONTROL


def semitones(tune: melody.Melody, said: Utterance, voice: Voice = VOICE, seed: int = 0) -> np.ndarray:
    pitch_K = tune(said, voice, TIME, np.random.default_rng(seed))
    assert pitch_K.shape == TIME.shape
    return np.asarray(12 * np.log2(pitch_K / voice.pitch))


def said_by(voice: Voice, seed: int) -> Utterance:
    return compose(np.random.default_rng((seed, 1)), voice, SECONDS)


def test_the_models_two_responses() -> None:
    time = np.linspace(-1, 4, 501)
    hump, step = melody.phrase(time), melody.accent(time)
    assert not hump[time < 0].any()
    assert not step[time < 0].any()
    assert abs(time[np.argmax(hump)] - 1 / 3) < 0.01  # alpha^2 t exp(-alpha t) is largest at 1 / alpha
    assert hump.max() == pytest.approx(3 / np.e, rel=1e-3)
    expected = np.where(time < 0, 0, np.minimum(1 - (1 + 20 * time) * np.exp(-20 * np.maximum(time, 0)), 0.9))
    np.testing.assert_allclose(step, expected, atol=1e-12)


def test_lively_speech_moves_as_far_as_people_do_and_even_speech_does_not() -> None:
    """Deviations within clips, and of all of a speaker's clips, in semitones; people: 2 to 4."""
    within: dict[str, list[float]] = {"even": [], "lively": []}
    shares = []
    for number in range(60):
        voice = draw_speaker(np.random.default_rng((number, 2))).voice
        takes = [said_by(voice, 10 * number + take) for take in range(3)]
        lively = [semitones(melody.lively, said, voice, 10 * number + n) for n, said in enumerate(takes)]
        within["lively"] += [values.std() for values in lively]
        within["even"] += [semitones(melody.even, said, voice, number).std() for said in takes]
        shares.append(np.concatenate(lively).std() / (12 * voice.swing))
        assert 2 <= 12 * voice.swing <= 4
    assert 2.0 < np.mean(within["lively"]) < 3.0
    assert np.mean(within["even"]) < 0.6 * np.mean(within["lively"])
    assert 0.8 < np.mean(shares) < 1.15


def test_a_voice_without_swing_stays_at_its_pitch_but_for_jitter() -> None:
    still = Voice(120.0, 1e-9, 1.0, 0.8, 0.01, 1.0)
    values = semitones(melody.lively, said_by(still, 0), still)
    assert abs(values.mean()) < 0.05
    periods = 2.0 ** (-values / 12)
    assert 0.005 < np.abs(np.diff(periods)).mean() < 0.012


def test_a_phrase_declines_and_a_pause_begins_another() -> None:
    pause = Spoken(PAUSE, 0.9, 1.2)
    sounds = (Spoken("AA", 0.0, 0.9), pause, Spoken("AA", 1.2, 2.0))
    rises = []
    for seed in range(20):
        values = semitones(melody.lively, Utterance("", sounds, ()), seed=seed)
        before, after = values[(TIME > 0.7) & (TIME < 0.9)].mean(), values[(TIME > 1.2) & (TIME < 1.5)].mean()
        rises.append(after - before)
        late = values[(TIME > 1.8)].mean()
        assert late < after
    assert min(rises) > 0


def test_an_accent_raises_the_pitch_where_it_is() -> None:
    sounds = (Spoken("AA", 0.0, 2.0),)
    plain = semitones(melody.lively, Utterance("", sounds, ()))
    raised = semitones(melody.lively, Utterance("", sounds, ((1.0, VOICE.swing),)))
    gain = raised - plain
    assert abs(TIME[np.argmax(gain)] - 1.1) < 0.08
    assert gain.max() - gain[TIME < 0.8].mean() > 2.0

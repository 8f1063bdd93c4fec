from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mmx_worlds.speech import tts
from mmx_worlds.speech.phonemes import WORDS


class Engine:
    """Says every word as 0.3 s of a tone between silences."""

    def speak(self, text: str, *, voice: str, pitch: float, speed: float) -> bytes:
        assert text in WORDS
        tone_T = np.sin(2 * np.pi * 200 * pitch * np.arange(int(0.3 * tts.RATE)) / tts.RATE)
        samples_T = np.concatenate([np.zeros(800), tone_T, np.zeros(800)])
        return (samples_T * 20000).astype("<i2").tobytes()


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tts, "_engine", lambda: Engine())
    tts.word_waveform.cache_clear()
    yield
    tts.word_waveform.cache_clear()


def test_voices_of_the_splits_are_disjoint() -> None:
    names = [name for voices in tts.VOICES.values() for name in voices]
    assert len(names) == len(set(names)) == 6


def test_silence_around_a_word_is_cut() -> None:
    sound_T = tts.word_waveform("family", "en-GB", 1.0, 1.0)
    assert abs(len(sound_T) - 0.3 * tts.RATE) < 20


def test_phonemes_lie_within_their_words() -> None:
    said, samples_T = tts.speak(np.random.default_rng(2), "en-GB", 1.0, 1.0, 2.0, 8000)
    assert samples_T.shape == (16000,)
    assert samples_T.dtype == np.float32
    assert said.phonemes[0].start == 0.0
    assert said.phonemes[-1].end <= 2.0
    for spoken in said.phonemes:
        piece_T = samples_T[int((spoken.start + 0.005) * 8000) : int((spoken.end - 0.005) * 8000)]
        if len(piece_T) > 40:
            loud = np.sqrt(np.mean(piece_T**2))
            assert (loud < 0.02) == (spoken.symbol == "SIL"), spoken


def test_the_real_package_speaks() -> None:
    nanotts = pytest.importorskip("py_nanotts")
    spoken = nanotts.NanoTTS().speak("family", voice="en-GB", pitch=1.0, speed=1.0)
    samples_T = np.frombuffer(spoken, "<i2")
    assert 0.2 < len(samples_T) / tts.RATE < 2.0
    assert np.abs(samples_T).max() > 1000

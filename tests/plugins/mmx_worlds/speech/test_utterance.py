from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.people.speakers import Voice
from mmx_worlds.speech.phonemes import VISEMES
from mmx_worlds.speech.utterance import Spoken, Utterance, compose, frame_count, lips, visemes

VOICE = Voice(pitch=120.0, swing=0.2, tract=1.0, tilt=0.8, breath=0.01, tempo=1.0)


def test_lips_follow_the_phonemes() -> None:
    said = Utterance("x", (Spoken("AA", 0.0, 0.4), Spoken("M", 0.4, 0.8), Spoken("UW", 0.8, 1.2)), ())
    shape = lips(said, 1.2, 25.0)
    assert shape.shape == (30, 3)
    assert shape[5, 0] > 0.9  # open
    assert shape[15, 0] < 0.05  # pressed together
    assert shape[25, 1] < -0.9  # rounded
    names = visemes(said, 1.2, 25.0)
    assert [names[5], names[15], names[25]] == ["open", "closed", "round"]


def test_composed_utterances_have_no_gaps_and_repeat() -> None:
    for seed in range(20):
        said = compose(np.random.default_rng(seed), VOICE, 2.0)
        assert said == compose(np.random.default_rng(seed), VOICE, 2.0)
        assert said.phonemes[0].start == 0.0
        assert said.phonemes[-1].end == 2.0
        for before, after in zip(said.phonemes[:-1], said.phonemes[1:], strict=True):
            assert before.end == after.start
            assert before.end > before.start
        assert set(visemes(said, 2.0, 25.0)) <= set(VISEMES)
        assert said.text


@pytest.mark.parametrize(("seconds", "frames"), [(1.5, 38), (2.0, 50), (0.04, 1), (3.0, 75)])
def test_frames_cover_the_clip(seconds: float, frames: int) -> None:
    assert frame_count(seconds, 25.0) == frames

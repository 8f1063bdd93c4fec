from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.model.model import Model
from mmx.types import Audio
from mmx_speech2face.predict import LEAST_SYLLABIC, LEAST_VOICED, answer, check_audio, doubts, syllabic, voiced
from tests.plugins.mmx_speech2face.conftest import DIM, NAMES, SIDE

RATE = 8000
TIME = np.arange(4 * RATE) / RATE


def sound(samples: np.ndarray, rate: int = RATE) -> Audio:
    return Audio(samples.astype(np.float32)[None], rate)


def hum(pitch: float = 150.0, syllables: float = 4.0) -> np.ndarray:
    """A voice reduced to what is measured: harmonics that swell a few times a second."""
    tone = sum(np.sin(2 * np.pi * pitch * n * TIME) / n for n in range(1, 8))
    return 0.1 * tone * (0.5 - 0.5 * np.cos(2 * np.pi * syllables * TIME)) ** 2


def recording(seconds: float, rate: int = RATE, channels: int = 1) -> Audio:
    samples = np.tile(hum(), 4)[: round(seconds * rate)]
    return Audio(np.repeat(samples.astype(np.float32)[None], channels, 0), rate)


def test_a_voice_gives_a_face_its_features_and_a_warning(model: Model) -> None:
    found = answer(model, NAMES, recording(3.0), 2.0)
    assert [clip.key for clip in found.clips] == ["face", "average_face", "exaggerated_face"]
    assert all(clip.media.shape == (15 * SIDE, 15 * SIDE, 3) for clip in found.clips)
    assert "identifies nobody" in found.notes[0]
    assert len(found.notes) == 1
    assert found.arrays["features"].shape == (DIM,)
    with torch.no_grad():
        batch = model.prepare(
            [type("S", (), {"id": "x", "fields": {"voice": recording(3.0)}, "targets": {}})()], ["voice"]
        )
        expected = model(batch, ["fused.voice"]).fused["voice"].pooled_BD[0]
    np.testing.assert_allclose(found.arrays["features"], expected.numpy(), atol=1e-5)


def test_the_exaggerated_face_is_further_from_the_mean(model: Model) -> None:
    decoder: Any = model.heads["decoder"]
    decoder.mean_D += torch.randn(DIM)
    found = answer(model, NAMES, recording(3.0), 1.0)
    assert np.array_equal(found.clips[0].media, found.clips[2].media), "a factor of 1 changes nothing"
    nowhere = answer(model, NAMES, recording(3.0), 1e-6)
    assert np.abs(nowhere.clips[1].media.astype(int) - nowhere.clips[2].media).max() <= 1


def test_what_was_done_to_the_recording_is_told(model: Model) -> None:
    short = " ".join(answer(model, NAMES, recording(1.2), 1.5).notes)
    assert "repeated until 3 s" in short
    long = " ".join(answer(model, NAMES, recording(5.0, channels=2), 1.5).notes)
    assert "first 3 s were used" in long
    assert "2 channels were averaged" in long
    music = Audio((0.1 * np.sin(np.arange(3 * 44_100) / 20)).astype(np.float32)[None], 44_100)
    assert any("does not sound like one person" in note for note in answer(model, NAMES, music, 1.5).notes)


def test_there_must_be_something_to_hear(model: Model) -> None:
    with pytest.raises(DataError, match="silent"):
        answer(model, NAMES, Audio(np.zeros((1, 8000), np.float32), 8000), 1.5)
    with pytest.raises(PortError, match="no face to draw"):
        answer(model, replace(NAMES, told="told"), recording(3.0), 1.5)


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
        check_audio(sound(np.zeros(RATE)))
    with pytest.raises(DataError, match="no samples"):
        check_audio(Audio(np.zeros((1, 0), np.float32), RATE))
    with pytest.raises(DataError, match="finite"):
        check_audio(sound(np.array([0.1, np.nan])))
    check_audio(sound(hum() * 0.01))


def test_what_would_reach_the_encoder_as_silence_is_refused_with_its_reason() -> None:
    with pytest.raises(DataError, match=r"0\.10 s, less than a syllable; give 3 s"):
        check_audio(sound(hum()[: RATE // 10]), 3.0)
    voice = sound(hum()).samples_CT
    with pytest.raises(DataError, match="cancel each other out"):
        check_audio(Audio(np.concatenate([voice, -voice]), RATE))
    late = sound(np.concatenate([np.zeros(3 * RATE), hum()]))
    with pytest.raises(DataError, match="the first 3 s are silent"):
        check_audio(late, 3.0)
    check_audio(late, 6.0)


def test_less_than_a_second_cannot_be_told() -> None:
    (note,) = doubts(sound(hum()[: RATE // 2]))
    assert "0.50 s are too short to decide" in note

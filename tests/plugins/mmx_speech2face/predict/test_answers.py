from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.model.model import Model
from mmx.types import Audio
from mmx_speech2face.predict.answers import answer
from tests.plugins.mmx_speech2face.conftest import DIM, NAMES, RATE, SIDE
from tests.plugins.mmx_speech2face.predict.test_voice_check import hum


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
    assert "first 3 s were heard" in long
    assert "2 channels were averaged" in long
    music = Audio((0.1 * np.sin(np.arange(3 * 44_100) / 20)).astype(np.float32)[None], 44_100)
    assert any("does not sound like one person" in note for note in answer(model, NAMES, music, 1.5).notes)


def test_there_must_be_something_to_hear(model: Model) -> None:
    with pytest.raises(DataError, match="silent"):
        answer(model, NAMES, Audio(np.zeros((1, 8000), np.float32), 8000), 1.5)
    with pytest.raises(PortError, match="no face to draw"):
        answer(model, replace(NAMES, told="told"), recording(3.0), 1.5)

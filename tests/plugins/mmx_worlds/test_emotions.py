"""Emotions: what is alike is alike, what is shown is measured again, and speakers stay in their split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx_worlds.emotions import EMOTIONS, FRAMES, RATE, SEGMENT, Emotions, Speaker, draw, expression, voice

SPEAKER = Speaker(160.0, 0.0, 7.0, np.zeros(3), np.ones(3), np.array([200.0, 160.0, 140.0]))
SPEAKS = np.ones(4, bool)
COUNT = round(SEGMENT * RATE)


def pitch(wave: np.ndarray) -> float:
    """Return the pitch of a tone with overtones, by its autocorrelation."""
    lags = np.correlate(wave, wave, "full")[len(wave) - 1 :]
    least = RATE // 500
    return RATE / (least + int(lags[least : RATE // 60].argmax()))


def contour(emotion: str, seed: int) -> tuple[float, float]:
    """Return octaves from the first to the last third of a segment, and its loudness in dB; means of four segments."""
    wave = voice(SPEAKER, EMOTIONS.index(emotion), SPEAKS, (seed,)).samples_CT[0].reshape(4, COUNT)
    rises = [np.log2(pitch(part[-COUNT // 3 :]) / pitch(part[: COUNT // 3])) for part in wave]
    return float(np.mean(rises)), float(20 * np.log10(np.sqrt((wave**2).mean())))


def test_voices_rise_fall_and_grow_loud_as_their_emotion_says() -> None:
    rise, loud = zip(*(contour(name, 5) for name in ("sad", "neutral", "happy", "surprised")), strict=True)
    assert list(rise) == sorted(rise) and rise[0] < -0.1 and rise[3] > 0.4
    assert loud[2] > loud[1] > loud[0]
    a, b = (voice(SPEAKER, EMOTIONS.index(name), SPEAKS, (3,)) for name in ("happy", "angry"))
    np.testing.assert_array_equal(a.samples_CT, b.samples_CT)


def test_faces_differ_but_for_neutral_and_sad() -> None:
    a, b = (expression(SPEAKER, EMOTIONS.index(name), SPEAKS, (3,)).frames_THWC for name in ("neutral", "sad"))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (4 * FRAMES, 32, 32, 3)

    def mouth(curve: float, opening: float) -> np.ndarray:
        face = draw(SPEAKER, np.array([[curve, 0.0, opening]]), np.zeros((1, 2)))[0]
        return np.argwhere((face[..., 0] < 150) & (face[..., 1] < 80) & (np.arange(32) > 18)[:, None])

    def smile(where: np.ndarray) -> float:
        """How far the corners lie above the middle."""
        aside = np.abs(where[:, 1] - 15.5)
        return float(where[aside < 2, 0].mean() - where[aside > 4, 0].mean())

    assert smile(mouth(1.0, 0.1)) > 1 > -1 > smile(mouth(-1.0, 0.1))
    assert len(mouth(0.0, 1.0)) > 2 * len(mouth(0.0, 0.0))


def test_pauses_show_nothing() -> None:
    speaks = np.array([True, False])
    wave = voice(replace(SPEAKER), 1, speaks, (1,)).samples_CT[0].reshape(2, COUNT)
    assert wave[0].std() > 3 * wave[1].std()
    frames = expression(SPEAKER, 1, speaks, (1,)).frames_THWC.astype(float)
    still = np.abs(frames[FRAMES + 4] - frames[2 * FRAMES - 1]).mean()
    assert np.abs(frames[4] - frames[0]).mean() > still


def test_speakers_stay_in_their_split() -> None:
    world = Emotions(speakers=12, clips=6)
    assert isinstance(world, Corpus)
    of = {name: {s.targets["speaker"] for s in world.split(name)} for name in ("train", "val", "test", "familiar")}
    assert [len(each) for each in of.values()] == [6, 1, 5, 6]
    assert of["familiar"] == of["train"] and not of["train"] & of["test"] and not of["val"] & of["test"]
    for sample in world.split("test"):
        assert sample.fields["audio"].seconds == pytest.approx(sample.fields["video"].seconds)
    labels = [sample.targets["label"] for sample in world.split("test")]
    assert sorted(labels) == sorted([*range(6)] * 5)
    with pytest.raises(ConfigError, match="multiple of 12"):
        Emotions(speakers=13)
    with pytest.raises(DataError, match="trian"):
        world.split("trian")


def test_another_speakers_face_of_the_same_emotion() -> None:
    own, other = (Emotions(speakers=12, clips=6, pairing=name).split("test")[0] for name in ("own", "class"))
    np.testing.assert_array_equal(own.fields["audio"].samples_CT, other.fields["audio"].samples_CT)
    assert own.targets == other.targets
    assert (own.fields["video"].frames_THWC != other.fields["video"].frames_THWC).mean() > 0.5

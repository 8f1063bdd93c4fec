from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.types import Audio, Video
from mmx_worlds.mixtures.mixing import (
    LEVEL,
    Mixture,
    Plan,
    background,
    cut,
    draw_mixture,
    excerpt,
    loudness,
    mix,
    mixture_of,
)

PLAN = Plan(voices=3, frames=20, relative_db=6.0, noise_db=-10.0)
SPEAKERS = ["a", "a", "b", "c", "c", "d"]
LENGTHS = [50, 20, 30, 25, 60, 10]


def drawn(seed: int) -> Mixture:
    return draw_mixture(np.random.default_rng(seed), f"m{seed}", SPEAKERS, LENGTHS, 4, PLAN)


def test_recipes_are_of_different_speakers_and_within_the_clips() -> None:
    seen: Counter[int] = Counter()
    for seed in range(300):
        mixture = drawn(seed)
        assert mixture == drawn(seed)
        assert len(set(mixture.speakers)) == 3
        assert [SPEAKERS[clip] for clip in mixture.clips] == list(mixture.speakers)
        for clip, offset in zip(mixture.clips, mixture.offsets, strict=True):
            assert 0 <= offset <= max(0, LENGTHS[clip] - 20)
        assert all(abs(gain) <= 3.0 for gain in mixture.gains_db)
        assert mixture.noise in range(4)
        seen.update(mixture.clips)
    assert len(seen) == 6


def test_rows_are_recipes_again() -> None:
    assert mixture_of(drawn(1).row()) == drawn(1)
    with pytest.raises(DataError, match="not a row"):
        mixture_of({"id": "x", "volume": 3})


def tone(hertz: float, level: float, seconds: float = 1.0, rate: int = 8000) -> np.ndarray:
    time_T = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time_T)).astype(np.float32)


def test_the_mixture_is_the_sum_of_its_targets_at_the_drawn_levels() -> None:
    voices = np.stack([tone(200, 0.9), tone(310, 0.01)])
    mixture, targets = mix(voices, (2.0, -4.0), None, 0.0)
    np.testing.assert_allclose(mixture, targets.sum(0), atol=1e-6)
    levels = [20 * np.log10(loudness(target)) for target in targets]
    assert levels[0] - levels[1] == pytest.approx(6.0, abs=0.05)
    assert np.sqrt(np.mean(mixture**2)) == pytest.approx(LEVEL, rel=1e-4)


def test_noise_is_in_the_mixture_and_not_in_the_targets() -> None:
    voices = np.stack([tone(200, 0.5)])
    noise = np.random.default_rng(0).normal(0, 3.0, 8000).astype(np.float32)
    mixture, targets = mix(voices, (0.0,), noise, 20 * np.log10(0.3))
    rest = mixture - targets[0]
    assert 20 * np.log10(loudness(rest) / loudness(targets[0])) == pytest.approx(20 * np.log10(0.3), abs=0.1)


def test_a_silent_voice_stays_silent() -> None:
    mixture, targets = mix(np.stack([tone(200, 0.5), np.zeros(8000, np.float32)]), (0.0, 3.0), None, 0.0)
    assert not targets[1].any()
    np.testing.assert_allclose(mixture, targets[0], atol=1e-6)


def test_loudness_leaves_pauses_out() -> None:
    half = np.concatenate([tone(200, 0.4), np.zeros(8000, np.float32)])
    assert loudness(half) == pytest.approx(loudness(tone(200, 0.4)), rel=0.05)
    assert loudness(np.zeros(100, np.float32)) == 0


def test_excerpts_are_at_the_wanted_rate_and_padded() -> None:
    sound = Audio(np.stack([tone(200, 0.5, rate=16000), np.zeros(16000, np.float32)]), 16000)
    piece = excerpt(sound, 8000, 0.25, 4000)
    np.testing.assert_allclose(piece[200:3800], tone(200, 0.5)[2200:5800], atol=0.01)
    late = excerpt(sound, 8000, 0.9, 4000)
    assert late.shape == (4000,)
    assert not late[900:].any()
    for broken in (np.zeros((1, 0), np.float32), np.full((1, 9), np.nan, np.float32)):
        with pytest.raises(DataError, match="no samples, or samples"):
            excerpt(Audio(broken, 8000), 8000, 0.0, 10)


def test_short_backgrounds_repeat() -> None:
    ramp = Audio(np.arange(10, dtype=np.float32)[None] / 10, 8000)
    found = background(ramp, 8000, 0.3, 25)
    np.testing.assert_allclose(found, [((i + 3) % 10) / 10 for i in range(25)], atol=1e-6)


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_faces_are_cut_at_the_same_time_as_voices(fps: float) -> None:
    count = int(2 * fps)
    frames = np.zeros((count, 4, 4, 3), np.uint8)
    frames[:] = np.arange(count)[:, None, None, None]
    found = cut(Video(frames, fps), 10, 5)
    assert found.fps == 25
    expected = [int((10 + k + 0.5) / 25 * fps) for k in range(5)]
    assert found.frames_THWC[:, 0, 0, 0].tolist() == expected
    assert len(cut(Video(frames, fps), 48, 10).frames_THWC) == 10

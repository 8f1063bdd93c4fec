from __future__ import annotations

import numpy as np

from mmx_worlds.people.speakers import FACTORS, HIGHEST, LOWEST, SHARED, draw_speaker, numbers_of


def crowd(count: int = 400) -> list:
    return [draw_speaker(np.random.default_rng((7, number))) for number in range(count)]


def test_the_same_generator_gives_the_same_speaker() -> None:
    assert draw_speaker(np.random.default_rng(3)) == draw_speaker(np.random.default_rng(3))
    assert draw_speaker(np.random.default_rng(3)) != draw_speaker(np.random.default_rng(4))


def test_voices_and_looks_are_in_range() -> None:
    for speaker in crowd():
        assert len(speaker.factors) == len(FACTORS)
        assert LOWEST < speaker.voice.pitch < HIGHEST
        assert 0.8 < speaker.voice.tract < 1.2
        for colour in (speaker.look.skin, speaker.look.hair, speaker.look.iris, speaker.look.lips):
            assert all(0 <= value <= 1 for value in colour)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_voice_and_face_share_some_factors_and_not_others() -> None:
    people = crowd()
    pitch = np.log([speaker.voice.pitch for speaker in people])
    wide = np.array([speaker.look.wide for speaker in people])
    skin = np.array([speaker.look.skin[0] for speaker in people])
    mouth = np.array([speaker.look.mouth for speaker in people])
    assert FACTORS[:SHARED] == ("size", "age")
    assert correlation(pitch, wide) < -0.7
    assert correlation(pitch, wide) > -0.97  # a face must not tell the voice entirely
    assert abs(correlation(pitch, skin)) < 0.2
    assert abs(correlation(pitch, mouth)) < 0.2


def test_pitches_are_spread_as_those_of_men_and_women() -> None:
    """Half around 120, half around 210 Hz, each with a deviation of 2 semitones: 158.7 Hz, 5.2 semitones."""
    pitch = 12 * np.log2([speaker.voice.pitch for speaker in crowd(2000)])
    apart = 6 * np.log2(210 / 120)
    assert abs(2 ** (pitch.mean() / 12) / np.sqrt(120 * 210) - 1) < 0.03
    assert abs(pitch.std() - np.hypot(apart, 2.0)) < 0.4


def test_numbers_repeat_within_a_split_and_differ_between_splits() -> None:
    counts = {"train": 3, "val": 2, "test": 2}
    assert [numbers_of(counts, "train", position) for position in range(4)] == [(0, 0), (1, 1), (2, 2), (0, 0)]
    assert [numbers_of(counts, "val", position) for position in range(3)] == [(0, 3), (1, 4), (0, 3)]
    assert numbers_of(counts, "test", 1) == (1, 6)

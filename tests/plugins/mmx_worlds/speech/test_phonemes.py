from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.speech.phonemes import PAUSE, PHONEMES, VISEMES, WORDS


def test_every_word_is_spelt_in_known_phonemes_and_has_a_vowel() -> None:
    assert len(WORDS) >= 100
    for word, spelling in WORDS.items():
        assert spelling, word
        assert set(spelling) <= set(PHONEMES), word
        assert any(PHONEMES[symbol].targets[0].voice == 1.0 for symbol in spelling), word


@pytest.mark.parametrize("symbol", sorted(PHONEMES))
def test_phonemes_are_in_range(symbol: str) -> None:
    phoneme = PHONEMES[symbol]
    assert phoneme.symbol == symbol
    assert phoneme.viseme in VISEMES
    assert 0.03 < phoneme.seconds < 0.3
    assert np.isclose(sum(target.share for target in phoneme.targets), 1.0)
    for target in phoneme.targets:
        assert list(target.formants) == sorted(target.formants)
        assert 0 <= target.voice <= 1
        assert 0 <= target.noise <= 1
        opening, width, teeth = target.lips
        assert 0 <= opening <= 1
        assert -1 <= width <= 1
        assert 0 <= teeth <= 1


def test_lips_are_shut_where_they_must_be() -> None:
    assert all(target.lips[0] == 0 for symbol in ("P", "B", "M", PAUSE) for target in PHONEMES[symbol].targets)
    assert all(PHONEMES[symbol].targets[0].lips[0] > 0.9 for symbol in ("AA", "AE"))
    assert all(PHONEMES[symbol].targets[0].lips[1] == -1 for symbol in ("UW", "W", "SH"))


def test_voiceless_sounds_are_noise_only() -> None:
    for symbol in ("S", "SH", "F", "TH", "HH"):
        assert all(target.voice == 0 and target.noise > 0 for target in PHONEMES[symbol].targets)

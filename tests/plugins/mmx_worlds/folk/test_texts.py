"""Texts say what is true, in the shares that were asked for, with the noise that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_std.corpora.music.words import PHRASES
from mmx_worlds.folk import texts

KNOWN = {
    "instrument": "fiddle",
    "tempo": "slow",
    "register": "low",
    "genre": "reel",
    "region": "Irish",
    "metre": "duple time",
    "mode": "minor",
    "key": "A minor",
    "title": "The Lost Piper",
}
FALSE = [
    name.lower()
    for kind, values in PHRASES.items()
    for value, names in values.items()
    if value != KNOWN[kind]
    for name in names
]


def said(source: texts.Source, *, filtered: bool, count: int = 300) -> list[str]:
    rng = np.random.default_rng(0)
    return [texts.text_of(source, KNOWN, rng, filtered=filtered) for _ in range(count)]


def lies(text: str) -> bool:
    words = f" {text.lower().replace(',', ' ')} "
    return any(f" {name} " in words for name in FALSE)


@pytest.mark.parametrize("source", ["sf", "lf", "aset"])
def test_filtered_texts_tell_the_truth(source: texts.Source) -> None:
    assert not [text for text in said(source, filtered=True) if lies(text)]


def test_unfiltered_texts_are_noise_in_about_three_of_ten() -> None:
    sentences = said("lf", filtered=False, count=1000)
    assert np.mean([text in texts.JUNK for text in sentences]) == pytest.approx(texts.NOISE, abs=0.05)
    tags = said("sf", filtered=False, count=1000)
    noisy = [any(junk in text for junk in texts.JUNK_TAGS) for text in tags]
    assert np.mean(noisy) == pytest.approx(0.9 * texts.NOISE, abs=0.05)  # a tenth are titles
    assert not any(text in texts.JUNK for text in said("lf", filtered=True))


def test_playlists_are_wrong_in_about_three_of_ten() -> None:
    assert np.mean([lies(text) for text in said("pl", filtered=True, count=1000)]) == pytest.approx(0.3, abs=0.06)


def test_titles_and_synonyms_are_used() -> None:
    short = said("sf", filtered=True, count=500)
    assert "The Lost Piper" in short
    assert any("violin" in text for text in short)
    assert any("A minor" in text for text in short)


def test_labels_are_always_the_same() -> None:
    assert set(said("aset", filtered=True)) == {"music, fiddle, reel"}


def test_a_piece_of_which_little_is_known_still_has_texts() -> None:
    little = {"instrument": "harp", "tempo": "fast", "register": "low"}
    rng = np.random.default_rng(1)
    for source in texts.SOURCES:
        for _ in range(50):
            assert texts.text_of(source, little, rng, filtered=False).strip()

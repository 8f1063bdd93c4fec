"""The vocabulary: no word means two things, every tag has its words."""

from __future__ import annotations

from collections import Counter

from mmx_std.corpora.music import words
from mmx_worlds.folk import texts
from mmx_worlds.folk.pieces import MEAN_PITCH, NOTES_PER_SECOND
from mmx_worlds.folk.synthesis import INSTRUMENTS


def test_no_word_stands_for_two_values() -> None:
    counts = Counter(name for values in words.PHRASES.values() for names in values.values() for name in set(names))
    assert not [name for name, count in counts.items() if count > 1]


def test_all_that_is_played_can_be_said() -> None:
    assert set(words.PHRASES["instrument"]) == set(INSTRUMENTS)
    assert set(words.PHRASES["tempo"]) == set(NOTES_PER_SECOND)
    assert set(words.PHRASES["register"]) == set(MEAN_PITCH)


def test_tags_are_the_values_and_know_where_they_come_from() -> None:
    assert len(words.TAGS) == len(set(words.NAMES)) >= 16
    assert {tag.kind for tag in words.TAGS if tag.real} == set(words.REAL)
    assert {tag.kind for tag in words.TAGS if not tag.real} == set(words.SYNTHETIC)
    known = {"instrument": "harp", "tempo": "slow", "genre": "unheard of"}
    hot = dict(zip(words.NAMES, words.multi_hot(known), strict=True))
    assert {name for name, value in hot.items() if value} == {"harp", "slow"}


def test_sources_have_shares_two_two_one_one() -> None:
    assert texts.RATIO == {"sf": 2, "lf": 2, "pl": 1, "aset": 1}


def test_a_sentence_is_a_noun_phrase() -> None:
    facts = {"tempo": "slow", "region": "Irish", "genre": "reel", "metre": "duple time", "instrument": "fiddle"}
    assert words.sentence(facts) == "a slow Irish reel in duple time on the fiddle"
    assert words.sentence({"region": "from Ireland"}) == "a tune from Ireland"
    assert words.sentence({"tempo": "unhurried"}) == "an unhurried tune"

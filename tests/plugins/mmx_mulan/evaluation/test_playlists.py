"""Playlists, rankings and triplets that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_mulan.evaluation import playlists
from mmx_mulan.evaluation.playlists import Triplet
from mmx_std.corpora.music.words import PHRASES

FACTS = [{"instrument": ("harp", "fiddle")[i % 2], "tempo": ("slow", "fast")[i // 2 % 2]} for i in range(40)]


def test_members_share_what_the_title_says() -> None:
    lists = playlists.make(FACTS, 100)
    assert sorted(one.title for one in lists) == ["fast fiddle", "fast harp", "slow fiddle", "slow harp"]
    for one in lists:
        assert len(one.members) == 10
        tempo, instrument = one.title.split()
        assert all(FACTS[i] == {"instrument": instrument, "tempo": tempo} for i in one.members)
        assert not set(one.title.split()) & set(one.description.split())


def test_there_are_no_more_than_asked_and_none_too_small() -> None:
    assert len(playlists.make(FACTS, 3)) == 3
    assert playlists.make(FACTS[:12], 100) == []
    assert playlists.make([], 5) == []


def test_triplets_differ_in_one_fact() -> None:
    lists = playlists.make(FACTS, 100)
    triplets = playlists.playlist_triplets(lists, 100, 0)
    assert len(triplets) == 4 * 2
    descriptions = {one.title: one.description for one in lists}
    assert all(one.positive == descriptions[one.anchor] != one.negative for one in triplets)
    words = playlists.ontology_triplets(100, 0)
    assert len(words) == 100
    assert words == playlists.ontology_triplets(100, 0)
    for one in words:
        ((values, own),) = ((v, names) for v in PHRASES.values() for names in v.values() if names[0] == one.anchor)
        assert one.positive in own[1:]
        assert any(one.negative in names[1:] for names in values.values() if names != own)


def test_closer_is_right_wrong_or_cannot_tell() -> None:
    anchor = np.array([[1.0, 0], [1, 0], [1, 0]])
    positive = np.array([[1.0, 0], [0, 1], [0, 1]])
    negative = np.array([[0.0, 1], [1, 0], [0, 1]])
    assert playlists.closer(anchor, positive, negative).tolist() == [1, 0, 0.5]


def test_bags_of_words_see_words_and_no_meaning() -> None:
    texts = list(Triplet("slow harp", "a Slow, slow harp", "unhurried plucked strings"))
    bags_NV = playlists.bags(texts)
    assert np.allclose(np.linalg.norm(bags_NV, axis=1), 1)
    assert bags_NV[0] @ bags_NV[1] == pytest.approx(3 / np.sqrt(2 * 6))
    assert bags_NV[0] @ bags_NV[2] == 0
    assert playlists.bags(["", "x"]).tolist() == [[0], [1]]

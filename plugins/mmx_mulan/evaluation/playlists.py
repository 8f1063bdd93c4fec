"""Playlists for retrieval and triplets of sentences: the evaluation of text queries.

A playlist is two facts and the recordings that share them; its title and its description are two ways to ask for it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmx_std import music_words

Floats = NDArray[np.float64]

PAIRS: Final = (
    ("tempo", "instrument"),
    ("register", "instrument"),
    ("tempo", "register"),
    ("instrument", "genre"),
    ("tempo", "genre"),
    ("region", "instrument"),
    ("region", "tempo"),
)
LEAST: Final = 5
MOST: Final = 100
"""Recordings in a playlist; the paper's have 10 to 100."""


@dataclass(frozen=True)
class Playlist:
    """Some recordings that belong together.

    Attributes:
        title: In two to four words.
        description: The same in a sentence.
        members: Positions of its recordings.
        facts: What they share, by kind.
    """

    title: str
    description: str
    members: Sequence[int]
    facts: Mapping[str, str]


class Triplet(NamedTuple):
    """Is the anchor closer to the positive than to the negative?"""

    anchor: str
    positive: str
    negative: str


def make(facts: Sequence[Mapping[str, str]], most: int) -> list[Playlist]:
    """Return up to `most` playlists over recordings with these facts, chosen by a hash of the title."""
    members: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for position, known in enumerate(facts):
        for pair in PAIRS:
            if all(known.get(kind) in music_words.PHRASES[kind] for kind in pair):
                members.setdefault(tuple((kind, known[kind]) for kind in pair), []).append(position)
    lists = [_playlist(shared, those) for shared, those in members.items() if LEAST <= len(those) <= MOST]
    return sorted(lists, key=lambda playlist: hashlib.sha256(playlist.title.encode()).hexdigest())[:most]


def _playlist(shared: tuple[tuple[str, str], ...], members: Sequence[int]) -> Playlist:
    plain = {kind: music_words.PHRASES[kind][value][0] for kind, value in shared}
    other = {kind: music_words.PHRASES[kind][value][1] for kind, value in shared}
    return Playlist(" ".join(plain.values()), f"Listen to {music_words.sentence(other)}", members, dict(shared))


def truth(lists: Sequence[Playlist], recordings: int) -> NDArray[np.bool_]:
    """Return which recordings are in which playlist (Q, N)."""
    found_QN = np.zeros((len(lists), recordings), bool)
    for row, playlist in enumerate(lists):
        found_QN[row, list(playlist.members)] = True
    return found_QN


def ontology_triplets(most: int, seed: int) -> list[Triplet]:
    """Return triplets of a word, a synonym of it and a synonym of another value of the same kind."""
    found = [
        Triplet(names[0], synonym, wrong)
        for values in music_words.PHRASES.values()
        for value, names in values.items()
        for synonym in names[1:]
        for other, others in values.items()
        if other != value
        for wrong in others[1:]
    ]
    return _some(found, most, seed)


def playlist_triplets(lists: Sequence[Playlist], most: int, seed: int) -> list[Triplet]:
    """Return triplets of a title, its description and the description of a playlist that shares one fact with it."""
    found = [
        Triplet(one.title, one.description, other.description)
        for one in lists
        for other in lists
        if one.facts.keys() == other.facts.keys()
        and sum(one.facts[kind] != other.facts[kind] for kind in one.facts) == 1
    ]
    return _some(found, most, seed)


def _some(found: list[Triplet], most: int, seed: int) -> list[Triplet]:
    order = np.random.default_rng([seed, 11]).permutation(len(found))[:most]
    return [found[int(i)] for i in sorted(order)]


def closer(anchor_ND: Floats, positive_ND: Floats, negative_ND: Floats) -> Floats:
    """Return 1 where the anchor is closer to the positive, 0 where to the negative, 1/2 at a tie (N,)."""
    difference_N = (anchor_ND * positive_ND).sum(1) - (anchor_ND * negative_ND).sum(1)
    difference_N = np.where(np.abs(difference_N) < 1e-9, 0.0, difference_N)
    right_N: Floats = (np.sign(difference_N) + 1) / 2
    return right_N


def bags(texts: Sequence[str]) -> Floats:
    """Return unit vectors of word counts (N, V), a baseline without learning."""
    counts = [Counter(text.lower().replace(",", " ").split()) for text in texts]
    words = {word: place for place, word in enumerate(sorted(set().union(*counts)))}
    table_NV = np.zeros((len(texts), max(1, len(words))))
    for row, count in enumerate(counts):
        for word, number in count.items():
            table_NV[row, words[word]] = number
    length_N1 = np.linalg.norm(table_NV, axis=1, keepdims=True)
    unit_NV: Floats = table_NV / np.where(length_N1 > 0, length_N1, 1.0)
    return unit_NV

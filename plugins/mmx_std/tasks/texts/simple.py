"""Simple methods on texts: a dictionary, the nearest known pair, the likeliest word between two others.

Shape legend: S pairs of words that occur together, L links of a source word to a place of the target, M known texts.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

__all__ = ["between", "bigrams", "dictionary", "nearest", "word_for_word"]

ROUNDS: Final = 8
"""Of expectation and maximisation."""
_SMOOTH: Final = 0.1
"""Added to every count of a bigram."""


def dictionary(sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the likeliest translation of each source word: model 1 of Brown et al., 1993, by expectation maximisation.

    p(t | s) is proportional to the expected count of links of t to s, where a target word is linked to each source word
    of its sentence by p(t | s) / sum_s' p(t | s').

    Args:
        sources: Words of texts.
        targets: Words of their translations, in the same order.
    """
    known: dict[tuple[str, str], int] = {}
    links, places = [], []
    place = 0
    for source, target in zip(sources, targets, strict=True):
        for word in target:
            links += [known.setdefault((given, word), len(known)) for given in source]
            places += [place] * len(source)
            place += 1
    if not known:
        return {}
    link_L, place_L = np.array(links), np.array(places)
    names = list(dict.fromkeys(given for given, _ in known))
    number = {name: count for count, name in enumerate(names)}
    source_S = np.array([number[given] for given, _ in known])
    p_S = np.ones(len(known))
    for _ in range(ROUNDS):
        p_L = p_S[link_L]
        expected_S = np.bincount(link_L, p_L / np.bincount(place_L, p_L)[place_L], len(known))
        p_S = expected_S / np.bincount(source_S, expected_S)[source_S]
    best: dict[str, tuple[float, str]] = {}
    for (given, word), p in zip(known, p_S.tolist(), strict=True):
        best[given] = max(best.get(given, (0.0, "")), (p, word))
    return {given: word for given, (_, word) in best.items()}


def word_for_word(text: Sequence[str], known: Mapping[str, str]) -> str:
    """Return a text with each word replaced by its translation, in the same order; unknown words are left out."""
    return " ".join(known[word] for word in text if word in known)


def nearest(texts: Sequence[Sequence[str]], known: Sequence[Sequence[str]]) -> list[int]:
    """Return for each text the number of the known one that shares the largest part of its words (Jaccard)."""
    postings: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(known):
        for word in set(each):
            postings[word].append(number)
    arrays = {word: np.array(numbers) for word, numbers in postings.items()}
    size_M = np.array([len(set(each)) for each in known])
    found = []
    for text in texts:
        words = set(text)
        common_M = np.zeros(len(known))
        for word in words & arrays.keys():
            common_M[arrays[word]] += 1
        found.append(int((common_M / np.maximum(size_M + len(words) - common_M, 1)).argmax()))
    return found


def bigrams(texts: Sequence[Sequence[int]]) -> tuple[dict[int, Counter[int]], dict[int, Counter[int]]]:
    """Return how often each token follows another, and how often each stands before it: `after[a][b]`, `before[b][a]`.

    Args:
        texts: Tokens of texts, the marks of their beginnings and ends included.
    """
    after: dict[int, Counter[int]] = defaultdict(Counter)
    before: dict[int, Counter[int]] = defaultdict(Counter)
    for text in texts:
        for one, other in itertools.pairwise(text):
            after[one][other] += 1
            before[other][one] += 1
    return after, before


def between(left: int, right: int, counts: tuple[Mapping[int, Counter[int]], Mapping[int, Counter[int]]]) -> int:
    """Return argmax_w p(w | left) p(right | w), from counts to each of which a tenth is added; -1 without any counts.

    Args:
        left: The token before.
        right: The token after.
        counts: Of `bigrams`.
    """
    after, before = counts
    none: Counter[int] = Counter()
    follows, leads = after.get(left, none), before.get(right, none)
    best, highest = -1, -1.0
    for word in sorted({*follows, *leads}):
        total = sum(after[word].values()) if word in after else 0
        score = (follows[word] + _SMOOTH) * (leads[word] + _SMOOTH) / (total + 1.0)
        if score > highest:
            best, highest = word, score
    return best

"""Answers of annotators: how they are made equal, and how many of them an answer must share. N items, C classes.

As the evaluation of the VQA challenge does it (Antol et al. 2015, section 5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["agreement", "normalised", "scores", "vqa_accuracy"]

ENOUGH: Final = 3
"""Annotators who must have given an answer for it to be wholly right."""
_ARTICLES: Final = frozenset({"a", "an", "the"})
_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS: Final = {word: str(number) for number, word in enumerate(_WORDS)} | {"none": "0"}
_MARKS: Final = ';/[]"{}()=+\\_-><@`,?!'
_THOUSANDS = re.compile(r"\d,\d")
_STOP = re.compile(r"\.(?!\d)")


@lru_cache(maxsize=1 << 16)
def normalised(answer: str) -> str:
    """Return an answer in lower case, without punctuation and articles, its number words as digits.

    A mark that stands beside a space (or any mark, where a comma stands between digits) is left out; one inside a word
    becomes a space. A full stop is kept only before a digit.
    """
    text = " ".join(answer.split())
    found = text
    for mark in _MARKS:
        beside = f"{mark} " in text or f" {mark}" in text or _THOUSANDS.search(text) is not None
        found = found.replace(mark, "" if beside else " ")
    words = _STOP.sub("", found).lower().split()
    return " ".join(_NUMBERS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, given: Sequence[str]) -> float:
    """Return min(1, n / 3), n annotators of the same answer, averaged over the sets that leave one annotator out.

    Args:
        answer: What the model says.
        given: What the annotators said (ten of them in the data sets).
    """
    own, others = normalised(answer), [normalised(each) for each in given]
    same = sum(each == own for each in others)
    # Leaving out one of the `same` leaves one fewer; leaving out another leaves all.
    some, all_of = (min(1.0, max(0, count) / ENOUGH) for count in (same - 1, same))
    return (same * some + (len(others) - same) * all_of) / len(others)


def agreement(given: Sequence[str]) -> float:
    """Return the accuracy of an annotator by the answers of the others: min(1, n / 3), averaged over annotators."""
    counted = Counter(normalised(each) for each in given)
    return sum(count * min(1.0, (count - 1) / ENOUGH) for count in counted.values()) / len(given)


def scores(names: Sequence[str], given: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Return the accuracy (N, C) that each class would get as the answer to each item."""
    known = [normalised(name) for name in names]
    found_NC = np.zeros((len(given), len(names)))
    for row, several in enumerate(given):
        said = {normalised(each) for each in several}
        for column, name in enumerate(known):
            if name in said:
                found_NC[row, column] = vqa_accuracy(name, several)
    return found_NC

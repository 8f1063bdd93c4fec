"""Choices that need no network: how often an answer was right in training, and which words a candidate shares.

Shapes: N items, K candidates.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmx import Sample
from mmx_std.tasks.sentences import words

__all__ = ["candidates_of", "scored"]

Floats = NDArray[np.float64]


def candidates_of(sample: Sample, field: str) -> list[str]:
    """Return the candidates of an item: a list of texts, or a text with one a line; none where the field is missing."""
    found = sample.fields.get(field)
    return (found.splitlines() if isinstance(found, str) else [str(each) for each in found]) if found else []


def scored(
    train: Sequence[Sample], items: Sequence[Sample], count: int, candidates: str, target: str, others: Sequence[str]
) -> Mapping[str, Floats]:
    """Return scores (N, K) by method.

    `answer_prior`: the share of its occurrences in training in which a candidate was right. `question_prior`: how often
    it was right after the same first text (`others[0]`), then the answer prior. `word_overlap`: the share of a
    candidate's words that the item's other texts have.

    Args:
        train: Items to count on; without any only the overlap is there.
        items: Items to score.
        count: K; places without a candidate score minus infinity.
        candidates: Field of the candidates.
        target: Target with the place of the right one.
        others: Fields of the other texts, the question first.
    """
    shown: Counter[str] = Counter()
    right: Counter[str] = Counter()
    after: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sample in train:
        texts, place = candidates_of(sample, candidates), int(sample.targets.get(target, -1))
        shown.update(texts)
        if 0 <= place < len(texts):
            right[texts[place]] += 1
            after[_text(sample, others[:1])][texts[place]] += 1
    methods: dict[str, Callable[[Sample, str], float]] = {}
    if right:
        methods["answer_prior"] = lambda sample, text: right[text] / max(1, shown[text])
        methods["question_prior"] = lambda sample, text: (
            after[_text(sample, others[:1])][text] + right[text] / max(1, shown[text]) / 2
        )
    if others:
        methods["word_overlap"] = lambda sample, text: _overlap(text, _text(sample, others))
    found = {}
    for name, method in methods.items():
        scores_NK = np.full((len(items), count), -np.inf)
        for row, sample in enumerate(items):
            for column, text in enumerate(candidates_of(sample, candidates)[:count]):
                scores_NK[row, column] = method(sample, text)
        found[name] = scores_NK
    return found


def _text(sample: Sample, fields: Sequence[str]) -> str:
    values: list[Any] = [sample.fields.get(name) for name in fields]
    return " ".join(each for each in values if isinstance(each, str)).lower()


def _overlap(candidate: str, context: str) -> float:
    own, there = words(candidate), set(words(context))
    return sum(word in there for word in own) / max(1, len(own))

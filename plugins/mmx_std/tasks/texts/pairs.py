"""Neighbouring words that an input shows: ridge regression from its cheap statistics, a baseline that can bind.

Shape legend: N judged items, R rows of an item, D statistics, P principal components, Q pairs of words, K texts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmx import Signal
from mmx_std.tasks import baselines

if TYPE_CHECKING:
    from mmx import Sample

__all__ = ["Pairs"]

Floats = NDArray[np.float64]
Word = TypeVar("Word", bound=Hashable)
MOST: Final = 400
"""Most frequent pairs of neighbouring words that are learnt."""
COMPONENTS: Final = 30
"""Principal components of rows whose products are taken."""


class Pairs(Generic[Word]):
    """Counts of pairs of neighbouring words in a text, predicted from what goes with it.

    An input is described by its cheap statistics (`mmx_std.baselines`) and, where it is a set of rows (regions of an
    image), by the sum over rows of the products of their principal components: a colour and a shape in one row are
    told from the two in two rows, which sums of rows cannot do.

    Args:
        train: What is learnt from.
        judged: What is predicted for.
        fields: Inputs that are read.
        texts: Words of the training items' texts.
    """

    def __init__(
        self, train: Sequence[Sample], judged: Sequence[Sample], fields: Sequence[str], texts: Sequence[Sequence[Word]]
    ) -> None:
        counted = Counter(pair for text in texts for pair in itertools.pairwise(text))
        self.place = {pair: number for number, (pair, _) in enumerate(counted.most_common(MOST))}
        blocks = baselines.of_samples(train, judged, fields)
        for field in fields:
            both = [[sample.fields.get(field) for sample in part] for part in (train, judged)]
            if any(isinstance(value, Signal) for value in both[0]):
                blocks[f"{field}_products"] = _products(*both)
        self.expected_NQ = np.zeros((len(judged), len(self.place)))
        if blocks and self.place:
            everything = {"pairs": baselines.joined(blocks)}
            self.expected_NQ = baselines.regress(everything, self._counts(texts))["ridge_pairs"]

    def between(self, item: int, left: Word, right: Word) -> Word | None:
        """Return the word whose pairs with its two neighbours an item's input shows most; None where none is known."""
        told: Counter[Word] = Counter()
        for (one, other), number in self.place.items():
            if one == left:
                told[other] += self.expected_NQ[item, number]
            if other == right:
                told[one] += self.expected_NQ[item, number]
        return max(told, key=lambda word: told[word], default=None)

    def scores(self, texts: Sequence[Sequence[Word]]) -> Floats:
        """Return by how much each item's input shows each text (N, K): the mean over its known pairs of neighbours."""
        counts_KQ = self._counts(texts)
        return np.asarray(self.expected_NQ @ (counts_KQ / counts_KQ.sum(1, keepdims=True).clip(min=1)).T)

    def _counts(self, texts: Sequence[Sequence[Word]]) -> Floats:
        counts_KQ = np.zeros((len(texts), len(self.place)))
        for row, text in enumerate(texts):
            for pair in itertools.pairwise(text):
                if pair in self.place:
                    counts_KQ[row, self.place[pair]] += 1
        return counts_KQ


def _products(train: Sequence[Any], judged: Sequence[Any]) -> tuple[Floats, Floats]:
    """Return sums over rows of products of principal components, learnt on the rows of training items."""
    rows = [_rows(value) for value in train]
    every_RD = np.concatenate([each for each in rows if each is not None])
    middle_D, scale_D = every_RD.mean(0), every_RD.std(0) + 1e-9
    axes_DP = np.linalg.svd((every_RD - middle_D) / scale_D, full_matrices=False)[2][:COMPONENTS].T
    upper = np.triu_indices(axes_DP.shape[1])

    def of(value_RD: Floats | None) -> Floats:
        if value_RD is None:
            return np.zeros(len(upper[0]))
        part_RP = ((value_RD - middle_D) / scale_D) @ axes_DP
        return np.asarray((part_RP.T @ part_RP)[upper])

    return np.stack([of(each) for each in rows]), np.stack([of(_rows(value)) for value in judged])


def _rows(value: Any) -> Floats | None:
    return np.asarray(value.values_TC, np.float64) if isinstance(value, Signal) and len(value.values_TC) else None

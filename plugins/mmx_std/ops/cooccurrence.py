"""Counts of words that stand near each other. Shapes: V words, T tokens of a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["cooccurrences", "ppmi_vectors"]

_CHUNK = 1_000_000
"""Tokens that are counted at once."""


def cooccurrences(
    sentences: Iterable[NDArray[np.int64]], size: int, window: int, weight: Literal["distance", "one"] = "distance"
) -> sparse.csr_array:
    """Return how often word j stands within a window of word i, symmetric float64 (V, V); never across sentences.

    Args:
        sentences: Ids (T,) of each; negative ids take a place, and are not counted.
        size: Number of words V.
        window: Largest distance in words.
        weight: A pair counts 1 / its distance, or 1.
    """
    total = sparse.csr_array((size, size), dtype=np.float64)
    held: list[NDArray[np.int64]] = []
    tokens = 0
    gap = np.full(window, -1, np.int64)
    for sentence in sentences:
        held += [sentence, gap]
        tokens += len(sentence) + window
        if tokens >= _CHUNK:
            total = total + _counted(np.concatenate(held), size, window, weight)
            held, tokens = [], 0
    if held:
        total = total + _counted(np.concatenate(held), size, window, weight)
    return sparse.csr_array(total + total.T)


def _counted(ids_T: NDArray[np.int64], size: int, window: int, weight: str) -> sparse.csr_array:
    """Return the counts of a word and one after it."""
    total = sparse.csr_array((size, size), dtype=np.float64)
    for distance in range(1, min(window, len(ids_T) - 1) + 1):
        left, right = ids_T[:-distance], ids_T[distance:]
        both = (left >= 0) & (right >= 0)
        value = np.full(int(both.sum()), 1 / distance if weight == "distance" else 1.0)
        total = total + sparse.csr_array((value, (left[both], right[both])), shape=(size, size))
    return total


def ppmi_vectors(counts_VV: sparse.csr_array, width: int) -> NDArray[np.float64]:
    """Return word vectors (V, at most `width`) by counting: positive pointwise mutual information, its leading factors.

    Rows are U S^0.5 of the truncated singular value decomposition (Levy and Goldberg, 2014, section 3.3).
    """
    cells = sparse.coo_array(counts_VV)
    total = cells.data.sum()
    rows_V = np.asarray(counts_VV.sum(axis=1)).reshape(-1)
    found = np.log(cells.data * total / (rows_V[cells.row] * rows_V[cells.col]))
    positive = sparse.csr_array((np.maximum(found, 0.0), (cells.row, cells.col)), shape=counts_VV.shape)
    positive.eliminate_zeros()
    rank = min(width, min(positive.shape) - 1)
    start = np.random.default_rng(0).standard_normal(positive.shape[0])
    u_VD, s_D, _ = sparse.linalg.svds(positive, k=rank, v0=start)
    return np.asarray(u_VD * np.sqrt(s_D))

"""Retrieval of faces by voices: recall in the whole gallery, and in galleries of a fixed size.

The paper's table of recalls is ambiguous: its random row (1, 2, 5, 10 %) fits a gallery of 100, the text one of 5,000.
Both readings are computed: K places in the full gallery, and in galleries of 100, as the exact mean over all of them.

Shape legend: N people (queries and gallery alike), D width of the face feature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

Distance = Literal["cos", "l1", "l2"]
DISTANCES: Final[tuple[Distance, ...]] = ("cos", "l1", "l2")
PLACES: Final = (1, 2, 5, 10)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def closeness(queries_ND: Floats, gallery_MD: Floats, distance: Distance) -> Floats:
    """Return how close each query is to each face (N, M), higher is closer; l1 and l2 are of the raw features."""
    if distance == "cos":
        return np.asarray(units(queries_ND) @ units(gallery_MD).T)
    if distance == "l2":
        square_NM = (queries_ND**2).sum(1)[:, None] + (gallery_MD**2).sum(1)[None] - 2 * queries_ND @ gallery_MD.T
        return np.asarray(-np.sqrt(np.maximum(square_NM, 0)))
    return np.stack([-np.abs(query_D - gallery_MD).sum(1) for query_D in queries_ND])


def units(vectors_ND: Floats) -> Floats:
    """Return vectors of length 1, row by row."""
    return np.asarray(vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12))


def recalls(
    scores_NM: Floats, right_N: NDArray[np.int64], k: int, gallery: int | None = None, among_NM: Bools | None = None
) -> Floats:
    """Return for each query the probability (N,) that its face is among the first k.

    In a gallery of G people drawn around the right one from n others, the number of those among the b closer ones is
    hypergeometric; so the mean over all galleries is exact, without drawing any. Ties count as the average over their
    orders. NaN where there are fewer than G - 1 others.

    Args:
        scores_NM: Higher is closer.
        right_N: The place of each query's own face.
        k: Places.
        gallery: G; None is everyone who is allowed.
        among_NM: Who may be in a query's gallery; default: everyone.
    """
    own_N1 = np.take_along_axis(scores_NM, right_N[:, None], axis=1)
    others_NM = np.ones_like(scores_NM, dtype=bool) if among_NM is None else among_NM.copy()
    np.put_along_axis(others_NM, right_N[:, None], False, axis=1)
    closer_N = ((scores_NM > own_N1) & others_NM).sum(1)
    tied_N = ((scores_NM == own_N1) & others_NM).sum(1)
    found = []
    for others, closer, tied in zip(others_NM.sum(1).tolist(), closer_N.tolist(), tied_N.tolist(), strict=True):
        drawn = others if gallery is None else gallery - 1
        found.append(np.nan if drawn > others else _table(others, drawn, k)[closer : closer + tied + 1].mean())
    return np.array(found)


@lru_cache(maxsize=256)
def _table(others: int, drawn: int, k: int) -> Floats:
    """Return P(fewer than k of b closer people are drawn) for b = 0 .. others."""
    return np.asarray(hypergeom.cdf(k - 1, others, np.arange(others + 1), drawn), np.float64)


def angles(one_ND: Floats, other_ND: Floats) -> Floats:
    """Return the angle between paired vectors in degrees (N,)."""
    cosine_N = (units(one_ND) * units(other_ND)).sum(1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine_N, -1, 1))))


SIMILARITY: Final[dict[str, Callable[[Floats, Floats], Any]]] = {
    "cosine_degrees": angles,
    "l2_distance": lambda one, other: np.linalg.norm(units(one) - units(other), axis=1),
    "l1_distance": lambda one, other: np.abs(units(one) - units(other)).sum(1),
}
"""Feature similarity of the specification, all of normalised features."""

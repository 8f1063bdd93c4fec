"""Distances between face features, by which voices retrieve faces.

The paper's table of recalls is ambiguous: its random row (1, 2, 5, 10 %) fits a gallery of 100, the text one of 5,000.
Both readings are computed: K places in the full gallery, and in galleries of 100, as the exact mean over all of them.

Shape legend: N people (queries and gallery alike), D width of the face feature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

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

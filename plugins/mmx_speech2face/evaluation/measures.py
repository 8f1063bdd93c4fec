"""Craniofacial measures: distances and indices of anthropometry from named landmarks, and their correlations.

Shape legend: N faces, L landmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr

Floats = NDArray[np.float64]
Points = Mapping[str, Floats]


def _far(points: Points, one: str, other: str) -> Floats:
    return np.asarray(np.linalg.norm(points[one] - points[other], axis=-1))


MEASURES: Final[Mapping[str, Callable[[Points], Floats]]] = {
    "upper_lip_height": lambda p: _far(p, "nose_base", "mouth_top"),
    "lip_thickness": lambda p: _far(p, "lip_top", "lip_bottom"),
    "philtrum": lambda p: _far(p, "nose_base", "lip_top"),
    "jaw_width": lambda p: _far(p, "outline_left_3", "outline_right_3"),
    "face_width": lambda p: _far(p, "outline_left_1", "outline_right_1"),
    "nose_height": lambda p: _far(p, "nose_root", "nose_base"),
    "nose_width": lambda p: _far(p, "nose_left", "nose_right"),
    "nose_area": lambda p: 0.5 * _far(p, "nose_root", "nose_base") * _far(p, "nose_left", "nose_right"),
    "nasal_index": lambda p: _far(p, "nose_left", "nose_right") / _far(p, "nose_root", "nose_base"),
    "labio_oral_region": lambda p: _far(p, "mouth_left", "mouth_right") / _far(p, "nose_base", "chin"),
    "mandibular_index": lambda p: _far(p, "mouth_bottom", "chin") / _far(p, "outline_left_3", "outline_right_3"),
    "intercanthal_index": lambda p: (
        _far(p, "eye_left_inner", "eye_right_inner") / _far(p, "eye_left_outer", "eye_right_outer")
    ),
    "mouth_face_width": lambda p: _far(p, "mouth_left", "mouth_right") / _far(p, "outline_left_1", "outline_right_1"),
    "eye_height": lambda p: _far(p, "eye_left_top", "eye_left_bottom"),
    "forehead_height": lambda p: _far(p, "hairline", "nose_root"),
}
"""After the paper's project page, as far as a drawn face has them; names of landmarks are the corpus's."""
NEEDED: Final = frozenset(
    {
        *("nose_base", "nose_root", "nose_left", "nose_right", "chin", "hairline"),
        *("mouth_top", "mouth_bottom", "mouth_left", "mouth_right", "lip_top", "lip_bottom"),
        *(f"outline_{side}_{place}" for side in ("left", "right") for place in (1, 3)),
        *(f"eye_{side}_{place}" for side in ("left", "right") for place in ("inner", "outer")),
        *("eye_left_top", "eye_left_bottom"),
    }
)


@dataclass(frozen=True)
class Correlation:
    """How a measure on one set of faces goes with the same measure on another.

    Attributes:
        r: Pearson's coefficient.
        p: Two-sided p-value: how often faces that have nothing to do with each other correlate as much.
        random: The coefficient for random pairs of the same faces: the mean over shuffles.
        random_spread: Its standard deviation over shuffles.
        drawn: The coefficient between the reference faces and the truth, where it is known.
        pairs_N2: The measure of each face, guessed and reference.
    """

    r: float
    p: float
    random: float
    random_spread: float
    drawn: float | None = None
    pairs_N2: Floats = field(default_factory=lambda: np.zeros((0, 2)), compare=False)


def measured(points_NL2: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return every measure of faces (N,), from landmarks in the order of `names`."""
    points = {name: points_NL2[:, place] for place, name in enumerate(names)}
    return {name: measure(points) for name, measure in MEASURES.items()}


def correlations(
    guess_NL2: Floats, reference_NL2: Floats, names: Sequence[str], seed: int, truth_NL2: Floats | None = None
) -> dict[str, Correlation]:
    """Return the correlation of each measure between guessed and reference faces; constant measures are left out.

    Args:
        guess_NL2: Landmarks of faces from voices.
        reference_NL2: Landmarks of faces from face features, of the same people.
        names: Names of the landmarks.
        seed: Of the shuffles.
        truth_NL2: True landmarks of the same people.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(guess_NL2)) for _ in range(20)]
    guess, reference = measured(guess_NL2, names), measured(reference_NL2, names)
    truth = None if truth_NL2 is None else measured(truth_NL2, names)
    found = {}
    for name in MEASURES:
        one, other = guess[name], reference[name]
        if min(one.std(), other.std()) < 1e-9:
            continue
        result = pearsonr(one, other)
        shuffled = [float(np.corrcoef(one[order], other)[0, 1]) for order in orders]
        drawn = None if truth is None or truth[name].std() < 1e-9 else float(np.corrcoef(other, truth[name])[0, 1])
        spread, pairs_N2 = float(np.std(shuffled)), np.stack([one, other], 1)
        found[name] = Correlation(
            float(result.statistic), float(result.pvalue), float(np.mean(shuffled)), spread, drawn, pairs_N2
        )
    return found

"""Metrics of predicted face features, each beside chance, untrained, controls and upper bounds.

Shape legend: N people, D width of the face feature, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, bootstrap, measure
from mmx_speech2face.evaluation.measures import Correlation
from mmx_speech2face.evaluation.retrieval import (
    DISTANCES,
    PLACES,
    SIMILARITY,
    Bools,
    Distance,
    Floats,
    closeness,
)
from mmx_std import retrieval as ranked


@dataclass(frozen=True)
class Guesses:
    """Predicted face features, all (N, D).

    Attributes:
        own: The model's.
        untrained: The untrained voice encoder's.
        controls: By name: the mean face, another person's voice.
        references: By name: predictions of a perfect listener, or from attributes alone.
        baselines: By name: simple methods.
        people: Who each is (N,), the independent unit; empty makes each one of their own.
    """

    own: Floats
    untrained: Floats
    controls: Mapping[str, Floats]
    references: Mapping[str, Floats]
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    people: Sequence[str] = ()

    def metric(
        self,
        name: str,
        each: Callable[[Floats], Floats],
        *,
        better: Literal["higher", "lower"] = "higher",
        seed: int = 0,
    ) -> Metric:
        """Return a metric of the model and of everything beside it, paired over people.

        Args:
            name: Of the metric.
            each: Predicted face features (N, D) -> one value per person (N,).
            better: Which direction is better.
            seed: Of the intervals.
        """
        return measure(
            name,
            each(self.own),
            units=self.people or range(len(self.own)),
            unit="people",
            better=better,
            untrained=each(self.untrained),
            baselines={key: each(features) for key, features in self.baselines.items()},
            controls={key: each(features) for key, features in self.controls.items()},
            references={key: each(features) for key, features in self.references.items()},
            seed=seed,
        )


def recall_metrics(
    guesses: Guesses,
    face_ND: Floats,
    truth: Mapping[str, Floats],
    gallery: int,
    first: Distance,
    seed: int,
) -> Iterator[Metric]:
    """Yield recalls: in galleries of a fixed size and in the full one, by every distance, the chosen one first.

    Args:
        guesses: The queries.
        face_ND: The gallery: the face features of the same people.
        truth: Name -> scores (N, N) that no model can beat.
        gallery: Size of the small galleries.
        first: The distance whose numbers come first.
        seed: Of the bootstrap.
    """
    count = len(face_ND)
    gallery = min(gallery, count)
    for distance in (first, *(each for each in DISTANCES if each != first)):
        prefix = "" if distance == first else f"{distance}_"
        for size in dict.fromkeys((gallery, count)):
            suffix = f"_of_{gallery}" if size == gallery else ""
            for k in PLACES if distance == first else (PLACES[0], PLACES[-1]):
                known = truth if distance == first else {}
                name, kind = f"{prefix}recall_at_{k}{suffix}", ranked.Recall(k, size)
                yield _recall(name, guesses, face_ND, distance, kind, seed, truth=known)


def group_metric(
    name: str, guesses: Guesses, face_ND: Floats, among_NN: Bools, gallery: int, distance: Distance, seed: int
) -> Metric | None:
    """Return recall at 1 among people of the same group, in the largest gallery up to `gallery` that most have."""
    sizes_N = among_NN.sum(1)
    size = int(min(gallery, np.quantile(sizes_N, 0.25)))
    if size < 2:
        return None
    kind = ranked.Recall(1, size, among_NN)
    return _recall(f"recall_at_1_of_{size}_{name}", guesses, face_ND, distance, kind, seed)


def _recall(
    name: str,
    guesses: Guesses,
    face_ND: Floats,
    distance: Distance,
    kind: ranked.Recall,
    seed: int,
    *,
    truth: Mapping[str, Floats] | None = None,
) -> Metric:
    right_NN = np.eye(len(face_ND), dtype=bool)

    def sides(features_ND: Floats) -> ranked.Sides:
        return [ranked.Ranked(closeness(features_ND, face_ND, distance), right_NN)]

    best = {key: [ranked.Ranked(scores_NN, right_NN)] for key, scores_NN in (truth or {}).items()}
    judged = ranked.Judgement(
        sides(guesses.own),
        sides(guesses.untrained),
        guesses.people or range(len(face_ND)),
        "people",
        seed,
        baselines={key: sides(each) for key, each in guesses.baselines.items()},
        controls={key: sides(each) for key, each in guesses.controls.items()},
        references={key: sides(each) for key, each in guesses.references.items()} | best,
    )
    return judged.metric(name, kind)


def similarity_metrics(guesses: Guesses, face_ND: Floats, seed: int) -> Iterator[Metric]:
    """Yield the distances between guesses and face features, all normalised (section 5, metric 1)."""
    for name, function in SIMILARITY.items():
        yield guesses.metric(name, partial(_apart, function, face_ND), better="lower", seed=seed)


def _apart(function: Callable[[Floats, Floats], Any], face_ND: Floats, features_ND: Floats) -> Floats:
    return np.asarray(function(features_ND, face_ND))


def craniofacial_metrics(found: Mapping[str, Correlation], seed: int) -> Iterator[Metric]:
    """Yield the mean correlation over all measures; each measure's own is in the notes and in the figure."""
    if not found:
        return
    drawn = [each.drawn for each in found.values() if each.drawn is not None]
    pairs_NK2 = np.stack([each.pairs_N2 for each in found.values()], 1)
    yield Metric(
        "craniofacial_correlation",
        float(np.mean([each.r for each in found.values()])),
        ci95=bootstrap(pairs_NK2, _mean_correlation, seed=seed),
        units=len(pairs_NK2),
        unit="people",
        chance=0.0,
        controls={"random_pairs": float(np.mean([each.random for each in found.values()]))},
        references={"face_features_with_truth": float(np.mean(drawn))} if drawn else {},
    )


def _mean_correlation(pairs_NK2: Floats) -> float:
    """Return Pearson's coefficient of each measure over faces, and their mean; one that is constant has none."""
    apart_NK2 = pairs_NK2 - pairs_NK2.mean(0)
    spread_K2 = np.sqrt((apart_NK2**2).sum(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nanmean(apart_NK2.prod(2).sum(0) / spread_K2.prod(1)))


def portrait_metric(
    portraits_NSSC: NDArray[np.uint8],
    own: NDArray[np.uint8],
    untrained: NDArray[np.uint8],
    controls: Mapping[str, NDArray[np.uint8]],
    references: Mapping[str, NDArray[np.uint8]],
    seed: int,
) -> Metric:
    """Return the mean absolute difference between drawn faces and portraits, 0..255."""

    def error(images_NSSC: NDArray[np.uint8]) -> Floats:
        return np.asarray(np.abs(images_NSSC.astype(np.float64) - portraits_NSSC).mean((1, 2, 3)))

    return Metric(
        "portrait_error",
        float(error(own).mean()),
        better="lower",
        ci95=bootstrap(error(own), seed=seed),
        units=len(own),
        unit="people",
        untrained=float(error(untrained).mean()),
        controls={key: float(error(images).mean()) for key, images in controls.items()},
        references={key: float(error(images).mean()) for key, images in references.items()},
    )


def same(values: Sequence[NDArray[np.int64]]) -> Bools:
    """Return who shares all these attributes with whom (N, N)."""
    shared_NN = np.ones((len(values[0]), len(values[0])), dtype=bool)
    for values_N in values:
        shared_NN &= values_N[:, None] == values_N[None, :]
    return shared_NN

"""Agreement of attributes predicted for faces drawn from voices and for portraits of the same people.

Three numbers per attribute: how often both agree, how far that is above what independent labels would reach (kappa),
and, for classes in order, whether at least the order is right.

Shape legend: N people, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from mmx import Metric, bootstrap, measure

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """An attribute of the same people, predicted by the judge from several images of each; all (N,).

    Attributes:
        name: The attribute.
        portrait: From the portraits.
        own: From the faces drawn from voices.
        untrained: From those of an untrained voice encoder.
        controls: From faces that do not depend on the voice.
        references: From faces that are drawn with more knowledge.
    """

    name: str
    portrait: Labels
    own: Labels
    untrained: Labels
    controls: Mapping[str, Labels]
    references: Mapping[str, Labels]


def label_metrics(labels: Labelled, ordered: bool, seed: int) -> Iterator[Metric]:
    """Yield agreement, kappa and, for classes in order, Spearman's correlation; intervals are over people.

    Chance of the agreement is that of independent labels: the sum over classes of the product of both shares.
    `commonest` predicts the most frequent class of portraits for everyone. Faces from voices are average-looking, so
    that the judge predicts middle classes too often: agreement in the exact class then
    hides what is right in the order.
    """
    found = _metric("agreement", agreement, labels, seed)
    common = float(np.bincount(labels.portrait).max() / len(labels.portrait))
    yield replace(found, chance=expected(labels.portrait, labels.own), controls={"commonest": common, **found.controls})
    yield _metric("kappa", kappa, labels, seed)
    if ordered:
        yield _metric("correlation", rank_correlation, labels, seed)


def agreement(one_N: Labels, other_N: Labels) -> float:
    """Return how often two labels are the same."""
    return float((one_N == other_N).mean())


def expected(one_N: Labels, other_N: Labels) -> float:
    """Return how often labels with these shares would be the same by chance."""
    size = int(max(one_N.max(), other_N.max())) + 1
    shares = [np.bincount(labels_N, minlength=size) / len(labels_N) for labels_N in (one_N, other_N)]
    return float(shares[0] @ shares[1])


def kappa(one_N: Labels, other_N: Labels) -> float:
    """Return Cohen's kappa: agreement above chance, as a share of the most that there is above it; 0 for constants."""
    chance = expected(one_N, other_N)
    return 0.0 if chance >= 1.0 else (agreement(one_N, other_N) - chance) / (1.0 - chance)


def rank_correlation(one_N: Labels, other_N: Labels) -> float:
    """Return Spearman's correlation; labels that are all the same correlate with nothing (0)."""
    if np.ptp(one_N) == 0 or np.ptp(other_N) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one_N), rankdata(other_N))[0, 1])


def accuracy_metrics(labels: Mapping[str, Floats], truth: Mapping[str, Labels]) -> Iterator[Metric]:
    """Yield the accuracy of a classifier of attributes from the voice itself."""
    for name, chances_NK in labels.items():
        if name in truth:
            right_N = np.asarray(chances_NK.argmax(1) == truth[name], np.float64)
            common = float(np.bincount(truth[name]).max() / len(right_N))
            yield measure(f"told_{name}_accuracy", right_N, units=range(len(right_N)), unit="people", chance=common)


def _metric(kind: str, statistic: Callable[[Labels, Labels], float], labels: Labelled, seed: int) -> Metric:
    """Return a number of two labellings, with chance 0 and its interval over people."""
    both_N2 = np.stack([labels.portrait, labels.own], axis=1)
    return Metric(
        f"{labels.name}_{kind}",
        statistic(labels.portrait, labels.own),
        ci95=bootstrap(both_N2, lambda rows_N2: statistic(rows_N2[:, 0], rows_N2[:, 1]), seed=seed),
        units=len(both_N2),
        unit="people",
        chance=0.0,
        untrained=statistic(labels.portrait, labels.untrained),
        controls={key: statistic(labels.portrait, labels_N) for key, labels_N in labels.controls.items()},
        references={key: statistic(labels.portrait, labels_N) for key, labels_N in labels.references.items()},
    )

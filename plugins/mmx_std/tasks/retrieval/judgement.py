"""Judgement of retrieval: what each competitor finds for the same queries, side by side and paired.

Shapes: Q queries, M candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, PaperValue, measure
from mmx_std.tasks import metrics

__all__ = ["Area", "AveragePrecision", "FirstRight", "Judgement", "Kind", "MedianRank", "Ranked", "Recall", "Sides"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Ranked(NamedTuple):
    """Queries of one direction: how similar every candidate is (Q, M), queries in rows, and which are right (Q, M)."""

    scores_QM: Floats
    right_QM: Bools


Sides = Sequence[Ranked]
"""The directions that a number is over; query q of each is of the same item."""


class Kind(Protocol):
    """What is told about a ranking: one value per query, what sums the values up, and the chance level."""

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which direction is better."""
        ...

    @property
    def summary(self) -> Callable[[Any], float] | None:
        """What sums values up; None is the mean."""
        ...

    def each(self, found: Ranked) -> Floats:
        """Return one value per query (Q,); NaN for a query without a right candidate."""
        ...

    def chance(self, right_QM: Bools) -> float:
        """Return the value of a random order."""
        ...


@dataclass(frozen=True)
class Recall:
    """Whether a right candidate is among the first `k`.

    Attributes:
        k: Places.
        gallery: Candidates in a gallery, of which the mean over all galleries is taken; by default all.
        among_QM: Who may be in a query's gallery; by default everyone.
    """

    k: int
    gallery: int | None = None
    among_QM: Bools | None = None
    better: Literal["higher", "lower"] = "higher"
    summary: Callable[[Any], float] | None = None

    def each(self, found: Ranked) -> Floats:
        """Return the probability of each query (Q,) to find a right candidate."""
        if self.gallery is None and self.among_QM is None:
            return metrics.recalls_at_k(*found, self.k)
        return metrics.recalls_in_galleries(*found, self.k, self.gallery, self.among_QM)

    def chance(self, right_QM: Bools) -> float:
        """Return the recall of a random order."""
        if self.gallery is not None:
            return min(1.0, self.k / self.gallery)
        return metrics.chance_recall_at_k(right_QM, self.k)


@dataclass(frozen=True)
class MedianRank:
    """Place of the first right candidate; 1 is best."""

    better: Literal["higher", "lower"] = "lower"
    summary: Callable[[Any], float] | None = np.nanmedian

    def each(self, found: Ranked) -> Floats:
        """Return the expected place of each query (Q,)."""
        return metrics.first_ranks(*found)

    def chance(self, right_QM: Bools) -> float:
        """Return the median place in a random order."""
        return metrics.chance_median_rank(right_QM)


@dataclass(frozen=True)
class FirstRight:
    """Whether the first candidate is right; a query without a right candidate counts as wrong."""

    better: Literal["higher", "lower"] = "higher"
    summary: Callable[[Any], float] | None = None

    def each(self, found: Ranked) -> Floats:
        """Return the share of each query's top-scored candidates (Q,) that are right."""
        return metrics.first_right(*found)

    def chance(self, right_QM: Bools) -> float:
        """Return the mean share of right candidates."""
        return float(right_QM.mean(axis=1).mean())


@dataclass(frozen=True)
class AveragePrecision:
    """Precision at the place of each right candidate, averaged over them."""

    better: Literal["higher", "lower"] = "higher"
    summary: Callable[[Any], float] | None = None

    def each(self, found: Ranked) -> Floats:
        """Return the average precision of each query (Q,)."""
        return metrics.average_precision_per_class(found.right_QM.T, found.scores_QM.T)

    def chance(self, right_QM: Bools) -> float:
        """Return the share of right candidates."""
        return float(right_QM.mean())


@dataclass(frozen=True)
class Area:
    """Area under the curve: how often a right candidate is above a wrong one."""

    better: Literal["higher", "lower"] = "higher"
    summary: Callable[[Any], float] | None = None

    def each(self, found: Ranked) -> Floats:
        """Return the area of each query (Q,)."""
        return metrics.auc_per_class(found.right_QM.T, found.scores_QM.T)

    def chance(self, right_QM: Bools) -> float:
        """Return one half."""
        return 0.5


_NONE: Final[Mapping[str, Sides]] = {}


@dataclass(frozen=True)
class Judgement:
    """What the model and its competitors find for the same queries.

    Attributes:
        own: Of the trained model.
        untrained: Of the untrained model.
        units: Independent unit of each query (Q,).
        unit: What units are called, in the plural.
        seed: Of intervals.
        baselines: Of simple methods, by name.
        controls: By name.
        references: By name; never compared.
        classes_Q: Class of each query: means are then over classes, each as the mean over its queries, so that the
            commonest class counts no more than any other. Medians are over queries all the same.
    """

    own: Sides
    untrained: Sides
    units: Sequence[Any] | NDArray[Any]
    unit: str
    seed: int
    baselines: Mapping[str, Sides] = field(default_factory=dict)
    controls: Mapping[str, Sides] = field(default_factory=dict)
    references: Mapping[str, Sides] = field(default_factory=dict)
    classes_Q: NDArray[Any] | None = None

    def metric(self, name: str, kind: Kind, *, chance: float | None = None, paper: PaperValue | None = None) -> Metric:
        """Return a metric with what stands beside it.

        Args:
            name: Of the metric.
            kind: What is told.
            chance: The chance level, where it is not that of `kind` (some candidates may be barred).
            paper: What the paper reports.
        """
        classes_Q = self.classes_Q if kind.summary is None else None
        places_Q = None if classes_Q is None else np.unique(classes_Q, return_inverse=True)[1]

        def values(sides: Sides) -> Floats:
            columns = [kind.each(side) for side in sides]
            return np.stack(columns if places_Q is None else [*columns, places_Q.astype(np.float64)], axis=1)

        def named(those: Mapping[str, Sides]) -> dict[str, Floats]:
            return {key: values(sides) for key, sides in those.items()}

        return measure(
            name,
            values(self.own),
            statistic=kind.summary if places_Q is None else _mean_over_classes,
            better=kind.better,
            chance=self._chance(kind, places_Q) if chance is None else chance,
            untrained=values(self.untrained),
            baselines=named(self.baselines),
            controls=named(self.controls),
            references=named(self.references),
            paper=paper,
            units=self.units,
            unit=self.unit,
            seed=self.seed,
        )

    def _chance(self, kind: Kind, places_Q: NDArray[np.int64] | None) -> float:
        parts = [slice(None)] if places_Q is None else [places_Q == place for place in np.unique(places_Q)]
        return float(np.mean([kind.chance(side.right_QM[part]) for side in self.own for part in parts]))


def _mean_over_classes(rows: Any) -> float:
    """Return the mean over classes of their mean value; the last column is the class's number."""
    values, places_Q = rows[:, :-1], rows[:, -1].astype(np.int64)
    known = ~np.isnan(values)
    sums_C = np.bincount(places_Q, np.where(known, values, 0.0).sum(axis=1))
    counts_C = np.bincount(places_Q, known.sum(axis=1))
    return float((sums_C[counts_C > 0] / counts_C[counts_C > 0]).mean()) if counts_C.any() else float("nan")

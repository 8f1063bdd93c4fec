"""Retrieval metrics between modalities: recall, median rank and class match, with chance level and controls.

Shapes: N items, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, PaperValue, bootstrap
from mmx_std import judging, metrics
from mmx_vatt.evaluation.vectors import Floats, Vectors

PLACES: Final = (1, 5, 10)
PAIRS: Final = (("video", "audio", "va"), ("video", "text", "vt"), ("audio", "text", "vt"))
"""Query, candidates and their space, in both directions. Audio and text were never trained on pairs."""
PAPER: Final[Mapping[str, PaperValue]] = {
    "text_to_video_recall_at_10": PaperValue(0.297, "MSR-VTT, 1,000 clips, Medium-Base-Small"),
    "text_to_video_median_rank": PaperValue(49, "MSR-VTT, 1,000 clips, Medium-Base-Small"),
}


@dataclass(frozen=True)
class Match:
    """Queries and candidates of one direction.

    Attributes:
        name: `video_to_audio`.
        rows: Items that have both sides.
        query: Port of the queries.
        candidate: Port of the candidates.
    """

    name: str
    rows: NDArray[np.int64]
    query: str
    candidate: str

    def scores(self, vectors: Vectors) -> Floats:
        """Return cosines (N, N), queries in rows."""
        scores_NN: Floats = vectors.unit(self.query, self.rows) @ vectors.unit(self.candidate, self.rows).T
        return scores_NN


def directions(vectors: Vectors) -> list[Match]:
    """Return every direction of every pair of modalities that is there, with at least two items."""
    found = []
    for first, second, space in PAIRS:
        for query, candidate in ((first, second), (second, first)):
            ports = (f"fused.{query}_{space}", f"fused.{candidate}_{space}")
            if all(port in vectors.by_port for port in ports):
                rows = vectors.known(*ports)
                if len(rows) > 1:
                    found.append(Match(f"{query}_to_{candidate}", rows, *ports))
    return found


@dataclass(frozen=True)
class Judged:
    """Vectors of the trained model, of the untrained model, and of still videos."""

    own: Vectors
    untrained: Vectors
    still: Vectors | None
    seed: int

    def classes(self, match: Match, classes_N: NDArray[np.int64], name: str) -> Metric | None:
        """Return how often the first answer has the query's class; items of unknown class (-1) are left out."""
        rows = match.rows[classes_N[match.rows] >= 0]
        if len(rows) < 2:
            return None
        match, own_N = Match(match.name, rows, match.query, match.candidate), classes_N[rows]
        value_N = metrics.class_matches(match.scores(self.own), own_N, own_N)
        other_N = own_N[judging.derangement(len(rows), self.seed)]
        controls = {"shuffled_pairs": _mean(metrics.class_matches(match.scores(self.own), own_N, other_N))}
        if self.still is not None and match.query.startswith("fused.video"):
            controls["still_video"] = _mean(metrics.class_matches(self._mixed(match), own_N, own_N))
        return Metric(
            f"{match.name}_{name}",
            _mean(value_N),
            ci95=bootstrap(value_N, seed=self.seed),
            chance=metrics.chance_class_match(own_N, own_N),
            untrained=_mean(metrics.class_matches(match.scores(self.untrained), own_N, own_N)),
            controls=controls,
        )

    def _mixed(self, match: Match) -> Floats:
        """Return the scores of still videos against the usual candidates."""
        assert self.still is not None  # noqa: S101 (checked by the caller)
        still = Vectors({**self.own.by_port, match.query: self.still[match.query]})
        scores_NN = match.scores(still)
        return np.where(np.isfinite(scores_NN), scores_NN, 0.0)

    def ranks(self, match: Match) -> Iterator[Metric]:
        """Yield recall at 1, 5 and 10, and the median rank (1 is best), of the item itself."""
        own_NN, untrained_NN = match.scores(self.own), match.scores(self.untrained)
        right_NN = np.eye(len(match.rows), dtype=bool)
        wrong_NN = right_NN[judging.derangement(len(match.rows), self.seed)]
        for place in PLACES:
            if place < len(match.rows):
                yield self._rank_metric(
                    f"{match.name}_recall_at_{place}",
                    lambda scores, right, k=place: metrics.recalls_at_k(scores, right, k),
                    np.mean,
                    (own_NN, untrained_NN, right_NN, wrong_NN),
                    metrics.chance_recall_at_k(right_NN, place),
                )
        yield self._rank_metric(
            f"{match.name}_median_rank",
            metrics.first_ranks,
            np.median,
            (own_NN, untrained_NN, right_NN, wrong_NN),
            metrics.chance_median_rank(right_NN),
        )

    def _rank_metric(
        self,
        name: str,
        each: Callable[..., Floats],
        summary: Callable[..., Any],
        given: tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]],
        chance: float,
    ) -> Metric:
        own_NN, untrained_NN, right_NN, wrong_NN = given
        value_N = each(own_NN, right_NN)
        return Metric(
            name,
            float(summary(value_N)),
            better="lower" if name.endswith("rank") else "higher",
            ci95=bootstrap(value_N, summary, seed=self.seed),
            chance=chance,
            untrained=float(summary(each(untrained_NN, right_NN))),
            controls={"shuffled_pairs": float(summary(each(own_NN, wrong_NN)))},
            paper=PAPER.get(name),
        )


def primary(found: Sequence[Metric]) -> Metric | None:
    """Return the mean class match of video to sound and video to text, the primary metric."""
    wanted = [m for m in found if m.name in ("video_to_audio_class_match", "video_to_text_class_match")]
    if not wanted:
        return None
    shared = set.intersection(*(set(metric.controls) for metric in wanted))
    return Metric(
        "class_match",
        _mean([metric.value for metric in wanted]),
        chance=_mean([metric.chance for metric in wanted]),
        untrained=_mean([metric.untrained for metric in wanted]),
        controls={name: _mean([metric.controls[name] for metric in wanted]) for name in sorted(shared)},
    )


def _mean(values: Any) -> float:
    return float(np.mean(values))

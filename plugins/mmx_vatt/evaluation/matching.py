"""Retrieval between modalities: recall, median rank and class match, beside chance, simple methods and controls.

Shapes: N items, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, PaperValue, measure
from mmx_std import judging, retrieval
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
class Values:
    """One value per item (N,) of the model and of each competitor; NaN for items that are not judged.

    Attributes:
        name: Of the metric.
        own: Of the trained model.
        chance: The chance level.
        untrained: Of the untrained model.
        shuffled: Of the trained model where the true answers are those of other items.
        baselines: Of simple methods.
        references: Of the trained model on still videos.
    """

    name: str
    own: Floats
    chance: float
    untrained: Floats
    shuffled: Floats
    baselines: Mapping[str, Floats]
    references: Mapping[str, Floats]

    def chances(self) -> Floats:
        """Return the chance level of every item that is judged."""
        return np.where(np.isnan(self.own), np.nan, self.chance)


@dataclass(frozen=True)
class Judged:
    """Vectors of the trained model, of the untrained model, and of still videos.

    Attributes:
        own: Of the trained model.
        untrained: Of the untrained model.
        still: Of the trained model for videos that are their middle frame.
        seed: Of intervals and shuffles.
        simple: Direction -> simple method -> similarities (N, N) of the items that have both sides.
        units: Independent unit of each item; empty makes every item one.
        unit: What units are called, in the plural.
    """

    own: Vectors
    untrained: Vectors
    still: Vectors | None
    seed: int
    simple: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    units: Sequence[str] = ()
    unit: str = "clips"

    def classes(self, match: Match, classes_N: NDArray[np.int64], name: str) -> Values | None:
        """Return whether the first answer has the query's class; items of unknown class (-1) are left out."""
        known_K = np.flatnonzero(classes_N[match.rows] >= 0)
        if len(known_K) < 2:
            return None
        simple = {way: scores_NN[np.ix_(known_K, known_K)] for way, scores_NN in self._simple(match).items()}
        match = Match(match.name, match.rows[known_K], match.query, match.candidate)
        own_K = classes_N[match.rows]
        other_K = own_K[judging.derangement(len(own_K), self.seed)]
        right_KK, wrong_KK = (own_K[:, None] == those_K[None, :] for those_K in (own_K, other_K))
        kind = retrieval.FirstRight()

        def hits(scores_KK: Floats, truth_KK: NDArray[np.bool_] = right_KK) -> Floats:
            value_N = np.full(len(classes_N), np.nan)
            value_N[match.rows] = kind.each(retrieval.Ranked(scores_KK, truth_KK))
            return value_N

        references = {}
        if self.still is not None and match.query.startswith("fused.video"):
            references["still_video"] = hits(self._mixed(match))
        return Values(
            f"{match.name}_{name}",
            hits(match.scores(self.own)),
            kind.chance(right_KK),
            hits(match.scores(self.untrained)),
            hits(match.scores(self.own), wrong_KK),
            {way: hits(scores_KK) for way, scores_KK in simple.items()},
            references,
        )

    def metric(self, name: str, parts: Sequence[Values]) -> Metric:
        """Return the mean over all parts with its intervals; what a part lacks is left out."""

        def stacked(kind: str) -> dict[str, Floats]:
            every = [getattr(part, kind) for part in parts]
            shared = [key for key in every[0] if all(key in each for each in every)]
            return {key: np.stack([each[key] for each in every], axis=1) for key in shared}

        return measure(
            name,
            np.stack([part.own for part in parts], axis=1),
            chance=np.stack([part.chances() for part in parts], axis=1),
            untrained=np.stack([part.untrained for part in parts], axis=1),
            baselines=stacked("baselines"),
            controls={"shuffled_pairs": np.stack([part.shuffled for part in parts], axis=1)},
            references=stacked("references"),
            units=self._units(np.arange(len(parts[0].own))),
            unit=self.unit,
            seed=self.seed,
        )

    def _units(self, rows: NDArray[np.int64]) -> list[str]:
        return [self.units[row] if self.units else str(row) for row in rows]

    def _simple(self, match: Match) -> Mapping[str, Floats]:
        return self.simple.get(match.name, {})

    def _mixed(self, match: Match) -> Floats:
        """Return the scores of still videos against the usual candidates."""
        assert self.still is not None  # noqa: S101 (checked by the caller)
        still = Vectors({**self.own.by_port, match.query: self.still[match.query]})
        scores_NN = match.scores(still)
        return np.where(np.isfinite(scores_NN), scores_NN, 0.0)

    def ranks(self, match: Match) -> Iterator[Metric]:
        """Yield recall at 1, 5 and 10, and the median rank (1 is best), of the item itself."""
        own_NN, right_NN = match.scores(self.own), np.eye(len(match.rows), dtype=bool)
        wrong_NN = right_NN[judging.derangement(len(match.rows), self.seed)]
        judged = retrieval.Judgement(
            [retrieval.Ranked(own_NN, right_NN)],
            [retrieval.Ranked(match.scores(self.untrained), right_NN)],
            self._units(match.rows),
            self.unit,
            self.seed,
            baselines={way: [retrieval.Ranked(each_NN, right_NN)] for way, each_NN in self._simple(match).items()},
            controls={"shuffled_pairs": [retrieval.Ranked(own_NN, wrong_NN)]},
        )
        for place in PLACES:
            if place < len(match.rows):
                name = f"{match.name}_recall_at_{place}"
                yield judged.metric(name, retrieval.Recall(place), paper=PAPER.get(name))
        name = f"{match.name}_median_rank"
        yield judged.metric(name, retrieval.MedianRank(), paper=PAPER.get(name))


def primary(found: Sequence[Values]) -> Sequence[Values]:
    """Return the class match of video to audio and video to text, whose mean is the primary metric."""
    return [each for each in found if each.name in ("video_to_audio_class_match", "video_to_text_class_match")]

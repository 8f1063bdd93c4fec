"""Retrieval task: recall and rank in both directions, beside chance and shuffled pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import (
    Batch,
    Clip,
    Corpus,
    Figure,
    Metric,
    Model,
    Outputs,
    Prediction,
    Report,
    Run,
    Sample,
    UserError,
)
from mmx_std.ops.ports import qualify, read, short
from mmx_std.tasks import asking, baselines, judging, metrics, plots
from mmx_std.tasks.retrieval.judgement import FirstRight, Judgement, MedianRank, Ranked, Recall

PLACES: Final = (1, 5, 10)
"""k of recall at k."""
_SHOWN: Final = 40
"""Items in the similarity matrix."""
_QUERIES: Final = 3
"""Queries whose answers are shown as media."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Vectors of both sides (N, D) of the pairs that are whole, what belongs together, and the classes.

    Attributes:
        ids: Sample ids.
        a_ND: First side.
        b_ND: Second side.
        positives_NN: True where b of the column is right for a of the row.
        classes_N: Class by item, or None.
        alike_N: Class by item whose classes count alike, or None.
        missing: Items that lack a side.
    """

    ids: Sequence[str]
    a_ND: Floats
    b_ND: Floats
    positives_NN: NDArray[np.bool_]
    classes_N: NDArray[Any] | None
    alike_N: NDArray[Any] | None
    missing: int

    def scores(self) -> dict[str, Ranked]:
        """Return what each direction ranks."""
        return _both(self.a_ND @ self.b_ND.T, self.positives_NN)


class Retrieval:
    """Judges whether the fused features of two names find each other among all items of the split.

    `recall_at_k` and `median_rank` are over the queries of both directions; each direction's own follow by name. Ties
    count as the average over their orders. Control: the same features with the pairs shuffled; baselines: canonical
    correlation and nearest neighbours on cheap statistics of both sides (`mmx_std.baselines`).

    Args:
        a: First fused features, by name or port.
        b: Second fused features.
        target: Class that the first answer should share with the query.
        positives: Target whose equal values make further answers right (several captions of one image).
        alike: Target whose classes count alike in every recall, however common they are; where `positives` are a class,
            this is the same one: else an answer of the commonest class would be right most often.
        normalise: Compare by cosine; else by dot product.
        limit: Most items that are judged, evenly spread over the split; the gallery is as large.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
        unit: Target that names the independent unit of an item: its video, its speaker. By default the
            column `group` of a manifest; where the corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        target: str | None = None,
        positives: str | None = None,
        alike: str | None = None,
        normalise: bool = True,
        limit: Annotated[int, Field(ge=2)] = 2000,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
    ) -> None:
        self.a, self.b = qualify(a, "fused"), qualify(b, "fused")
        self.target = target
        self.positives = positives
        self.alike = alike
        self.ports = (self.a, self.b)
        self.needs = (*self.ports, *(f"targets.{name}" for name in dict.fromkeys((target, positives, alike)) if name))
        self.normalise = normalise
        self.limit = limit
        self.margin = margin
        self.unit, self.simple = unit, simple

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or two items in it."""
        lacks = judging.lacks(corpus, split)
        if not lacks and len(corpus.split(split)) < 2:
            lacks = [f"split {split!r} has one item; retrieval needs two to choose from"]
        return lacks

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        split = corpus.split(run.split)
        samples = judging.spread(split, self.limit)
        variants = {"own": (model, judging.as_it_is), "untrained": (run.untrained(), judging.as_it_is)}
        pairs = self._pairs(judging.outputs(variants, samples, self.ports, run, "judging"), model, list(variants))
        found, untrained = pairs["own"], pairs["untrained"]
        if len(found.ids) < 2:
            return Report([], len(found.ids), len(samples), notes=[f"Fewer than two whole pairs in {run.split}."])
        whole = judging.judged(samples, found.ids)
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, Any] = {
            "units": judging.units_of(samples, found.ids, unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        notes = [f"Every query is compared with a gallery of {len(found.ids)} items."]
        lost = []
        if len(samples) < len(split):
            lost.append(f"{len(samples)} of {len(split)} items are judged (limit).")
        if found.missing:
            lost.append(f"{found.missing} items lack {short(self.a)} or {short(self.b)} and are not judged.")
        return Report(
            list(self._metrics(found, untrained, run.seed, self._baselines(corpus, whole, model), over)),
            used=len(found.ids),
            expected=len(samples),
            predictions=self._rows(found),
            figures=[self._figure(found)],
            clips=self._clips(found, whole, model),
            notes=[*notes, *judging.left_out(corpus)],
            left_out=lost,
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict` for a file or a folder, see `mmx_std.tasks.asking.read_question`."""
        return asking.read_question(model, self.ports, path, extras)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Rank candidates: one side's field holds several values (a list, or `Candidates`), the other's the query.

        Raises:
            UserError: Not one query and several candidates.
        """
        fields = {port: asking.field_of(model, port) for port in self.ports}
        lists = [port for port, field in fields.items() if isinstance(raw.get(field), list | tuple | asking.Candidates)]
        if len(lists) != 1 or any(field not in raw for field in fields.values()):
            names = " and ".join(fields.values())
            raise UserError(
                f"this model compares {names}: give one of each, and several of the one to choose from, e.g. "
                'mmx predict RUN FILE --texts "a dog" "a cat", or mmx predict RUN --query "a dog" --in FOLDER'
            )
        query = self.b if lists[0] == self.a else self.a
        return asking.ranking(
            model, (query, raw[fields[query]]), (lists[0], raw[fields[lists[0]]]), normalise=self.normalise
        )

    def _scaled(self, x_BD: torch.Tensor) -> torch.Tensor:
        x_BD = x_BD.double().cpu()
        return torch.nn.functional.normalize(x_BD, dim=1) if self.normalise else x_BD

    def _pairs(
        self, batches: Iterable[tuple[Batch, Mapping[str, Outputs]]], model: Model, variants: Sequence[str]
    ) -> dict[str, Pairs]:
        ids: list[str] = []
        sides = {(name, port): [torch.zeros(0)] for name in variants for port in self.ports}
        values: dict[str, list[Any]] = {name: [] for name in (self.target, self.positives, self.alike) if name}
        missing = 0
        for batch, found in batches:
            keep_B = self._whole(batch, model)
            missing += int((~keep_B).sum())
            for (name, port), rows in sides.items():
                rows.append(self._scaled(read(found[name], port))[keep_B])
            kept = keep_B.nonzero().flatten().tolist()
            ids += [batch.ids[i] for i in kept]
            for name, collected in values.items():
                given = batch.targets[name]
                given = given.tolist() if isinstance(given, torch.Tensor) else given
                collected += [given[i] for i in kept]
        positives_NN = np.eye(len(ids), dtype=bool)
        if self.positives:
            positives_NN |= metrics.equal_marks(values[self.positives])
        classes_N, alike_N = (np.array(values[name]) if name else None for name in (self.target, self.alike))
        vectors = {key: torch.cat(rows[1:] or rows).numpy() for key, rows in sides.items()}
        return {
            name: Pairs(ids, vectors[name, self.a], vectors[name, self.b], positives_NN, classes_N, alike_N, missing)
            for name in variants
        }

    def _whole(self, batch: Batch, model: Model) -> torch.Tensor:
        """Return which samples have both sides (B,)."""
        keep_B = torch.ones(batch.size, dtype=torch.bool)
        for port in self.ports:
            for encoder in asking.behind(model, port):
                if encoder in batch.present:
                    keep_B &= batch.present[encoder].cpu()
        return keep_B

    def _baselines(self, corpus: Corpus, whole: Sequence[Sample], model: Model) -> dict[str, Floats]:
        """Return similarities (N, N) of simple methods, the first side in rows, by method."""
        fields = [asking.fields_of(model, port) for port in self.ports]
        if not self.simple or set(fields[0]) & set(fields[1]):
            return {}
        train = [
            sample
            for sample in baselines.learnable(corpus)
            if all(sample.fields.get(field) is not None for side in fields for field in side)
        ]
        sides = [baselines.of_samples(train, whole, side) for side in fields]
        return baselines.match(sides[0], sides[1]) if len(train) > 1 and all(sides) else {}

    def _metrics(
        self, found: Pairs, untrained: Pairs, seed: int, simple: Mapping[str, Floats], over: Mapping[str, Any]
    ) -> Iterable[Metric]:
        order = judging.derangement(len(found.ids), seed)
        scored = {
            "own": found.scores(),
            "untrained": untrained.scores(),
            "shuffled": replace(found, b_ND=found.b_ND[order]).scores(),
            **{name: _both(scores_NN, found.positives_NN) for name, scores_NN in simple.items()},
        }
        names = {"a_to_b": f"{short(self.a)}_to_{short(self.b)}_", "b_to_a": f"{short(self.b)}_to_{short(self.a)}_"}
        for directions, prefix in ((tuple(names), ""), *(((d,), name) for d, name in names.items())):
            judged = _judgement(scored, directions, list(simple), found.alike_N, over)
            for k in PLACES:
                if k < len(found.ids):
                    yield judged.metric(f"{prefix}recall_at_{k}", Recall(k))
            yield judged.metric(f"{prefix}median_rank", MedianRank())
        if found.classes_N is not None:
            same_NN = found.classes_N[:, None] == found.classes_N[None, :]
            of_class = {who: {d: Ranked(r.scores_QM, same_NN) for d, r in each.items()} for who, each in scored.items()}
            yield _judgement(of_class, tuple(names), list(simple), None, over).metric("class_match", FirstRight())

    def _rows(self, found: Pairs) -> list[dict[str, Any]]:
        forth, back = found.scores().values()
        ranks = [metrics.first_ranks(*side) for side in (forth, back)]
        best = forth[0].argmax(axis=1)
        return [
            {
                "id": name,
                f"rank_{short(self.a)}_to_{short(self.b)}": float(ranks[0][i]),
                f"rank_{short(self.b)}_to_{short(self.a)}": float(ranks[1][i]),
                "first": found.ids[int(best[i])],
            }
            for i, name in enumerate(found.ids)
        ]

    def _figure(self, found: Pairs) -> Figure:
        order = list(range(len(found.ids)))
        if found.classes_N is not None:
            order.sort(key=lambda i: str(found.classes_N[i]))  # type: ignore[index]
        order = [order[i * len(order) // _SHOWN] for i in range(_SHOWN)] if len(order) > _SHOWN else order
        scores_NN, _ = found.scores()["a_to_b"]
        names = [found.ids[i] for i in order]
        matrix = plots.similarity(scores_NN[np.ix_(order, order)], names, names, (short(self.a), short(self.b)))
        return Figure("similarity", matrix, "Similarity of every pair; matching pairs lie on the diagonal.")

    def _clips(self, found: Pairs, samples: Sequence[Sample], model: Model) -> list[Clip]:
        """Return a few queries and their first answers, as far as they are media; texts go into the captions."""
        scores_NN, positives_NN = found.scores()["a_to_b"]
        fields = (asking.field_of(model, self.a), asking.field_of(model, self.b))
        clips: list[Clip] = []
        for number in range(min(_QUERIES, len(found.ids))):
            query = number * len(found.ids) // _QUERIES
            answers = np.argsort(-scores_NN[query], kind="stable")[:3]
            shown = [_shown_as(samples[int(i)].fields[fields[1]], found.ids[int(i)]) for i in answers]
            asked = _shown_as(samples[query].fields[fields[0]], found.ids[query])
            _add(
                clips,
                f"query_{number}",
                samples[query].fields[fields[0]],
                f"Query {asked}; answers: {'; '.join(shown)}",
            )
            for rank, i in enumerate(answers, 1):
                verdict = "right" if positives_NN[query, i] else "wrong"
                caption = f"Answer {rank} to query {asked}: {shown[rank - 1]}, {verdict}"
                _add(clips, f"query_{number}_answer_{rank}", samples[int(i)].fields[fields[1]], caption)
        return clips


def _both(scores_NN: Floats, positives_NN: NDArray[np.bool_]) -> dict[str, Ranked]:
    """Return both directions of similarities with the first side in rows."""
    return {"a_to_b": Ranked(scores_NN, positives_NN), "b_to_a": Ranked(scores_NN.T, positives_NN.T)}


def _judgement(
    scored: Mapping[str, Mapping[str, Ranked]],
    directions: Sequence[str],
    simple: Sequence[str],
    alike_N: NDArray[Any] | None,
    over: Mapping[str, Any],
) -> Judgement:
    sides = {who: [each[direction] for direction in directions] for who, each in scored.items()}
    return Judgement(
        sides["own"],
        sides["untrained"],
        baselines={name: sides[name] for name in simple},
        controls={"shuffled_pairs": sides["shuffled"]},
        classes_Q=alike_N,
        **over,
    )


def _shown_as(value: Any, name: str) -> str:
    return f"“{value}”" if isinstance(value, str) else name


def _add(clips: list[Clip], key: str, value: Any, caption: str) -> None:
    if value is not None and not isinstance(value, str):
        clips.append(Clip(key, value, caption))

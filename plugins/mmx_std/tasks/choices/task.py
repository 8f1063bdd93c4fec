"""Judgement of choices: accuracy, and for rankings MRR, recall, mean rank and NDCG. N items, K candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Batch, Corpus, Metric, Model, Outputs, Prediction, Report, Run, Sample, UserError, measure
from mmx_std.ops import ports
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.choices.ranks import gains, reciprocal_ranks, truths
from mmx_std.tasks.choices.simple import candidates_of, scored
from mmx_std.tasks.metrics import first_ranks, recalls_at_k

Floats = NDArray[np.float64]
_FIRST: Final = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was judged: items, candidates of each (N,), the right one (N, K), scores (N, K) by who gave them."""

    items: Sequence[Sample]
    count_N: NDArray[np.int64]
    right_NK: NDArray[np.bool_]
    scores: Mapping[str, Floats]
    simple: Sequence[str]


class Choices:
    """Judges a head that scores a few candidates, one of which is right.

    Multiple choice: `accuracy`, of each kind of question, and with `joint` the share of groups that are right
    throughout (answer and rationale, as VCR's Q->AR). Ranking (as VisDial): `mrr`, `recall_at_1`, `_5`, `_10`,
    `mean_rank`, of each kind `mrr_KIND`, and with `relevance` `ndcg`. Ties count as the average over all orders of the
    tied. Controls: each input but the candidates removed, and taken from another item; all of them removed
    (`candidates_only`). Baselines: how often a candidate was right in training, the same by question, and shared words.

    Args:
        classes: The corpus's class names by target.
        head: Head that scores the candidates (N, K); minus infinity where an item has fewer.
        target: Target with the place of the right candidate; -1 where it is not known.
        candidates: Field of the candidates: a list of texts, or a text with one a line.
        question: Field of the question, for the baselines.
        ranking: Judge the order of the candidates, not only the first.
        relevance: Target with the relevance of each candidate (K,), from 0 to 1.
        kind: Target that names the kind of question; kinds are judged where it has class names.
        joint: Target; items of one value of it count as right together only.
        unit: Target that names the independent unit of an item: its image. By default the column `group` of a manifest.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        simple: Judge the baselines too.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "choice",
        target: str = "choice",
        candidates: str = "candidates",
        question: str = "question",
        ranking: bool = False,
        relevance: str | None = None,
        kind: str | None = None,
        joint: str | None = None,
        unit: str | None = "group",
        margin: Annotated[float, Field(ge=0)] = 0.0,
        simple: bool = True,
    ) -> None:
        self.port, self.target = ports.qualify(head, "heads"), target
        self.candidates, self.question = candidates, question
        self.ranking, self.relevance, self.kind, self.joint = ranking, relevance, kind, joint
        self.kinds = () if kind is None else tuple(classes.get(kind) or ())
        self.unit, self.margin, self.simple = unit, margin, simple
        more = [f"targets.{name}" for name in (relevance, kind, joint) if name is not None]
        self.needs = (self.port, f"targets.{target}", *more)

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split."""
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        found = self._judged(model, corpus, samples, run)
        if not found.items:
            return Report([], 0, len(samples), notes=[f"No item of {run.split} can be read and has a right candidate."])
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, Any] = {
            "units": judging.units_of(found.items, [sample.id for sample in found.items], unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        return Report(
            [*(self._ranked(found, over) if self.ranking else self._told_apart(found, over))],
            used=len(found.items),
            expected=len(samples),
            predictions=self._rows(found),
            notes=judging.left_out(corpus),
            margin=self.margin,
        )

    def score(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Return the probability of each item's right candidate (N,), not a number where it is not known."""
        p_NK = ports.read(outputs, self.port).float().softmax(dim=-1)
        right_N = batch.targets[self.target].to(p_NK.device)
        return torch.where(right_N >= 0, p_NK.gather(1, right_N.clamp(min=0)[:, None])[:, 0], torch.nan)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return a user's candidates in order, each with its share of the softmax over them.

        Raises:
            UserError: There are no candidates.
        """
        texts = candidates_of(Sample("input", raw), self.candidates)
        if not texts:
            raise UserError(f"which candidates? give them in {self.candidates!r}, one a line")
        p_K = ports.read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0].float().softmax(dim=-1)
        order = p_K.argsort(descending=True, stable=True).tolist()
        return Prediction(
            [{"candidate": texts[place], "probability": float(p_K[place])} for place in order if place < len(texts)]
        )

    def _judged(self, model: Model, corpus: Corpus, samples: Sequence[Sample], run: Run) -> _Found:
        ids, rows = self._everything(model, samples, run)
        items = judging.judged(samples, ids)
        known = [row for row, sample in enumerate(items) if int(sample.targets.get(self.target, -1)) >= 0]
        chosen = [items[row] for row in known]
        count = max((len(each) for several in rows.values() for each in several), default=1)
        padded = {who: np.full((len(several), count), -np.inf) for who, several in rows.items()}
        for who, several in rows.items():
            for row, each in enumerate(several):
                padded[who][row, : len(each)] = each
        scores = {who: each[known] for who, each in padded.items()}
        simple: Mapping[str, Floats] = {}
        if self.simple and chosen:
            read = judging.used_fields(model, (self.port,))  # what the model does not read would be no fair method
            texts = [name for name in read if corpus.fields.get(name) == "text" and name != self.candidates]
            others = sorted(texts, key=lambda name: name != self.question)
            train = baselines.learnable(corpus)
            simple = scored(train, chosen, count, self.candidates, self.target, others)
        right_NK = truths([int(sample.targets[self.target]) for sample in chosen], count)
        return _Found(chosen, np.isfinite(scores["own"]).sum(1), right_NK, {**scores, **simple}, tuple(simple))

    def _everything(
        self, model: Model, samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], dict[str, list[list[float]]]]:
        """Return ids, and the scores of each item's candidates by variant."""
        needs = (self.port,)
        fields = {
            field: encoders for field, encoders in judging.used_fields(model, needs).items() if field != self.candidates
        }
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (run.untrained(), judging.as_it_is),
        }
        for field, encoders in fields.items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        if len(fields) > 1:
            every = [name for encoders in fields.values() for name in encoders]
            variants["candidates_only"] = (model, partial(judging.without, encoders=every))
        ids: list[str] = []
        rows: dict[str, list[list[float]]] = defaultdict(list)
        for batch, found in judging.outputs(variants, samples, needs, run, "judging"):
            ids += batch.ids
            for name, outputs in found.items():
                rows[name] += ports.read(outputs, self.port).double().tolist()
        readable = judging.judged(samples, ids)
        for field, encoders in fields.items() if len(ids) > 1 else ():
            name = f"shuffled_{field}"
            for _, found in judging.swapped(model, readable, needs, encoders, run, name):
                rows[name] += ports.read(found[name], self.port).double().tolist()
        return ids, rows

    def _told_apart(self, found: _Found, over: Mapping[str, Any]) -> Iterator[Metric]:
        """Yield accuracy, of each kind, and of groups."""

        def right(scores_NK: Floats) -> Floats:
            return recalls_at_k(scores_NK, found.right_NK, 1)

        chance_N = 1 / found.count_N
        yield _metric("accuracy", found, right, chance_N, over)
        for name, rows_N in self._kinds(found):
            yield _metric(f"accuracy_{name}", found, _only(right, rows_N), np.where(rows_N, chance_N, np.nan), over)
        if self.joint is None:
            return
        marks = [str(sample.targets[self.joint]) for sample in found.items]
        _, first_G, group_N = np.unique(marks, return_index=True, return_inverse=True)

        def together(each_N: Floats) -> Floats:
            """Return the product of each group in the place of its first item, nothing in the others."""
            product_G = np.ones(len(first_G))
            np.multiply.at(product_G, group_N, each_N)
            placed_N = np.full(len(each_N), np.nan)
            placed_N[first_G] = product_G
            return placed_N

        yield _metric("joint_accuracy", found, lambda each: together(right(each)), together(chance_N), over)

    def _ranked(self, found: _Found, over: Mapping[str, Any]) -> Iterator[Metric]:
        """Yield MRR, recalls, mean rank, NDCG, and MRR of each kind."""

        def reciprocal(scores_NK: Floats) -> Floats:
            return reciprocal_ranks(scores_NK, found.right_NK)

        count_N = found.count_N
        chance_N = np.array([(1 / np.arange(1, count + 1)).mean() for count in count_N])
        yield _metric("mrr", found, reciprocal, chance_N, over)
        for first in (first for first in _FIRST if first < count_N.max()):
            recall = partial(recalls_at_k, positives_NM=found.right_NK, k=first)
            yield _metric(f"recall_at_{first}", found, recall, np.minimum(1, first / count_N), over)
        ranks = partial(first_ranks, positives_NM=found.right_NK)
        yield _metric("mean_rank", found, ranks, (count_N + 1) / 2, over, better="lower")
        if self.relevance is not None:
            relevance_NK = self._relevances(found)
            alike_NK = np.where(np.arange(found.right_NK.shape[1]) < count_N[:, None], 0.0, -np.inf)
            chance_of = gains(alike_NK, relevance_NK)
            yield _metric("ndcg", found, partial(gains, relevance_NK=relevance_NK), chance_of, over)
        for name, rows_N in self._kinds(found):
            yield _metric(f"mrr_{name}", found, _only(reciprocal, rows_N), np.where(rows_N, chance_N, np.nan), over)

    def _relevances(self, found: _Found) -> Floats:
        relevance_NK = np.zeros(found.right_NK.shape)
        for row, sample in enumerate(found.items):
            given = np.asarray(sample.targets[self.relevance], np.float64)  # type: ignore[index]
            relevance_NK[row, : len(given)] = given
        return relevance_NK

    def _kinds(self, found: _Found) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Yield the kinds of question that occur, and where they do (N,)."""
        numbers_N = np.array([int(sample.targets.get(self.kind or "", -1)) for sample in found.items])
        for number, name in enumerate(self.kinds):
            if (numbers_N == number).any():
                yield name.replace(" ", "_"), numbers_N == number

    def _rows(self, found: _Found) -> list[dict[str, Any]]:
        own_NK = found.scores["own"]
        ranks_N = first_ranks(own_NK, found.right_NK)
        rows = []
        for sample, scores_K, right_K, rank in zip(found.items, own_NK, found.right_NK, ranks_N, strict=True):
            texts = candidates_of(sample, self.candidates)
            first, right = int(scores_K.argmax()), int(right_K.argmax())
            asked = str(sample.fields.get(self.question) or "")
            rows.append(
                {
                    "id": sample.id,
                    "question": asked,
                    "chosen": texts[first] if first < len(texts) else str(first),
                    "right": texts[right] if right < len(texts) else str(right),
                    "rank": float(rank),
                }
            )
        return rows


def _only(values: Callable[[Floats], Floats], rows_N: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return the same function, not a number outside of `rows_N`."""
    return lambda scores_NK: np.where(rows_N, values(scores_NK), np.nan)


def _metric(
    name: str,
    found: _Found,
    values: Callable[[Floats], Floats],
    chance_N: Floats,
    over: Mapping[str, Any],
    *,
    better: Any = "higher",
) -> Metric:
    """Return a metric of everyone's scores."""
    each = {who: values(scores_NK) for who, scores_NK in found.scores.items()}
    own, untrained = each.pop("own"), each.pop("untrained")
    simple = {who: each.pop(who) for who in found.simple}
    return measure(
        name, own, chance=chance_N, untrained=untrained, baselines=simple, controls=each, better=better, **over
    )

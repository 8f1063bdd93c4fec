"""Alignment of pairs: does a text belong to an input, and retrieval by that answer.

Shape legend: N items, C candidates.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Batch, Corpus, DataError, Metric, Model, Prediction, Report, Run, Sample, measure, without
from mmx_std.objectives.pairing import paired
from mmx_std.ops.ports import qualify, read
from mmx_std.ops.tokens.exchange import exchanged_text
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.metrics import chance_recall_at_k, equal_marks, recalls_at_k
from mmx_std.tasks.texts.pairs import Pairs

__all__ = ["Matching"]

Floats = NDArray[np.float64]
_FIRST: Final = (1, 5, 10)


class Matching:
    """Judges a head that tells whether a text belongs to an input (`std/match`).

    `alignment`: share of pairs told right, each input once with its own text and once with one of another item that
    says something else; chance is one half. `recall_at_K`: the input of each text, and the text of each input, among
    `candidates` items, by the same answer ("caption-based retrieval"). Controls: either side removed. Baselines:
    canonical correlation of cheap statistics, and ridge regression from the input's to pairs of neighbouring words; a
    pair is aligned where its similarity is above the median of all that are judged. With `kinds`
    there is `binding` before it: the same with a harder pair, the item's own text with two of its words exchanged, of
    those texts that have such words.

    Args:
        head: Head with two logits: other, own.
        text: Encoder of the text.
        positives: Target with what each text says; null: every text is one of its own.
        kinds: Words that are exchanged, by kind: a colour with a colour, a shape with a shape.
        items: Most items that are judged, evenly spread.
        candidates: Most items that are retrieved from: the cost grows with their square.
        primary: The metric that the verdict is about: how pairs are told, or the first among `candidates`.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        simple: Judge the baselines too.
    """

    def __init__(
        self,
        *,
        head: str = "aligned",
        text: str = "caption",
        positives: str | None = "sentence",
        kinds: Mapping[str, Sequence[str]] = {},
        items: Annotated[int, Field(ge=2)] = 400,
        candidates: Annotated[int, Field(ge=2)] = 40,
        primary: Literal["alignment", "retrieval"] = "alignment",
        margin: Annotated[float, Field(ge=0)] = 0.0,
        simple: bool = True,
    ) -> None:
        self.head, self.text, self.positives = qualify(head, "heads"), text, positives
        self.needs = (self.head, f"encoded.{text}", *([f"targets.{positives}"] if positives else []))
        self.kinds, self.primary = kinds, primary
        self.items, self.candidates, self.margin, self.simple = items, candidates, margin, simple

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split."""
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`.

        Raises:
            DataError: Fewer than two texts say something different.
        """
        whole = corpus.split(run.split)
        batches = list(
            run.batches(model, judging.spread(whole, self.items), model.plan(self.needs).encoders, self.items)
        )
        if not batches:
            raise DataError(f"no item of split {run.split!r} can be read")
        batch = batches[0]
        items = judging.judged(whole, batch.ids)
        said = self._said(items)
        other_N = _others(said, run.seed)
        own_N = np.arange(len(said))
        pairs = np.concatenate([own_N, own_N]), np.concatenate([own_N, other_N])
        untrained = run.untrained()
        rest = [name for name in model.plan(self.needs).encoders if name != self.text]
        shown = {"own": batch, "untrained": batch}
        shown |= {f"without_{name}": without(batch, [name]) for name in (*rest, self.text)}
        scores = {
            who: self._scores(untrained if who == "untrained" else model, each, *pairs) for who, each in shown.items()
        }
        grid = tuple(
            each.ravel() for each in np.meshgrid(*[np.arange(min(len(said), self.candidates))] * 2, indexing="ij")
        )
        found = {"own": self._grid(model, batch, grid), "untrained": self._grid(untrained, batch, grid)}
        simple = self._simple(model, corpus, items)
        over: dict[str, Any] = {"units": list(batch.ids), "unit": "items", "seed": run.seed}
        right = {who: _right(each, len(said)) for who, each in scores.items()}
        told = {name: _told(each_NN, other_N) for name, each_NN in simple.items()}
        own, before = right.pop("own"), right.pop("untrained")
        metrics = [measure("alignment", own, chance=0.5, untrained=before, controls=right, baselines=told, **over)]
        variants = {who: scores[who][: len(said)] for who in scores}
        metrics = [*self._binding(model, corpus, items, run, variants), *metrics]
        recalls = self._recalls(found, simple, said, list(batch.ids), run.seed)
        metrics = [*metrics, *recalls] if self.primary == "alignment" else [*recalls, *metrics]
        rows = [
            {"id": name, "own_text": float(mine), "other_text": float(theirs)}
            for name, mine, theirs in zip(batch.ids, *np.split(scores["own"], 2), strict=True)
        ]
        return Report(metrics, len(items), len(whole), rows, notes=judging.left_out(corpus), margin=self.margin)

    def _binding(
        self, model: Model, corpus: Corpus, items: Sequence[Sample], run: Run, own: Mapping[str, Floats]
    ) -> list[Metric]:
        """Return the metric of exchanged words, where there are any.

        Args:
            model: The model.
            corpus: What simple methods learn from.
            items: What is judged.
            run: The run.
            own: Scores of the items with their own texts, by who gives them.
        """
        field = model.fields[self.text]
        draw = random.Random(run.seed).randrange
        texts = [exchanged_text(str(sample.fields[field]), self.kinds, draw) for sample in items] if self.kinds else []
        places = [place for place, text in enumerate(texts) if text is not None]
        if not places:
            return []
        turned = [
            Sample(f"{items[place].id} exchanged", {**items[place].fields, field: texts[place]}, items[place].targets)
            for place in places
        ]
        encoders = model.plan(self.needs).encoders
        batch = next(iter(run.batches(model, turned, encoders, len(turned))))
        untrained, pairs_N = run.untrained(), np.arange(len(turned))
        right = {}
        for who, scores_N in own.items():
            removed = [who.removeprefix("without_")] if who.startswith("without_") else []
            other_N = self._scores(
                untrained if who == "untrained" else model,
                without(batch, removed) if removed else batch,
                pairs_N,
                pairs_N,
            )
            right[who] = _right(np.concatenate([scores_N[places], other_N]), len(places))
        both = [*(items[place] for place in places), *turned]
        simple = {}
        for name, scores_NN in self._simple(model, corpus, both).items():
            of_item = scores_NN[: len(places)]
            pairs = np.concatenate([np.diagonal(of_item), np.diagonal(of_item, len(places))])
            simple[name] = _right(pairs - np.median(pairs), len(places))
        mine, before = right.pop("own"), right.pop("untrained")
        return [
            measure(
                "binding", mine, chance=0.5, untrained=before, controls=right, baselines=simple,
                units=[items[place].id for place in places], unit="items", seed=run.seed,
            )
        ]  # fmt: skip

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Tell how probable it is that a user's text belongs to an input."""
        logits_12 = read(judging.one_input(model, (self.head,), dict(raw)), self.head)
        return Prediction([{"belongs": float(logits_12.softmax(1)[0, 1])}])

    def _said(self, items: Sequence[Sample]) -> list[str]:
        if self.positives is None:
            return [sample.id for sample in items]
        said = [str(sample.targets[self.positives]) for sample in items]
        if len(set(said)) < 2:
            raise DataError(f"all items say the same in {self.positives!r}: there is nothing to tell apart")
        return said

    def _scores(self, model: Model, batch: Batch, inputs_N: Any, texts_N: Any) -> Floats:
        """Return by how much the logit of "own" is above that of "other", of pairs of an input and a text (N,)."""
        model.eval()
        scores = []
        for first in range(0, len(inputs_N), 2 * judging.BATCH):
            chosen = slice(first, first + 2 * judging.BATCH)
            pairs = paired(batch, self.text, torch.as_tensor(inputs_N[chosen]), torch.as_tensor(texts_N[chosen]))
            with torch.inference_mode():
                logits_B2 = read(model(pairs, (self.head,)), self.head)
            scores.append((logits_B2[:, 1] - logits_B2[:, 0]).double().cpu().numpy())
        return np.concatenate(scores)

    def _grid(self, model: Model, batch: Batch, grid: Any) -> Floats:
        side = int(grid[0].max()) + 1
        return self._scores(model, batch, *grid).reshape(side, side)

    def _recalls(
        self,
        found: Mapping[str, Floats],
        simple: Mapping[str, Floats],
        said: Sequence[str],
        ids: Sequence[str],
        seed: int,
    ) -> list[Any]:
        side = len(found["own"])
        same_CC = equal_marks(said[:side])
        others = {name: each_NN[:side, :side] for name, each_NN in simple.items()}

        def both(scores_CC: Floats, count: int) -> Floats:
            return np.concatenate([recalls_at_k(each, same_CC, count) for each in (scores_CC, scores_CC.T)])

        return [
            measure(
                f"recall_at_{count}",
                both(found["own"], count),
                chance=chance_recall_at_k(same_CC, count),
                untrained=both(found["untrained"], count),
                baselines={name: both(each, count) for name, each in others.items()},
                units=[*ids[:side], *ids[:side]],
                unit="items",
                seed=seed,
            )
            for count in _FIRST
            if count < side
        ]

    def _simple(self, model: Model, corpus: Corpus, items: Sequence[Sample]) -> dict[str, Floats]:
        """Return similarities of inputs and texts (N, N) by simple methods, where there is something to learn from."""
        fields = [model.fields[name] for name in model.plan(self.needs).encoders if name != self.text]
        text = model.fields[self.text]
        train = [
            sample
            for sample in (baselines.learnable(corpus) if self.simple else ())
            if all(sample.fields.get(field) is not None for field in (text, *fields))
        ]
        if not train:
            return {}
        inputs, texts = (baselines.of_samples(train, items, each) for each in (fields, [text]))
        if not inputs or not texts:
            return {}
        written, judged = ([_words(sample.fields[text]) for sample in part] for part in (train, items))
        return {
            "cca": baselines.match(inputs, texts)["cca"],
            "ridge_pairs": Pairs(train, items, fields, written).scores(judged),
        }


def _words(text: Any) -> list[str]:
    return ["", *str(text).lower().split(), ""]


def _others(said: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Return for each item another one that says something else (N,)."""
    order = judging.derangement(len(said), seed)
    found = []
    for place in range(len(said)):
        other = order[place]
        while said[other] == said[place]:
            other = (other + 1) % len(said)
        found.append(other)
    return np.array(found)


def _right(scores: Floats, count: int) -> Floats:
    """Return the share told right of the two pairs of each item (N,); a tie counts for half."""
    own_N, other_N = scores[:count], scores[count:]
    return np.asarray(0.25 * (np.sign(own_N) - np.sign(other_N)) + 0.5)


def _told(simple_NN: Floats, other_N: NDArray[np.int64]) -> Floats:
    pairs = np.concatenate([np.diagonal(simple_NN), simple_NN[np.arange(len(other_N)), other_N]])
    return _right(pairs - np.median(pairs), len(other_N))

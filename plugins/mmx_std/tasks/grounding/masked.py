"""Task of hidden regions: how many a head names, with and without the text. M hidden regions, C classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field

from mmx import Batch, Corpus, DataError, Model, Prediction, Report, Run, measure
from mmx_std.objectives.language import written
from mmx_std.objectives.regions import RegionHiding, Share, hide_regions, soft_classes
from mmx_std.ops.ports import qualify
from mmx_std.ops.tokens.corruption import hidden_key
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.descriptors import describe

__all__ = ["MaskedRegions"]

_LEARNT: Final = 1000
"""Training items that simple methods learn from."""


class MaskedRegions:
    """Judges a head that names hidden regions: the share whose likeliest class, as the detector sees it, is put first.

    One region of each image is hidden, wholly, and what overlaps it; the same ones for all who guess. Controls: each
    other input removed. Baselines: the most frequent class, and nearest neighbours and logistic regression on the words
    of the text.

    Args:
        head: Head that names hidden regions.
        regions: Encoder of the regions.
        target: Target with the class distribution of each region.
        text: Encoder of the text, which baselines read.
        share: Probability that a further region is hidden.
        overlap: IoU above which a neighbour of a hidden region is zeroed, too; null: neighbours are shown.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        simple: Judge regressions too.
    """

    def __init__(
        self,
        *,
        head: str = "region_classes",
        regions: str = "regions",
        target: str = "region_scores",
        text: str = "text",
        share: Share = 0.0,
        overlap: Annotated[float | None, Field(ge=0, le=1)] = 0.4,
        margin: Annotated[float, Field(ge=0)] = 0.0,
        simple: bool = True,
    ) -> None:
        self.head, self.regions, self.target, self.text = qualify(head, "heads"), regions, target, text
        self.hiding = RegionHiding(share, 1.0, overlap, least=1)
        self.margin, self.simple = margin, simple
        self.needs = (self.head, f"targets.{target}")

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`.

        Raises:
            DataError: No region of the split has a class.
        """
        samples = corpus.split(run.split)
        hidden = partial(self._hidden, seed=run.seed)
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, hidden),
            "untrained": (run.untrained(), hidden),
        }

        def removed(batch: Batch, encoders: list[str]) -> Batch:
            return judging.without(hidden(batch), encoders)

        for field, encoders in judging.used_fields(model, self.needs).items():
            if self.regions not in encoders:
                variants[f"without_{field}"] = (model, partial(removed, encoders=encoders))
        guesses: dict[str, list[int]] = {who: [] for who in variants}
        every: list[str] = []
        ids: list[str] = []
        truth: list[int] = []
        for batch, found in judging.outputs(variants, samples, self.needs, run, "hidden regions"):
            every += batch.ids
            chosen_BN = hidden(batch).targets[hidden_key(self.regions)].cpu()
            soft_MC = soft_classes(batch.targets[self.target], chosen_BN.shape[1])[chosen_BN]
            known_M = soft_MC.sum(1) > 0
            truth += soft_MC[known_M].argmax(1).tolist()
            rows_M = chosen_BN.nonzero()[:, 0][known_M].tolist()
            ids += [batch.ids[row] for row in rows_M]
            for who, outputs in found.items():
                guesses[who] += written(outputs, self.head, "logits").argmax(-1).cpu()[known_M].tolist()
        if not truth:
            raise DataError(f"no region of split {run.split!r} has a class in {self.target!r}")
        others = self._simple(model, corpus, dict(zip(every, judging.judged(samples, every), strict=True)), ids)
        right = {who: (np.array(each) == np.array(truth)).astype(float) for who, each in {**guesses, **others}.items()}
        own, untrained = right.pop("own"), right.pop("untrained")
        metric = measure(
            "region_accuracy",
            own,
            units=ids,
            unit="items",
            untrained=untrained,
            baselines={who: right.pop(who) for who in others},
            controls=right,
            seed=run.seed,
        )
        rows = [
            {"id": name, "truth": true, "predicted": guess}
            for name, true, guess in zip(ids, truth, guesses["own"], strict=True)
        ]
        return Report([metric], len(every), len(samples), rows, notes=judging.left_out(corpus), margin=self.margin)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Name the class of each region of a user's own image, by its number."""
        logits_NC = written(judging.one_input(model, (self.head,), dict(raw)), self.head, "logits")
        best = logits_NC.float().softmax(-1).max(-1)
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return Prediction([{"region": n, "class": place, "probability": p} for n, (p, place) in enumerate(pairs)])

    def _hidden(self, batch: Batch, *, seed: int) -> Batch:
        return hide_regions(batch, self.regions, self.hiding, torch.Generator().manual_seed(seed))

    def _simple(self, model: Model, corpus: Corpus, items: Mapping[str, Any], ids: list[str]) -> dict[str, list[int]]:
        """Return the class that each simple method names for each hidden region."""
        train = baselines.learnable(corpus, _LEARNT)
        field = model.fields[self.text]
        texts: list[str] = []
        labels: list[int] = []
        for sample in train:
            soft_NC = np.asarray(sample.targets[self.target])
            named = soft_NC[soft_NC.sum(1) > 0].argmax(1).tolist()
            labels += named
            texts += [str(sample.fields[field])] * len(named)
        if not labels:
            return {}
        frequent = max(sorted(set(labels)), key=Counter(labels).__getitem__)
        found = {"most_frequent": [frequent] * len(ids)}
        if self.simple:
            asked = [str(items[name].fields[field]) for name in ids]
            guessed = baselines.classify({"words": describe(texts, asked)["words"]}, labels)
            found |= {who: each.tolist() for who, each in guessed.items()}
        return found

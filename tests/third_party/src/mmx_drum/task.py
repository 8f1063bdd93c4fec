"""Share of right classes, beside chance, the untrained model, and labels moved by one sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mmx import Corpus, Metric, Model, Prediction, Report, Run, Sample


class Hits:
    """How often the highest score is the true class.

    Args:
        target: The true class.
        head: Head that gives the scores.
    """

    def __init__(self, target: str = "label", head: str = "classes") -> None:
        self.target, self.head = target, head
        self.needs = (f"heads.{head}", f"targets.{target}")

    @torch.inference_mode()
    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        untrained = run.untrained()
        hits: dict[str, list[bool]] = {"trained": [], "untrained": [], "moved": []}
        ids: list[str] = []
        for batch in run.batches(model, samples):
            truth_B = batch.targets[self.target]
            guess_B = model(batch, self.needs).heads[self.head].argmax(dim=1)
            hits["trained"] += (guess_B == truth_B).tolist()
            hits["moved"] += (guess_B == truth_B.roll(1)).tolist()
            hits["untrained"] += (untrained(batch, self.needs).heads[self.head].argmax(dim=1) == truth_B).tolist()
            ids += batch.ids
        share = {name: sum(values) / len(values) for name, values in hits.items()}
        accuracy = Metric(
            "accuracy",
            share["trained"],
            chance=1 / len(corpus.targets[self.target] or ()),
            untrained=share["untrained"],
            controls={"labels_moved": share["moved"]},
        )
        rows = [{"id": name, "right": right} for name, right in zip(ids, hits["trained"], strict=True)]
        return Report([accuracy], len(ids), len(samples), rows, margin=0.1)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the scores of a user's own input."""
        scores_C = model.eval()(model.prepare([Sample("input", raw)]), self.needs).heads[self.head][0]
        return Prediction([{"class": index, "score": score} for index, score in enumerate(scores_C.tolist())])

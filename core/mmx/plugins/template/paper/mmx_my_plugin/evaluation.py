"""Evaluation: does a signal retrieve the image of the same thing? Shapes: B batch, D features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from mmx import Corpus, Figure, Model, Prediction, Report, Run, Sample, measure
from pydantic import Field
from torch import Tensor
from torch.nn import functional


class Matching:
    """Recall at 1 among a group of images, one of which belongs to the signal.

    Beside it stand chance, the untrained model, and every signal with the image of another (control).

    Args:
        a: Name of the fused features of the queries.
        b: Name of the fused features of the candidates.
        group: Candidates to choose from.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        group: Annotated[int, Field(ge=2)] = 16,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.a, self.b, self.group, self.margin = a, b, group, margin
        self.needs = (f"fused.{a}", f"fused.{b}")

    @torch.inference_mode()
    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the split `run.split` in groups; what is left over at the end is left out."""
        samples = corpus.split(run.split)
        before = run.untrained()
        right: list[bool] = []
        untrained: list[bool] = []
        control: list[bool] = []
        rows: list[dict[str, Any]] = []
        first_BB: Tensor | None = None
        for batch in run.batches(model, samples, batch_size=self.group):
            if batch.size < self.group:
                break
            scores_BB = self._scores(model, batch)
            first_BB = scores_BB if first_BB is None else first_BB
            found_B = _found(scores_BB)
            right += found_B
            untrained += _found(self._scores(before, batch))
            control += _found(scores_BB.roll(1, dims=1))
            rows += [{"id": name, "right": hit} for name, hit in zip(batch.ids, found_B, strict=True)]
        recall = measure(
            "recall_at_1",
            right,
            units=[row["id"] for row in rows],  # name the recording or the person instead where items share one
            unit="items",
            chance=1 / self.group,
            untrained=untrained,
            controls={"pairs_shuffled": control},
            seed=run.seed,
        )
        figures = [] if first_BB is None else [_figure(first_BB)]
        notes = [f"Groups of {self.group}; things of the same kind make 1.0 impossible."]
        return Report([recall], len(right), len(samples), rows, figures, notes=notes, margin=self.margin)

    @torch.inference_mode()
    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the similarity of the two sides of a user's own input."""
        model.eval()
        batch = model.prepare([Sample("input", raw)], model.plan(self.needs).encoders)
        similarity = self._scores(model, batch.to(model.device))[0, 0].item()
        return Prediction([{self.a: "input", self.b: "input", "similarity": similarity}])

    def _scores(self, model: Model, batch: Any) -> Tensor:
        """Return cosine similarities (B, B), queries in rows."""
        fused = model(batch, self.needs).fused
        a_BD, b_BD = (functional.normalize(fused[name].pooled_BD, dim=1) for name in (self.a, self.b))
        return a_BD @ b_BD.T


def _found(scores_BB: Tensor) -> list[bool]:
    own_B = torch.arange(len(scores_BB), device=scores_BB.device)
    found: list[bool] = (scores_BB.argmax(dim=1) == own_B).tolist()
    return found


def _figure(scores_BB: Tensor) -> Figure:
    grey_HW = np.kron(((scores_BB.cpu().numpy() + 1) * 127.5).astype(np.uint8), np.ones((12, 12), np.uint8))
    return Figure("similarity", np.stack([grey_HW] * 3, axis=-1), "Rows: queries; columns: candidates; light: similar.")

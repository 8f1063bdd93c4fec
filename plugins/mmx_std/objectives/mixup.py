"""Cross-entropy of a classifier whose items are mixed in training. Shapes: B batch, C classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Corpus, Losses, Outputs
from mmx_std.ops.ports import class_names, qualify, read

_COUNTED: Final = 20_000
"""Training samples that classes are counted over."""


class Mixup(nn.Module):
    """Cross-entropy with smoothed labels, optionally with mixup and with classes balanced.

    Mixup (Zhang et al. 2018) mixes each item's input and label with another's of the batch; the share is drawn once
    per batch, or for each of the items that `rate` draws, as AST does with waveforms (Gong et al. 2021, section 3.1).

    Args:
        corpus: Its `train` split is counted for balancing.
        classes: Class names of the corpus's targets (filled in).
        head: Head that gives the logits.
        target: The class; -1 is unknown and does not count. For `binary` it may be 0 or 1 per class (B, C).
        kind: One class out of C (`softmax`), or C independent yes/no questions (`binary`).
        smoothing: Share of the label that is spread over all classes.
        mixup: Both parameters of the Beta distribution of the share; 0 does not mix.
        rate: Share of the items that are mixed, each at a share of its own; null mixes all at one share.
        balanced: Weigh classes by the inverse of their frequency, on average 1.
        mixed: Encoders whose input is mixed.
    """

    def __init__(
        self,
        corpus: Corpus,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        kind: Literal["softmax", "binary"] = "softmax",
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        mixup: Annotated[float, Field(ge=0)] = 0.0,
        rate: Annotated[float | None, Field(ge=0, le=1)] = None,
        balanced: bool = False,
        mixed: Sequence[str] = ("video", "audio"),
    ) -> None:
        super().__init__()
        self.port, self.target = qualify(head, "heads"), target
        self.needs = (self.port, f"targets.{target}")
        self.count = len(class_names(classes, target))
        self.kind: Literal["softmax", "binary"] = kind
        self.smoothing, self.mixup, self.rate, self.mixed = smoothing, mixup, rate, tuple(mixed)
        self.weight_C: Tensor
        self.register_buffer("weight_C", _weights(corpus, target, self.count) if balanced else torch.ones(self.count))

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return mixtures of the batch with itself in another order; their labels are target `mixup`."""
        labels_BC = self._smooth(torch.as_tensor(batch.targets[self.target]))
        if not self.mixup:
            return replace(batch, targets={**batch.targets, "mixup": labels_BC})
        order_B = torch.randperm(batch.size, generator=generator)
        share_B = self._shares(batch.size, generator)
        inputs = dict(batch.inputs)
        for name in self.mixed:
            if name in inputs:
                inputs[name] = _mixed(inputs[name].float(), order_B, share_B)
        return replace(batch, inputs=inputs, targets={**batch.targets, "mixup": _mixed(labels_BC, order_B, share_B)})

    def _shares(self, size: int, generator: torch.Generator) -> Tensor:
        """Draw each item's share of its mixture (B,), or one for all (1,); 1 leaves it as it is."""

        def share() -> float:
            first, second = _gamma(self.mixup, generator), _gamma(self.mixup, generator)
            return first / (first + second)

        if self.rate is None:
            return torch.tensor([share()], dtype=torch.float64)
        drawn_B = torch.rand(size, generator=generator) < self.rate
        return torch.tensor([share() if drawn else 1.0 for drawn in drawn_B.tolist()], dtype=torch.float64)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and for one class the top-1 accuracy (against the item's own label)."""
        logits_BC = read(outputs, self.port).float()
        truth_B = torch.as_tensor(batch.targets[self.target]).to(logits_BC.device)
        labels_BC = batch.targets.get("mixup")
        labels_BC = self._smooth(truth_B) if labels_BC is None else labels_BC.to(logits_BC.device)
        if self.kind == "binary":
            known_B = (truth_B >= 0) if truth_B.dim() == 1 else (truth_B >= 0).all(1)
            each_BC = functional.binary_cross_entropy_with_logits(logits_BC, labels_BC, self.weight_C, reduction="none")
            return {"loss": torch.where(known_B, each_BC.mean(1), 0.0).sum() / known_B.sum().clamp(min=1)}
        each_B = -(labels_BC * self.weight_C * logits_BC.log_softmax(1)).sum(1)
        known = (labels_BC.sum(1) > 0).sum().clamp(min=1)
        return {"loss": each_B.sum() / known, "right": (logits_BC.argmax(1) == truth_B).float().mean()}

    def chance(self, batch_size: int) -> float | None:
        """Return ln C, the loss of equal logits (ln 2 for yes/no questions); None where classes have weights."""
        equal = math.log(2 if self.kind == "binary" else self.count)
        return equal if bool((self.weight_C == 1).all()) else None

    def _smooth(self, truth_B: Tensor) -> Tensor:
        if truth_B.dim() == 2:  # 0 or 1 for each class; a row with a negative entry is unknown
            return (truth_B.float() * (1 - self.smoothing) + self.smoothing / 2).clamp(min=0)
        known_B = truth_B >= 0
        hot_BC = functional.one_hot(truth_B.clamp_min(0), self.count).float()
        return (hot_BC * (1 - self.smoothing) + self.smoothing / self.count) * known_B[:, None]


def _mixed(x: Tensor, order_B: Tensor, share_B: Tensor) -> Tensor:
    """Return each row of `x` (B, ...) mixed with another."""
    shape = (-1, *[1] * (x.dim() - 1))
    own, other = (each_B.to(x).reshape(shape) for each_B in (share_B, 1 - share_B))
    return own * x + other * x[order_B.to(x.device)]


def _gamma(shape: float, generator: torch.Generator) -> float:
    """Draw from a Gamma distribution with torch's generator: the sum of `shape` exponentials, `shape` rounded up."""
    return float(-torch.rand(max(1, math.ceil(shape)), generator=generator).clamp_min(1e-12).log().sum())


def _weights(corpus: Corpus, target: str, count: int) -> Tensor:
    samples = corpus.split("train")
    step = max(1, math.ceil(len(samples) / _COUNTED))
    labels = torch.tensor([int(samples[i].targets.get(target, -1)) for i in range(0, len(samples), step)])
    found_C = torch.bincount(labels[labels >= 0], minlength=count).float()
    weight_C = torch.where(found_C > 0, 1 / found_C.clamp_min(1), 0.0)
    return weight_C * (found_C > 0).sum() / weight_C.sum().clamp_min(1e-12)

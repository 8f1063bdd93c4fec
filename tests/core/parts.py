"""Tiny parts that the core's tests build models from; real ones, with weights that learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmx.errors import DataError
from mmx.types import Batch, Card, Features, Losses, Outputs, Sample


class Numbers(nn.Module):
    """Encodes a list of numbers; `bias` makes two of them differ."""

    modality = "signal"

    def __init__(self, width: int = 4, out_dim: int = 3) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.width = width
        self.linear = nn.Linear(width, out_dim)
        self.calls = 0

    def prepare(self, raw: Any) -> Tensor:
        values = torch.as_tensor(raw, dtype=torch.float32)
        if not torch.isfinite(values).all():
            raise DataError("not finite")
        return values

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        self.calls += 1
        return Features(self.linear(x))


class Same(nn.Module):
    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.dims = dict(dims)

    def requires(self, output: str) -> Sequence[str]:
        return [output]

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return features


class Classify(nn.Module):
    def __init__(self, dims: Mapping[str, int], reads: str = "x", count: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.needs = (f"fused.{reads}",)
        self.reads = reads
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(dims[reads], count)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        logits: Tensor = self.linear(self.dropout(fused[self.reads].pooled_BD))
        return logits


class Entropy:
    """Cross-entropy of one head against one target."""

    def __init__(self, head: str = "label", target: str = "label") -> None:
        self.needs = (f"heads.{head}", f"targets.{target}")
        self.head, self.target = head, target

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        loss = nn.functional.cross_entropy(outputs.heads[self.head], batch.targets[self.target])
        return {"loss": loss, "double": 2 * loss}

    def chance(self, batch_size: int) -> float | None:
        return 0.6931


class Line:
    """Numbers whose sum tells the class."""

    fields: Mapping[str, str] = {"x": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("low", "high")}
    card = Card(title="line", summary="numbers", licence="CC0-1.0", synthetic=True)
    digest = "line-1"

    def __init__(self, count: int = 40, broken: Sequence[int] = ()) -> None:
        generator = torch.Generator().manual_seed(3)
        values = torch.randn(count, 4, generator=generator)
        self.samples = [
            Sample(f"n{i}", {"x": [float("nan")] * 4 if i in broken else row.tolist()}, {"label": int(row.sum() > 0)})
            for i, row in enumerate(values)
        ]

    def split(self, name: str) -> Sequence[Sample]:
        return self.samples

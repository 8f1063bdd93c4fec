"""Modality dropout: in training some samples lack a modality. B batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mmx import BalanceStep, Batch

__all__ = ["ModalityDropout"]


class ModalityDropout:
    """Each sample loses each modality with some probability, but never its last one.

    What is lost counts as missing: zeros, and `present` is False.

    Args:
        p: Probability.
    """

    def __init__(self, *, p: Annotated[float, Field(gt=0, lt=1)] = 0.2) -> None:
        self.p = p

    def view(self, batch: Batch, encoders: Sequence[str], generator: torch.Generator) -> Batch:
        """Return the batch without what was drawn."""
        names = [name for name in encoders if name in batch.inputs or name in batch.cached]
        drop_BM = torch.rand(batch.size, len(names), generator=generator) < self.p
        everyone_B = torch.ones(batch.size, dtype=torch.bool)
        there_BM = torch.stack([batch.present.get(name, everyone_B).cpu() for name in names], dim=1)
        # A sample that would lose all that it has keeps one of them.
        order_BM = torch.rand(batch.size, len(names), generator=generator) + there_BM
        kept_BM = torch.nn.functional.one_hot(order_BM.argmax(dim=1), len(names)).bool()
        last_B1 = (drop_BM | ~there_BM).all(dim=1, keepdim=True)
        left_BM = there_BM & (~drop_BM | (last_B1 & kept_BM))
        present = {name: left_BM[:, place] for place, name in enumerate(names)}
        return replace(
            batch,
            inputs={name: _kept(x, present.get(name)) for name, x in batch.inputs.items()},
            cached={name: x.map(partial(_kept, rows_B=present.get(name))) for name, x in batch.cached.items()},
            present={**batch.present, **{name: rows.to(_device(batch)) for name, rows in present.items()}},
        )

    def __call__(self, step: BalanceStep) -> Mapping[str, float]:
        """Leave the gradients as they are; returns `modality/ENCODER/shown`, the share of samples that had it."""
        present = {name: step.batch.present[name] for name in step.encoders if name in step.batch.present}
        return {f"modality/{name}/shown": float(rows_B.float().mean()) for name, rows_B in present.items()}


def _kept(x: Tensor, rows_B: Tensor | None) -> Tensor:
    if rows_B is None:
        return x
    return x * rows_B.to(x.device).reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


def _device(batch: Batch) -> torch.device:
    tensors = [*batch.inputs.values(), *(each.pooled_BD for each in batch.cached.values())]
    return tensors[0].device if tensors else torch.device("cpu")

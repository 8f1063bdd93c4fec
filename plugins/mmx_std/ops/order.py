"""Inputs without their order in time: a control of models that should read it. Shapes: B batch, T steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmx import Batch

__all__ = ["shuffled_steps", "unordered"]


def unordered(batch: Batch, encoders: Sequence[str], generator: torch.Generator) -> Batch:
    """Return the batch with the steps of these encoders' inputs in a random order, another one for each sample.

    Inputs must have their steps in the first dimension of a sample: frames of a spectrogram or of a video, words. The
    samples of a waveform are steps too; shuffled, they are noise.

    Args:
        batch: The batch; a mask says which steps are real, and padding stays where it is.
        encoders: Names of the inputs; those that are not there are left out.
        generator: Draws the orders.
    """
    chosen = [name for name in encoders if name in batch.inputs]
    shuffled = {name: shuffled_steps(batch.inputs[name], batch.masks.get(name), generator) for name in chosen}
    return replace(batch, inputs={**batch.inputs, **shuffled})


def shuffled_steps(x: Tensor, mask_BT: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return (B, T, ...) with the real steps of each sample in a random order."""
    keys_BT = torch.rand(x.shape[:2], generator=generator, device=generator.device).to(x.device)
    if mask_BT is not None:  # real steps draw from [0, 1), the others keep their places behind them
        keys_BT = torch.where(mask_BT, keys_BT, 1.0 + torch.arange(x.shape[1], device=x.device))
    order_BT = keys_BT.argsort(dim=1)
    return x[torch.arange(len(x), device=x.device)[:, None], order_BT]

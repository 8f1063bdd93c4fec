"""Texts with their times as rows of numbers, and the view that an objective takes of a batch.

A row is `start, end, count, id, id, ...`: seconds, seconds, number of tokens, tokens. An empty row has count 0. Numbers
are float32, which holds whole numbers up to 16 million exactly.
Shape legend: B videos, S rows per video, L tokens, R = 3 + L.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor

from mmx import Batch, Features

START, END, COUNT, TOKENS = 0, 1, 2, 3
"""Places in a row; the tokens begin at TOKENS."""
KEY: Final = "hero: view"
"""Target of a batch that carries a `View` from an objective to the model."""


@dataclass(frozen=True, slots=True)
class View:
    """What an objective hides, moves or asks of a batch.

    Attributes:
        hidden_BT: Frames whose features are replaced by the mask vector.
        order_BT: Position to which each frame moves before the temporal transformer.
        moved_BT: Frames that were chosen to move; one may keep its position.
        labels_BSL: Original token, -1 where none is to be predicted.
        local: Whether the localiser's loss counts in this step.
    """

    hidden_BT: Tensor | None = None
    order_BT: Tensor | None = None
    moved_BT: Tensor | None = None
    labels_BSL: Tensor | None = None
    local: bool = True


def view_of(batch: Batch) -> View:
    """Return the view that the batch carries, or an empty one."""
    found: View = batch.targets.get(KEY, View())
    return found


def with_view(batch: Batch, what: View) -> Batch:
    """Return the batch with a view for the model."""
    return replace(batch, targets={**batch.targets, KEY: what})


def rows_of(batch: Batch, name: str) -> Tensor:
    """Return the rows (B, S, R) of an encoder of texts, from its features or from its input, which are the same."""
    if name in batch.cached and batch.cached[name].tokens_BTD is not None:
        tokens: Any = batch.cached[name].tokens_BTD
        found: Tensor = tokens
    else:
        found = batch.inputs[name].float()
    present = batch.present.get(name)
    return found if present is None else found * present[:, None, None]


def with_rows(batch: Batch, name: str, rows_BSR: Tensor) -> Batch:
    """Return the batch with other rows for an encoder of texts."""
    return replace(batch, cached={**batch.cached, name: features(rows_BSR)})


def features(rows_BSR: Tensor) -> Features:
    """Return rows as features: one token per row, real where the row is not empty."""
    real_BS = rows_BSR[..., COUNT] > 0
    mean_BR = (rows_BSR * real_BS[..., None]).sum(1) / real_BS.sum(1, keepdim=True).clamp(min=1)
    return Features(mean_BR, rows_BSR, real_BS)


def longest(mask: Tensor) -> int:
    """Return the positions up to the last one that any row needs, at least 1; all where a model is exported."""
    return mask.shape[-1] if torch.compiler.is_exporting() else max(1, int(mask.sum(-1).max()))


def token_mask(rows_BSR: Tensor) -> Tensor:
    """Return which tokens of each row are real (B, S, L)."""
    places_L = torch.arange(rows_BSR.shape[-1] - TOKENS, device=rows_BSR.device)
    return places_L < rows_BSR[..., COUNT : COUNT + 1]


def ids(rows_BSR: Tensor) -> Tensor:
    """Return the tokens (B, S, L)."""
    return rows_BSR[..., TOKENS:].long()


def frame_mask(batch: Batch, name: str) -> Tensor:
    """Return which frames are real (B, T), on the device of the batch."""
    cached = batch.cached.get(name)
    if cached is not None and cached.tokens_BTD is not None:
        mask_BT = cached.mask_BT
        whole = cached.tokens_BTD
    else:
        mask_BT = batch.masks.get(name)
        whole = batch.inputs[name]
    if mask_BT is None:
        mask_BT = torch.ones(whole.shape[:2], dtype=torch.bool, device=whole.device)
    present = batch.present.get(name)
    return mask_BT if present is None else mask_BT & present[:, None]


def frame_span(spans: Tensor, period: float, frames: int) -> Tensor:
    """Return first and last frame (..., 2) of spans (..., 2) in seconds: those that it covers by half or more.

    A moment shorter than a frame has the frame at its middle. The released code takes every frame that the span
    touches, at least two.
    """
    first = (spans[..., 0] / period).round()
    last = (spans[..., 1] / period).round() - 1
    middle = (spans.mean(-1) / period).floor()
    first, last = torch.where(last < first, middle, first), torch.where(last < first, middle, last)
    return torch.stack([first, last], -1).long().clamp(0, frames - 1)

"""Assignment of frames to subtitles by temporal overlap (section 3.1 of the paper).

Shape legend: B videos, T frames, S subtitles, F frames per subtitle.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from mmx_hero.model import rows

Align = Literal["iou", "none", "shuffled"]


class Units(NamedTuple):
    """Frames grouped by subtitle.

    Attributes:
        unit_BT: Subtitle of each frame, -1 for a frame that has none.
        rank_BT: Place of each frame within its subtitle, from 0.
        frames_BSF: Frames of each subtitle, in order of time; 0 where there are fewer.
        mask_BSF: Where `frames_BSF` holds a frame.
    """

    unit_BT: Tensor
    rank_BT: Tensor
    frames_BSF: Tensor
    mask_BSF: Tensor


def temporal_iou(spans_A2: Tensor, spans_B2: Tensor) -> Tensor:
    """Return intersection over union of spans (..., A, 2) with spans (..., B, 2): (..., A, B), 0 for empty ones."""
    start = torch.maximum(spans_A2[..., :, None, 0], spans_B2[..., None, :, 0])
    end = torch.minimum(spans_A2[..., :, None, 1], spans_B2[..., None, :, 1])
    inside = (end - start).clamp(min=0)
    lengths = (spans_A2[..., 1] - spans_A2[..., 0])[..., :, None] + (spans_B2[..., 1] - spans_B2[..., 0])[..., None, :]
    return inside / (lengths - inside).clamp(min=1e-6)


def assign(mask_BT: Tensor, spans_BS2: Tensor, real_BS: Tensor, period: float, align: Align = "iou") -> Tensor:
    """Return the subtitle of each frame (B, T), -1 = none.

    Args:
        mask_BT: Which frames are real; frame i is on screen from `i * period` to `(i + 1) * period`.
        spans_BS2: Start and end of each subtitle in seconds.
        real_BS: Which subtitles are real.
        period: Seconds per frame.
        align: `iou` gives a frame to the subtitle of greatest temporal IoU; `none` spreads frames
            evenly over the subtitles, in order, and ignores the times; `shuffled` exchanges the subtitles' times
            within each video first.
    """
    if align == "none":
        return _dealt(mask_BT, real_BS)
    if align == "shuffled":
        spans_BS2 = exchanged(spans_BS2, real_BS)
    places_T = torch.arange(mask_BT.shape[1], device=mask_BT.device, dtype=spans_BS2.dtype) * period
    frames_T2 = torch.stack([places_T, places_T + period], -1)
    iou_BTS = temporal_iou(frames_T2[None], spans_BS2) * real_BS[:, None]
    best_BT, unit_BT = iou_BTS.max(-1)
    return torch.where((best_BT > 0) & mask_BT, unit_BT, -1)


def exchanged(spans_BS2: Tensor, real_BS: Tensor) -> Tensor:
    """Return the spans in another order within each video: random, but always the same for the same times.

    Each subtitle gets another one's time wherever there are two.
    """
    keys_BS = torch.frac(spans_BS2.sum(-1).double() * 78.233 + 0.5).masked_fill(~real_BS, 2.0)
    ring_BS = keys_BS.argsort(dim=1, stable=True)  # the real ones in random order, then the others
    count_B1 = real_BS.sum(1, keepdim=True)
    places_S = torch.arange(real_BS.shape[1], device=real_BS.device)
    following_BS = torch.where(places_S < count_B1, (places_S + 1) % count_B1.clamp(min=1), places_S)
    source_BS = torch.empty_like(ring_BS).scatter_(1, ring_BS, ring_BS.gather(1, following_BS))
    return spans_BS2.gather(1, source_BS[..., None].expand_as(spans_BS2))


def _dealt(mask_BT: Tensor, real_BS: Tensor) -> Tensor:
    count_B1, frames_B1 = real_BS.sum(1, keepdim=True), mask_BT.sum(1, keepdim=True)
    places_BT = mask_BT.cumsum(1) - 1
    index_BT = (places_BT * count_B1).div(frames_B1.clamp(min=1), rounding_mode="floor")
    order_BS = (~real_BS).long().argsort(dim=1, stable=True)
    unit_BT = order_BS.gather(1, index_BT.clamp(0, real_BS.shape[1] - 1))
    return torch.where(mask_BT & (count_B1 > 0), unit_BT, -1)


def collect(unit_BT: Tensor, subtitles: int) -> Units:
    """Return which frames each of `subtitles` subtitles has, and the place of each frame within its subtitle."""
    batch, frames = unit_BT.shape
    mine_BTS = unit_BT[..., None] == torch.arange(subtitles, device=unit_BT.device)
    rank_BT = ((mine_BTS.cumsum(1) - 1) * mine_BTS).sum(-1)
    most = rows.longest(mine_BTS.mT) if subtitles else 1
    spare = subtitles * most  # frames without a subtitle all go to one place past the end
    slot_BT = torch.where(unit_BT >= 0, unit_BT * most + rank_BT, spare)
    table = torch.zeros(batch, spare + 1, dtype=torch.long, device=unit_BT.device)
    table.scatter_(1, slot_BT, torch.arange(frames, device=unit_BT.device).expand(batch, -1))
    there = torch.zeros(batch, spare + 1, dtype=torch.bool, device=unit_BT.device).scatter_(1, slot_BT, True)
    shape = (batch, subtitles, most)
    return Units(unit_BT, rank_BT, table[:, :spare].reshape(shape), there[:, :spare].reshape(shape))


def groups(frames: int, size: int, period: float, *, device: torch.device | None = None) -> Tensor:
    """Return the spans (G, 2) of `size` frames each that replace the subtitles of a video without any."""
    first_G = torch.arange(0, max(1, frames), size, device=device, dtype=torch.float32)
    return torch.stack([first_G, first_G + size], -1) * period

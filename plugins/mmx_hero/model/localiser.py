"""Localisation of a query's moment within a video.

Shape legend: B videos, T frames, K queries of a video, N queries, M videos, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features
from mmx_hero.model.heads import frames_of
from mmx_hero.weights import load
from mmx_std import ports, transformer


class Localiser(nn.Module):
    """Start and end of a query's moment within its video. Output: `start` and `end`, logits (B, K, T).

    Scores are dot products of the projected query with every frame, refined by a convolution over time.

    Args:
        dims: Widths by port (filled in).
        clips: Contextual frames.
        query: Queries.
        kernel: Width of the convolutions, in frames.
        weights: File to start from: released weights, or those of a run.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        clips: str = "fused.clips",
        query: str = "fused.query",
        kernel: Annotated[int, Field(ge=1)] = 5,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.needs = (clips, query)
        self.project = nn.Linear(ports.width(dims, query), ports.width(dims, clips))
        self.starts = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.ends = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        if weights is not None:
            load(self, weights, "localiser")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Mapping[str, Tensor]:
        """Predict for each video and its own queries."""
        clips_BTW, mask_BT = frames_of(fused, self.needs[0]), ports.pick(fused, self.needs[0]).mask_BT
        query_BKW = frames_of(fused, self.needs[1])
        scores_BKT = torch.einsum("bkw,btw->bkt", self.project(query_BKW), clips_BTW)
        start, end = self._refined(scores_BKT, None if mask_BT is None else mask_BT[:, None])
        return {"start": start, "end": end}

    def across(self, query_NW: Tensor, clips_MTW: Tensor, mask_MT: Tensor) -> tuple[Tensor, Tensor]:
        """Return start and end logits (N, M, T) of every query in every video."""
        scores_NMT = torch.einsum("nw,mtw->nmt", self.project(query_NW), clips_MTW)
        return self._refined(scores_NMT, mask_MT)

    def _refined(self, scores: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        if mask is not None:  # padding must not leak into its neighbours
            scores = scores.masked_fill(~mask, 0)
        flat = scores.reshape(-1, 1, scores.shape[-1])
        both = [convolution(flat)[..., : scores.shape[-1]].reshape(scores.shape) for convolution in self._both()]
        start, end = (each if mask is None else each.masked_fill(~mask, transformer.NOTHING) for each in both)
        return start, end

    def _both(self) -> tuple[nn.Conv1d, nn.Conv1d]:
        return self.starts, self.ends

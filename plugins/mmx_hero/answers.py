"""Questions with candidate answers, and statements that are true or false (section 3.4 of the paper).

Shape legend: B videos, C candidates, T frames, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_hero.heads import Weights, frames_of
from mmx_hero.layers import NOTHING, Perceptron, Pool, parted
from mmx_hero.released import load
from mmx_std.ports import pick, width

Kind = Literal["choice", "statement"]


class Answer(nn.Module):
    """How well each candidate fits, and where in the video the answer is seen.

    Output: `fits`, logits (B, C); of a choice also `start` and `end`, logits (B, T): each frame is a mixture of its
    states in the light of every candidate.

    Args:
        dims: Widths by port (filled in).
        reads: Frames in the light of each candidate.
        kind: Of several candidates one is right, or one statement is true or false.
        candidates: C.
        weights: File to start from.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        reads: Annotated[str, Field(description="Frames in the light of each candidate.")] = "fused.answers",
        *,
        kind: Annotated[Kind, Field(description="One of several is right, or one is true.")] = "choice",
        candidates: Annotated[int, Field(ge=1, description="Candidates.")] = 5,
        weights: Weights = None,
    ) -> None:
        super().__init__()
        self.needs = (reads,)
        self.candidates, self.kind = candidates, kind
        inner = width(dims, reads)
        self.pool = Pool(inner)
        self.judge = Perceptron(inner, 2 * inner, 1)
        if kind == "choice":
            self.span_pool = Pool(inner)
            self.span = Perceptron(inner, 2 * inner, 2)
        if weights is not None:
            load(self, weights, "answer" if kind == "choice" else "statement")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Mapping[str, Tensor]:
        """Judge every candidate.

        Raises:
            PortError: There are not as many candidates as the head weighs.
        """
        x_BXW, mask = frames_of(fused, self.needs[0]), pick(fused, self.needs[0]).mask_BT
        if x_BXW.shape[1] % self.candidates:
            raise PortError(f"{x_BXW.shape[1]} states are not those of {self.candidates} candidates")
        x_BCTW = parted(x_BXW, 1, self.candidates, -1)
        mask_BCT = torch.ones(x_BCTW.shape[:3], dtype=torch.bool, device=x_BXW.device)
        mask_BCT = mask_BCT if mask is None else parted(mask, 1, self.candidates, -1)
        real_BC = mask_BCT.any(-1)
        fits_BC = self.judge(self.pool(x_BCTW, mask_BCT)).squeeze(-1).masked_fill(~real_BC, NOTHING)
        if self.kind == "statement":
            return {"fits": fits_BC}
        span_BT2 = self.span(self.span_pool(x_BCTW, mask_BCT, axis=1)).masked_fill(~mask_BCT.any(1)[..., None], NOTHING)
        return {"fits": fits_BC, "start": span_BT2[..., 0], "end": span_BT2[..., 1]}

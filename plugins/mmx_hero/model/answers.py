"""Questions with candidate answers, and statements that are true or false (section 3.4 of the paper).

Shape legend: B videos, C candidates, T frames, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, PortError
from mmx_hero.model.heads import Weights, frames_of
from mmx_hero.model.layers import NOTHING, Perceptron, Pool, parted
from mmx_hero.weights import load
from mmx_std import ports

Kind = Literal["choice", "statement"]


class Answer(nn.Module):
    """How well each candidate fits, and where in the video the answer is seen.

    The paper's way reads frames in the light of every candidate (`reads`). Another way reads each candidate as a query
    is read (`alone`), and counts how near the nearest frame comes to it; both add up where both are given.

    Output: `fits`, logits (B, C); of a choice the paper's way also has `start` and `end`, logits (B, T): each frame is
    a mixture of its states in the light of every candidate.

    Args:
        dims: Widths by port (filled in).
        reads: Frames in the light of each candidate; null leaves the paper's way out.
        alone: Candidates that are read as queries; null leaves that way out.
        clips: Frames in context, which these are compared with.
        kind: Of several candidates one is right, or one statement is true or false.
        candidates: C.
        gain: What a cosine counts, to begin with.
        weights: File to start from.

    Raises:
        PortError: Both ways are left out.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        reads: str | None = "fused.answers",
        *,
        alone: str | None = None,
        clips: str = "fused.clips",
        kind: Kind = "choice",
        candidates: Annotated[int, Field(ge=1)] = 5,
        gain: Annotated[float, Field(gt=0)] = 10.0,
        weights: Weights = None,
    ) -> None:
        super().__init__()
        if reads is None and alone is None:
            raise PortError("hero/answer reads candidates with frames (reads), by themselves (alone), or both")
        self.reads, self.alone, self.clips = reads, alone, clips
        self.needs = (*([reads] if reads else []), *([alone, clips] if alone else []))
        self.candidates, self.kind = candidates, kind
        if reads is not None:
            inner = ports.width(dims, reads)
            self.pool = Pool(inner)
            self.judge = Perceptron(inner, 2 * inner, 1)
            if kind == "choice":
                self.span_pool = Pool(inner)
                self.span = Perceptron(inner, 2 * inner, 2)
        if alone is not None:
            self.gain = nn.Parameter(torch.tensor(float(gain)))
            if kind == "statement":  # from which cosine on it is true; of several, the greatest is right
                self.level = nn.Parameter(torch.tensor(0.5))
        if weights is not None:
            load(self, weights, "answer" if kind == "choice" else "statement")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Mapping[str, Tensor]:
        """Judge every candidate.

        Raises:
            PortError: There are not as many candidates as the head weighs.
        """
        said = {} if self.reads is None else self._together(fused, self.reads)
        if self.alone is not None:
            near_BC = self._near(fused, self.alone)
            said["fits"] = said["fits"] + near_BC if "fits" in said else near_BC
        return said

    def _together(self, fused: Mapping[str, Features], reads: str) -> dict[str, Tensor]:
        """Judge by frames in the light of every candidate."""
        x_BXW, mask = frames_of(fused, reads), ports.pick(fused, reads).mask_BT
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

    def _near(self, fused: Mapping[str, Features], alone: str) -> Tensor:
        """Judge by the frame that is nearest to each candidate (B, C)."""
        asked_BCW, clips_BTW = frames_of(fused, alone), frames_of(fused, self.clips)
        if asked_BCW.shape[1] != self.candidates:
            raise PortError(f"{asked_BCW.shape[1]} candidates; this head weighs {self.candidates}")
        real_BC, mask_BT = ports.pick(fused, alone).mask_BT, ports.pick(fused, self.clips).mask_BT
        cosine_BCT = functional.normalize(asked_BCW, dim=-1) @ functional.normalize(clips_BTW, dim=-1).mT
        if mask_BT is not None:
            cosine_BCT = cosine_BCT.masked_fill(~mask_BT[:, None], -1.0)
        near_BC = cosine_BCT.amax(-1) - (self.level if self.kind == "statement" else 0.0)
        fits_BC: Tensor = self.gain * near_BC
        return fits_BC if real_BC is None else fits_BC.masked_fill(~real_BC, NOTHING)

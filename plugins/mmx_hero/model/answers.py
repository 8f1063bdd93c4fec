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
from mmx_hero.model.heads import frames_of
from mmx_hero.weights import load
from mmx_std import ports, transformer

Kind = Literal["choice", "statement"]


class Answer(nn.Module):
    """How well each candidate fits, and the span of the video that supports the answer.

    The paper encodes the frames jointly with every candidate (`reads`). The alternative encodes each candidate as a
    query (`alone`) and scores it by the cosine of the nearest frame. With both, the scores are added.

    Output: `fits`, logits (B, C). For kind `choice` joint encoding also gives `start` and `end`, logits (B, T): each
    frame is a mixture of its states over all candidates.

    Args:
        dims: Widths by port (filled in).
        reads: Port of the frames encoded with each candidate (the paper); null leaves this out.
        alone: Port of the candidates encoded as queries; null leaves this out.
        clips: Port of the contextual frames that `alone` is compared with.
        kind: `choice`: one of several candidates is right. `statement`: one statement is true or false.
        candidates: Candidates per question, C.
        gain: Initial value of the learned factor on the cosine.
        weights: File to start from: released weights, or those of a run.

    Raises:
        PortError: Both are left out.
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
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if reads is None and alone is None:
            raise PortError("hero/answer needs candidates encoded with frames (reads), by themselves (alone), or both")
        self.reads, self.alone, self.clips = reads, alone, clips
        self.needs = (*([reads] if reads else []), *([alone, clips] if alone else []))
        self.candidates, self.kind = candidates, kind
        if reads is not None:
            inner = ports.width(dims, reads)
            self.pool = transformer.Pool(inner)
            self.judge = transformer.Perceptron(inner, 2 * inner, 1)
            if kind == "choice":
                self.span_pool = transformer.Pool(inner)
                self.span = transformer.Perceptron(inner, 2 * inner, 2)
        if alone is not None:
            self.gain = nn.Parameter(torch.tensor(float(gain)))
            if kind == "statement":  # cosine from which on it is true; for a choice only the order counts
                self.level = nn.Parameter(torch.tensor(0.5))
        if weights is not None:
            load(self, weights, "answer" if kind == "choice" else "statement")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Mapping[str, Tensor]:
        """Score every candidate.

        Raises:
            PortError: The number of candidates is another than the head's.
        """
        judged = {} if self.reads is None else self._together(fused, self.reads)
        if self.alone is not None:
            near_BC = self._near(fused, self.alone)
            judged["fits"] = judged["fits"] + near_BC if "fits" in judged else near_BC
        return judged

    def _together(self, fused: Mapping[str, Features], reads: str) -> dict[str, Tensor]:
        """Score candidates from frames that were encoded with each of them."""
        x_BXW, mask = frames_of(fused, reads), ports.pick(fused, reads).mask_BT
        if x_BXW.shape[1] % self.candidates:
            raise PortError(f"{x_BXW.shape[1]} states are not those of {self.candidates} candidates")
        x_BCTW = transformer.parted(x_BXW, 1, self.candidates, -1)
        mask_BCT = torch.ones(x_BCTW.shape[:3], dtype=torch.bool, device=x_BXW.device)
        mask_BCT = mask_BCT if mask is None else transformer.parted(mask, 1, self.candidates, -1)
        real_BC = mask_BCT.any(-1)
        fits_BC = self.judge(self.pool(x_BCTW, mask_BCT)).squeeze(-1).masked_fill(~real_BC, transformer.NOTHING)
        if self.kind == "statement":
            return {"fits": fits_BC}
        span_BT2 = self.span(self.span_pool(x_BCTW, mask_BCT, axis=1)).masked_fill(
            ~mask_BCT.any(1)[..., None], transformer.NOTHING
        )
        return {"fits": fits_BC, "start": span_BT2[..., 0], "end": span_BT2[..., 1]}

    def _near(self, fused: Mapping[str, Features], alone: str) -> Tensor:
        """Score each candidate by its nearest frame (B, C)."""
        candidates_BCW, clips_BTW = frames_of(fused, alone), frames_of(fused, self.clips)
        if candidates_BCW.shape[1] != self.candidates:
            raise PortError(f"{candidates_BCW.shape[1]} candidates; this head takes {self.candidates}")
        real_BC, mask_BT = ports.pick(fused, alone).mask_BT, ports.pick(fused, self.clips).mask_BT
        cosine_BCT = functional.normalize(candidates_BCW, dim=-1) @ functional.normalize(clips_BTW, dim=-1).mT
        if mask_BT is not None:
            cosine_BCT = cosine_BCT.masked_fill(~mask_BT[:, None], -1.0)
        near_BC = cosine_BCT.amax(-1) - (self.level if self.kind == "statement" else 0.0)
        fits_BC: Tensor = self.gain * near_BC
        return fits_BC if real_BC is None else fits_BC.masked_fill(~real_BC, transformer.NOTHING)

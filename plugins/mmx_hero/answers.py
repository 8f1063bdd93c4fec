"""Questions with candidate answers, and statements that are true or false (section 3.4 of the paper).

Shape legend: B videos, C candidates, T frames, W width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx.errors import PortError
from mmx.types import Batch, Features, Losses, Outputs
from mmx_hero import rows
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


class Answering(nn.Module):
    """Cross-entropy over candidates, with the place of the answer; for statements, over true and false.

    Args:
        head: Head that judges candidates.
        target: Number of the right candidate, or 1 where the statement is true; -1 where it is not known.
        kind: See `hero/answer`.
        moment: Target with start and end of what the question is about, in seconds; null leaves the place out.
        span_weight: Of the place's loss, the mean over start and end.
        period: Seconds from frame to frame.
        candidates: For the loss of a guess.
    """

    def __init__(
        self,
        head: str = "answer",
        target: str = "answer",
        *,
        kind: Annotated[Kind, Field(description="One of several is right, or one is true.")] = "choice",
        moment: Annotated[str | None, Field(description="Target with the moment's start and end.")] = None,
        span_weight: Annotated[float, Field(ge=0, description="Of the place's loss.")] = 0.4,
        period: Annotated[float, Field(gt=0, description="Seconds from frame to frame.")] = 1.5,
        candidates: Annotated[int, Field(ge=1, description="Candidates.")] = 5,
    ) -> None:
        super().__init__()
        self.head, self.target, self.kind, self.moment = head, target, kind, moment
        self.span_weight, self.period, self.candidates = span_weight, period, candidates
        self.needs = (f"heads.{head}", f"targets.{target}", *([f"targets.{moment}"] if moment else []))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and the share that is right."""
        said = outputs.heads[self.head]
        target_B = batch.targets[self.target].long().to(said["fits"].device)
        count = (target_B >= 0).sum().clamp(min=1)
        if self.kind == "statement":
            logits_B, known_B = said["fits"][:, 0], target_B >= 0
            each_B = functional.binary_cross_entropy_with_logits(
                logits_B, target_B.clamp(min=0).float(), reduction="none"
            )
            right = ((logits_B > 0) == (target_B == 1)) & known_B
            return {"loss": (each_B * known_B).sum() / count, "right": right.sum() / count}
        loss = functional.cross_entropy(said["fits"], target_B, ignore_index=-1, reduction="sum") / count
        terms: Losses = {"right": (said["fits"].argmax(-1) == target_B).sum() / count}
        if self.moment is not None:
            frames = said["start"].shape[-1]
            moment_B2 = torch.as_tensor(batch.targets[self.moment], device=said["fits"].device)
            span_B2 = rows.frame_span(moment_B2, self.period, frames).masked_fill((target_B < 0)[:, None], -1)
            lost = [
                functional.cross_entropy(said[name], span_B2[:, place], ignore_index=-1, reduction="sum") / count
                for place, name in enumerate(("start", "end"))
            ]
            terms["place"] = (lost[0] + lost[1]) / 2
            loss = loss + self.span_weight * terms["place"]
        return {"loss": loss, **{name: term.detach() for name, term in terms.items()}}

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of guessing; None with the place, whose loss depends on the videos' length."""
        if self.kind == "statement":
            return math.log(2)
        return None if self.moment is not None else math.log(self.candidates)

"""Fine-tuning on questions with candidate answers, or on true and false statements (section 3.4).

Shape legend: B videos, C candidates, T frames.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from mmx import Batch, Losses, Outputs
from mmx_hero.model import heads, rows
from mmx_hero.model.answers import Kind


class Answering(nn.Module):
    """Cross-entropy over candidates, optionally with the span of the answer; for statements, binary cross-entropy.

    Args:
        head: Head that scores candidates.
        target: Number of the right candidate, or 1 where the statement is true; -1 where unknown.
        kind: See `hero/answer`.
        moment: Target with start and end of what the question is about, in seconds; null leaves the span out.
        span_weight: Weight of the span loss, the mean over start and end.
        period: Seconds from frame to frame.
        candidates: Candidates per question, for the chance level.
    """

    def __init__(
        self,
        head: str = "answer",
        target: str = "answer",
        *,
        kind: Kind = "choice",
        moment: str | None = None,
        span_weight: Annotated[float, Field(ge=0)] = 0.4,
        period: Annotated[float, Field(gt=0)] = 1.5,
        candidates: Annotated[int, Field(ge=1)] = 5,
    ) -> None:
        super().__init__()
        self.head, self.target, self.kind, self.moment = head, target, kind, moment
        self.span_weight, self.period, self.candidates = span_weight, period, candidates
        self.needs = (f"heads.{head}", f"targets.{target}", *([f"targets.{moment}"] if moment else []))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and the accuracy."""
        judged = heads.head_outputs(outputs, self.head, "fits", *(["start", "end"] if self.moment else []))
        target_B = batch.targets[self.target].long().to(judged["fits"].device)
        count = (target_B >= 0).sum().clamp(min=1)
        if self.kind == "statement":
            logits_B, known_B = judged["fits"][:, 0], target_B >= 0
            each_B = functional.binary_cross_entropy_with_logits(
                logits_B, target_B.clamp(min=0).float(), reduction="none"
            )
            right = ((logits_B > 0) == (target_B == 1)) & known_B
            return {"loss": (each_B * known_B).sum() / count, "right": right.sum() / count}
        loss = functional.cross_entropy(judged["fits"], target_B, ignore_index=-1, reduction="sum") / count
        terms: Losses = {"right": (judged["fits"].argmax(-1) == target_B).sum() / count}
        if self.moment is not None:
            frames = judged["start"].shape[-1]
            moment_B2 = torch.as_tensor(batch.targets[self.moment], device=judged["fits"].device)
            span_B2 = rows.frame_span(moment_B2, self.period, frames).masked_fill((target_B < 0)[:, None], -1)
            lost = [
                functional.cross_entropy(judged[name], span_B2[:, place], ignore_index=-1, reduction="sum") / count
                for place, name in enumerate(("start", "end"))
            ]
            terms["place"] = (lost[0] + lost[1]) / 2
            loss = loss + self.span_weight * terms["place"]
        return {"loss": loss, **{name: term.detach() for name, term in terms.items()}}

    def chance(self, batch_size: int) -> float | None:
        """Return the chance level; None with the span, whose loss depends on the videos' length."""
        if self.kind == "statement":
            return math.log(2)
        return None if self.moment is not None else math.log(self.candidates)

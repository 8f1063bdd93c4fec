"""Contrastive loss with a momentum copy of the model, queues of its features, and its similarities as soft targets.

Shape legend: B batch, Q length of a queue, C candidates (B + Q), D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Losses, Outputs, PortError
from mmx_std.objectives.pairing import held_scale, marked, set_scale
from mmx_std.ops.momentum import MomentumCopy, Queue
from mmx_std.ops.ports import qualify, read, short

__all__ = ["MomentumContrast"]


class MomentumContrast(nn.Module):
    """ITC of ALBEF and BLIP: cross-entropy, both ways, against candidates that a slow copy of the model computed.

    Candidates are the copy's features of the batch and of earlier batches. Targets are alpha times the softmax of the
    copy's own similarities, and 1 - alpha on what belongs together: the pair itself and what shares its id. Alpha grows
    from 0 over the first `ramp` steps (Li et al. 2021, equations 1, 2 and 6; BLIP's public code). The features compared
    have length 1 already. Queues begin empty and not with noise.

    Args:
        built: Parts that are built already (filled in).
        dims: Widths by port (filled in).
        a: First features: `fused.NAME`.
        b: Second features.
        encoders: Encoders behind them, by name, that are copied with the fuser.
        queue: Length of each queue (57,600 in the paper).
        momentum: Share of the copy's weights that stays at a step.
        alpha: Largest share of the copy's similarities in the targets.
        ramp: Steps until alpha is that large.
        temperature: Where the learned temperature begins; it is held within 0.001 to 0.5.
        positives: Target whose equal ids (numbers or strings; -1 and "" = none) belong together.
    """

    steps: Tensor
    log_scale: Tensor

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        a: str = "image_vector",
        b: str = "text_vector",
        encoders: tuple[str, ...] = ("image", "caption"),
        queue: Annotated[int, Field(ge=1)] = 512,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.995,
        alpha: Annotated[float, Field(ge=0, le=1)] = 0.4,
        ramp: Annotated[int, Field(ge=0)] = 200,
        temperature: Annotated[float, Field(gt=0, le=0.5)] = 0.07,
        positives: str | None = None,
    ) -> None:
        super().__init__()
        self.a, self.b, self.positives = qualify(a, "fused"), qualify(b, "fused"), positives
        self.needs = (self.a, self.b, *([f"targets.{positives}"] if positives else []))
        names = ["fuser", *(f"encoders.{name}" for name in encoders)]
        if lacking := [name for name in names if name not in built]:
            raise PortError(f"std/momentum-contrast copies {', '.join(names)}; there is no {', '.join(lacking)}")
        self.encoders = tuple(encoders)
        self._sources = ({name: built[name] for name in names},)  # of the model, not of this objective
        self.copy = MomentumCopy(self._sources[0], momentum)
        self.queues = nn.ModuleDict({side: Queue(queue, dims[port]) for side, port in (("a", self.a), ("b", self.b))})
        self.alpha, self.ramp = alpha, ramp
        self.register_buffer("steps", torch.tensor(0))
        set_scale(self, temperature, learned=True)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, the share of right first guesses among all candidates, alpha, and the temperature."""
        learning = torch.is_grad_enabled()
        if learning:
            self.copy.update(self._sources[0])
        scale = held_scale(self.log_scale, math.log(1000), math.log(2))
        own = {"a": read(outputs, self.a).float(), "b": read(outputs, self.b).float()}
        slow = self._slow(batch)
        ids_B = marked(batch, self.positives, own["a"].device)
        alpha = self.alpha * min(1.0, int(self.steps) / self.ramp) if self.ramp else self.alpha
        losses, right = [], []
        for side, other in (("a", "b"), ("b", "a")):
            queue: Any = self.queues[other]
            there_Q = queue.there_Q
            candidates_CD = torch.cat([slow[other], queue.rows_QD[there_Q]])
            same_BC = torch.cat([ids_B, queue.ids_Q[there_Q]])[None] == ids_B[:, None]
            same_BC &= (ids_B != -1)[:, None]
            same_BC[:, : len(ids_B)] |= torch.eye(len(ids_B), dtype=torch.bool, device=ids_B.device)
            hard_BC = same_BC / same_BC.sum(1, keepdim=True)
            soft_BC = (scale * slow[side] @ candidates_CD.T).softmax(1).detach()
            logits_BC = scale * own[side] @ candidates_CD.T
            targets_BC = alpha * soft_BC + (1 - alpha) * hard_BC
            losses.append(-(targets_BC * logits_BC.log_softmax(1)).sum(1).mean())
            right.append(same_BC.gather(1, logits_BC.argmax(1, keepdim=True)).float().mean())
        if learning:
            for side, rows_BD in slow.items():
                self.queues[side].push(rows_BD, ids_B)  # type: ignore[operator]
            self.steps += 1
        return {
            "loss": torch.stack(losses).mean(),
            "right": torch.stack(right).mean(),
            "alpha": scale.new_tensor(alpha),
            "temperature": 1 / scale.detach(),
        }

    def scores(self, outputs: Outputs, batch: Batch) -> Mapping[str, Tensor]:
        """Return by port the probability of what belongs to each of its items, among those of the batch (B,)."""
        a_BD, b_BD = read(outputs, self.a).float(), read(outputs, self.b).float()
        logits_BB = self.log_scale.exp() * a_BD @ b_BD.T
        ids_B = marked(batch, self.positives, a_BD.device)
        same_BB = (ids_B[:, None] == ids_B) & (ids_B != -1) | torch.eye(len(ids_B), device=a_BD.device).bool()
        return {
            port: torch.where(same_BB, each_BB.softmax(1), 0.0).sum(1)
            for port, each_BB in ((self.a, logits_BB), (self.b, logits_BB.T))
        }

    @torch.no_grad()
    def _slow(self, batch: Batch) -> dict[str, Tensor]:
        """Return what the copy computes for both sides."""
        features = {
            name: self.copy.part(f"encoders.{name}")(batch.inputs[name], batch.masks.get(name))
            for name in self.encoders
        }
        fused = self.copy.part("fuser")(features, batch)
        return {"a": fused[short(self.a)].pooled_BD.float(), "b": fused[short(self.b)].pooled_BD.float()}

    def chance(self, batch_size: int) -> float | None:
        """Return None: the number of candidates grows while the queues fill."""
        return None

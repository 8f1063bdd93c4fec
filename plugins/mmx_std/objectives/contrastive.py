"""Contrastive objectives: InfoNCE between two named features. Shapes: B batch, N candidates, D width."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, distributed, nn
from torch.nn import functional

from mmx import Batch, Losses, Outputs
from mmx_std.ops.ports import qualify, read, short

__all__ = ["InfoNce", "gathered"]


class InfoNce(nn.Module):
    """Which of the batch's b belongs to this a? Softmax cross-entropy over similarities, in one or both directions.

    For anchor i with positives P(i): loss_i = -1/|P(i)| sum_{p in P(i)} log softmax_j(s(a_i, b_j) / t)_p. P(i) is the
    own pair, and with `positives` every pair with the same id. On several processes the candidates of all are used,
    with gradient. Pairs of which one side is missing are neither anchors nor candidates.

    Args:
        a: First features: `fused.NAME`, or a bare name of fused features.
        b: Second features, likewise.
        direction: Which side looks for the other: both, or the only one that counts.
        reduction: How the two directions are put together.
        temperature: Temperature t, or its first value if it is learned.
        learned: Learn the temperature, as a scale exp(s) = 1/t.
        max_scale: Largest 1/t (Radford et al., 2021, section 2.5: 100).
        normalise: Compare by cosine; else by dot product.
        positives: Target whose equal ids (numbers or strings; -1 and "" = none) mark further positives.
        gather: Use the candidates of all processes.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        direction: Literal["both", "a_to_b", "b_to_a"] = "both",
        reduction: Literal["mean", "sum"] = "mean",
        temperature: Annotated[float, Field(gt=0, le=1)] = 0.07,
        learned: bool = True,
        max_scale: Annotated[float, Field(ge=1)] = 100.0,
        normalise: bool = True,
        positives: str | None = None,
        gather: bool = True,
    ) -> None:
        super().__init__()
        self.a, self.b = qualify(a, "fused"), qualify(b, "fused")
        self.needs = (self.a, self.b, *([f"targets.{positives}"] if positives else []))
        self.directions = ("a_to_b", "b_to_a") if direction == "both" else (direction,)
        self.reduction = reduction
        self.max_log_scale = math.log(max_scale)
        self.log_scale: Tensor
        start = torch.tensor(-math.log(temperature))
        if learned:
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start)
        self.normalise = normalise
        self.positives = positives
        self.gather = gather

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, each direction's loss, the share of right first guesses, and the temperature."""
        sides = {"a": read(outputs, self.a).float(), "b": read(outputs, self.b).float()}
        if self.normalise:
            sides = {name: functional.normalize(x_BD, dim=1) for name, x_BD in sides.items()}
        keep_B = self._complete(batch, sides["a"])
        ids_B = self._ids(batch, sides["a"].device)
        world = self._world()
        first = distributed.get_rank() * len(keep_B) if world > 1 else 0
        others = {name: gathered(x_BD) if world > 1 else x_BD for name, x_BD in sides.items()}
        keep_N = gathered(keep_B) if world > 1 else keep_B
        ids_N = gathered(ids_B) if world > 1 else ids_B
        positive_BN = _positives(ids_B, ids_N, first) & keep_N
        # Processes average their gradients, so each divides by the mean number of anchors per process.
        anchors = (keep_N.sum() / world).clamp(min=1)
        scale = self._scale()
        terms: Losses = {}
        guesses = []
        for direction in self.directions:
            anchor, candidate = direction[0], direction[-1]
            logits_BN = scale * sides[anchor] @ others[candidate].T
            # The smallest number, not -inf: a row without any candidate stays finite.
            logits_BN = logits_BN.masked_fill(~keep_N, torch.finfo(logits_BN.dtype).min)
            log_BN = torch.where(positive_BN, logits_BN.log_softmax(dim=1), 0.0)
            each_B = -log_BN.sum(dim=1) / positive_BN.sum(dim=1).clamp(min=1)
            terms[direction] = torch.where(keep_B, each_B, 0.0).sum() / anchors
            right_B = positive_BN.gather(1, logits_BN.argmax(dim=1, keepdim=True)).squeeze(1)
            guesses.append((right_B & keep_B).sum() / anchors)
        losses = torch.stack(list(terms.values()))
        loss = losses.sum() if self.reduction == "sum" else losses.mean()
        return {
            "loss": loss,
            **{name: term.detach() for name, term in terms.items()},
            "right": torch.stack(guesses).mean(),
            "temperature": 1 / scale.detach(),
        }

    def _scale(self) -> Tensor:
        # The parameter itself is held at the limit (as in the paper's Figure 3 code): clamping only its use would
        # leave it without gradient beyond the limit, and it could never come back.
        with torch.no_grad():
            self.log_scale.clamp_(max=self.max_log_scale)
        return self.log_scale.exp()

    def _complete(self, batch: Batch, like_BD: Tensor) -> Tensor:
        keep_B = torch.ones(len(like_BD), dtype=torch.bool, device=like_BD.device)
        for port in (self.a, self.b):
            if short(port) in batch.present:
                keep_B = keep_B & batch.present[short(port)]
        return keep_B

    def _ids(self, batch: Batch, device: torch.device) -> Tensor:
        if self.positives is None:
            return torch.full((batch.size,), -1, dtype=torch.int64, device=device)
        values = batch.targets[self.positives]
        return values.to(device).long() if isinstance(values, Tensor) else torch.tensor(_numbers(values), device=device)

    def _world(self) -> int:
        if self.gather and distributed.is_available() and distributed.is_initialized():
            return distributed.get_world_size()
        return 1

    def chance(self, batch_size: int) -> float:
        """Return ln N for N candidates per anchor (`batch_size` is per process); twice that for the sum of both."""
        candidates = max(batch_size * self._world(), 1)
        return math.log(candidates) * (len(self.directions) if self.reduction == "sum" else 1)


class _Gather(torch.autograd.Function):
    """Rows of all processes, in order of rank; the gradient is the sum of what every process sends back."""

    @staticmethod
    def forward(ctx: Any, x_BD: Tensor) -> Tensor:
        rows = [torch.empty_like(x_BD) for _ in range(distributed.get_world_size())]
        distributed.all_gather(rows, x_BD.contiguous())
        ctx.rows = len(x_BD)
        return torch.cat(rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad_ND = grads[0].contiguous().clone()
        distributed.all_reduce(grad_ND)
        first = distributed.get_rank() * ctx.rows
        return grad_ND[first : first + ctx.rows]


def gathered(x_BD: Tensor) -> Tensor:
    """Return the rows of all processes, with gradient; every process must bring the same number of rows."""
    if x_BD.dtype == torch.bool:  # gloo and NCCL do not agree on bool
        return gathered(x_BD.to(torch.uint8)).bool()
    rows_ND: Tensor = _Gather.apply(x_BD)  # type: ignore[no-untyped-call]
    return rows_ND


def _positives(ids_B: Tensor, ids_N: Tensor, first: int) -> Tensor:
    """Return which candidates belong to which anchor: the own pair at `first` + i, and equal ids that are not -1."""
    own_BN = torch.arange(len(ids_B), device=ids_B.device)[:, None] + first == torch.arange(
        len(ids_N), device=ids_N.device
    )
    return own_BN | ((ids_B[:, None] == ids_N[None, :]) & (ids_B != -1)[:, None])


def _numbers(values: Sequence[Any]) -> list[int]:
    """Return a 63-bit number per value, the same in every process; None and "" are -1."""
    return [
        -1
        if value is None or value == ""
        else int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "big") >> 1
        for value in values
    ]

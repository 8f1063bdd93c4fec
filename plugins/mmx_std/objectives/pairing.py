"""Pairs of two named features: which belong together, and the control of shuffled pairs.

Shapes: B batch, N candidates (the batches of all processes), D width.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from mmx import Batch, DataError, Outputs
from mmx_std.ops.ports import qualify, read, short

__all__ = [
    "PairLoss",
    "PairSides",
    "Similarity",
    "gathered",
    "held_scale",
    "marked",
    "paired",
    "permutation",
    "set_scale",
    "similarities",
    "world",
]

Similarity = Literal["dot", "negative-l2"]


@dataclass(frozen=True)
class PairSides:
    """Both sides of a batch of pairs, and what belongs together.

    Attributes:
        own: "a" and "b" of this process, (B, D) each.
        others: "a" and "b" of all processes, (N, D) each.
        keep_B: Pairs of which both sides are there.
        keep_N: The same for all processes.
        own_BN: True at the pair itself.
        positive_BN: True where candidate and anchor belong together.
        anchors: Mean number of whole pairs per process, at least 1.
    """

    own: dict[str, Tensor]
    others: dict[str, Tensor]
    keep_B: Tensor
    keep_N: Tensor
    own_BN: Tensor
    positive_BN: Tensor
    anchors: Tensor


class PairLoss(nn.Module):
    """Base of losses over all pairs of two named features; a subclass adds `forward`.

    Args:
        a: First features: `fused.NAME`, or a bare name of fused features.
        b: Second features, likewise.
        direction: Which side looks for the other: both, or the only one that counts.
        similarity: Dot product, or the negative Euclidean distance.
        normalised: The sides ("a", "b") that are scaled to length 1 first.
        positives: Target whose equal ids (numbers or strings; -1 and "" = none) mark further positives.
        gather: Use the candidates of all processes.
        shuffled: Control: every a is paired with the b of a random item of the batch.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        direction: Literal["both", "a_to_b", "b_to_a"],
        similarity: Similarity,
        normalised: Collection[str],
        positives: str | None,
        gather: bool,
        shuffled: bool,
    ) -> None:
        super().__init__()
        self.a, self.b = qualify(a, "fused"), qualify(b, "fused")
        self.needs = (self.a, self.b, *([f"targets.{positives}"] if positives else []))
        self.directions = ("a_to_b", "b_to_a") if direction == "both" else (direction,)
        self.similarity = similarity
        self.normalised = frozenset(normalised)
        self.positives = positives
        self.gather = gather
        self.shuffled = shuffled

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Draw the order of the shuffled side, where pairs are shuffled; else return the batch."""
        if not self.shuffled:
            return batch
        return replace(batch, targets={**batch.targets, self._order_key: permutation(batch.size, generator)})

    @property
    def _order_key(self) -> str:
        return f"order of shuffled {self.b}"

    def sides(self, outputs: Outputs, batch: Batch) -> PairSides:
        """Return both sides and what belongs together.

        Raises:
            DataError: Shuffled pairs without a second item in the batch.
        """
        own = {"a": read(outputs, self.a).float(), "b": read(outputs, self.b).float()}
        own = {side: functional.normalize(x, dim=1) if side in self.normalised else x for side, x in own.items()}
        there = {side: self._there(batch, port, own["a"]) for side, port in (("a", self.a), ("b", self.b))}
        if self.shuffled:
            if batch.size < 2:
                raise DataError("shuffled pairs need at least two items per batch; raise batch_size")
            order_B = batch.targets.get(self._order_key)
            order_B = torch.arange(batch.size).roll(1) if order_B is None else order_B
            order_B = order_B.to(own["b"].device)
            own["b"], there["b"] = own["b"][order_B], there["b"][order_B]
        keep_B = there["a"] & there["b"]
        ids_B = marked(batch, self.positives, own["a"].device)
        count = self._world()
        first = distributed.get_rank() * len(keep_B) if count > 1 else 0
        others = {side: gathered(x_BD) if count > 1 else x_BD for side, x_BD in own.items()}
        keep_N = gathered(keep_B) if count > 1 else keep_B
        ids_N = gathered(ids_B) if count > 1 else ids_B
        own_BN = torch.arange(len(ids_B), device=ids_B.device)[:, None] + first == torch.arange(
            len(ids_N), device=ids_N.device
        )
        positive_BN = (own_BN | ((ids_B[:, None] == ids_N[None, :]) & (ids_B != -1)[:, None])) & keep_N
        # Processes average their gradients, so each divides by the mean number of anchors per process.
        anchors = (keep_N.sum() / count).clamp(min=1)
        return PairSides(own, others, keep_B, keep_N, own_BN, positive_BN, anchors)

    def scores(self, outputs: Outputs, batch: Batch) -> Mapping[str, Tensor]:
        """Return by port how surely each of its items finds its partner (B,), NaN where one side is missing."""
        found = self.sides(outputs, batch)
        return {
            port: torch.where(found.keep_B, self._finds(found, side, other), torch.nan)
            for port, side, other in ((self.a, "a", "b"), (self.b, "b", "a"))
        }

    def _finds(self, found: PairSides, side: str, other: str) -> Tensor:
        """Return 1 where an item's own pair leads every negative, else 0 (B,)."""
        scores_BN = similarities(found.own[side], found.others[other], self.similarity)
        led_BN = scores_BN < scores_BN[found.own_BN][:, None]
        return led_BN.logical_or(found.positive_BN | ~found.keep_N).all(dim=1).float()

    @staticmethod
    def _there(batch: Batch, port: str, like_BD: Tensor) -> Tensor:
        everyone_B = torch.ones(len(like_BD), dtype=torch.bool, device=like_BD.device)
        return batch.present.get(short(port), everyone_B)

    def _world(self) -> int:
        return world() if self.gather else 1


def marked(batch: Batch, target: str | None, device: torch.device) -> Tensor:
    """Return an id of each item (B,), equal where a target is; -1 where it has no value, or without a target."""
    if target is None:
        return torch.full((batch.size,), -1, dtype=torch.int64, device=device)
    values = batch.targets[target]
    return values.to(device).long() if isinstance(values, Tensor) else torch.tensor(_numbers(values), device=device)


def similarities(a_BD: Tensor, b_ND: Tensor, kind: Similarity) -> Tensor:
    """Return the similarity of every pair (B, N): dot products, or negative Euclidean distances."""
    return a_BD @ b_ND.T if kind == "dot" else -torch.cdist(a_BD, b_ND)


def set_scale(module: nn.Module, temperature: float, *, learned: bool) -> None:
    """Give a module `log_scale`, the logarithm of 1 / temperature: a parameter where it is learned, else a buffer."""
    start = torch.tensor(-math.log(temperature))
    if learned:
        module.log_scale = nn.Parameter(start)
    else:
        module.register_buffer("log_scale", start)


def held_scale(log_scale: Tensor, most: float, least: float | None = None) -> Tensor:
    """Return the scale, its logarithm held within limits.

    The parameter itself is held (as in Figure 3 of Radford et al. 2021): clamping only its use would leave it without
    gradient beyond a limit, and it could never come back.
    """
    with torch.no_grad():
        log_scale.clamp_(min=least, max=most)
    return log_scale.exp()


def world() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def permutation(size: int, generator: torch.Generator) -> Tensor:
    """Return a random order of `size` items, int64 (B,).

    It is uniform, so that a's own b is as likely as any other: without it the loss would teach to avoid the true pair,
    and a model trained on it would end below chance instead of at it.
    """
    return torch.randperm(size, generator=generator, device=generator.device)


def paired(batch: Batch, text: str, inputs_N: Tensor, texts_N: Tensor) -> Batch:
    """Return a batch of pairs, without targets: rows `inputs_N` of every encoder, and rows `texts_N` of the text's.

    Args:
        batch: Where rows are taken from.
        text: Encoder of the text.
        inputs_N: Row of each pair's other inputs.
        texts_N: Row of each pair's text.
    """

    def rows(name: str, x: Tensor) -> Tensor:
        return x[(texts_N if name == text else inputs_N).to(x.device)]

    return replace(
        batch,
        ids=[batch.ids[int(place)] for place in inputs_N],
        inputs={name: rows(name, x) for name, x in batch.inputs.items()},
        masks={name: rows(name, x) for name, x in batch.masks.items()},
        present={name: rows(name, x) for name, x in batch.present.items()},
        cached={name: x.map(partial(rows, name)) for name, x in batch.cached.items()},
        targets={},
        samples=(),
    )


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


def _numbers(values: Sequence[Any]) -> list[int]:
    """Return a 63-bit number per value, the same in every process; None and "" are -1."""
    return [
        -1
        if value is None or value == ""
        else int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "big") >> 1
        for value in values
    ]

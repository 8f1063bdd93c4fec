"""Hinge objectives over pairs: the right candidate must lead the wrong ones by a margin.

Shapes: B batch, N candidates, D width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor

from mmx import Batch, Losses, Outputs
from mmx_std.objectives.pairing import PairLoss, PairSides, Similarity, similarities

__all__ = ["Hinge", "semi_hard"]

_DRAWN: Final = ("sampled", "cosine-embedding")
"""Kinds that draw their negatives at random."""


class Hinge(PairLoss):
    """The similarity s_ii of a pair must exceed that of its negatives s_ij by a margin m.

    - `sum`: sum_j max(0, m - s_ii + s_ij) (Kiros et al., 2014, equation 6);
    - `max`: the same with the hardest negative of the batch only (Faghri et al., 2018, equation 6);
    - `sampled`: with one negative drawn at random;
    - `semi-hard`: with the most similar negative that is less similar than the pair itself, or the least similar one
      where there is none (Schroff et al., 2015, section 3.2);
    - `cosine-embedding`: one pair per anchor, its own with probability `positive_rate`, for which 1 - s counts, else a
      random negative, for which max(0, s - m) counts (Salvador et al., 2017, equation 2).

    Pairs of which one side is missing take no part; pairs with the same id are no negatives.

    Args:
        a: First features: `fused.NAME`, or a bare name of fused features.
        b: Second features, likewise.
        kind: Which negatives count.
        margin: Margin m.
        direction: Which side looks for the other: both, or the only one that counts.
        reduction: Mean over anchors and directions, or the sum (as Kiros et al. have it).
        similarity: `dot` product, or `negative-l2`: the negative Euclidean distance.
        normalise: Which sides are scaled to length 1 before they are compared; `dot` of both is the cosine.
            `b` alone is a quirk of the public code of Kiros et al.: their images are not scaled in training.
        positive_rate: Of `cosine-embedding`: share of anchors that are given their own pair.
        positives: Target whose equal ids (numbers or strings; -1 and "" = none) mark pairs that are no negatives.
        gather: Use the candidates of all processes.
        shuffled: Control: every a is paired with the b of a random item of the batch.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        kind: Literal["sum", "max", "sampled", "semi-hard", "cosine-embedding"] = "sum",
        margin: Annotated[float, Field(ge=0)] = 0.2,
        direction: Literal["both", "a_to_b", "b_to_a"] = "both",
        reduction: Literal["mean", "sum"] = "mean",
        similarity: Similarity = "dot",
        normalise: Literal["both", "a", "b", "none"] = "both",
        positive_rate: Annotated[float, Field(gt=0, lt=1)] = 0.2,
        positives: str | None = None,
        gather: bool = True,
        shuffled: bool = False,
    ) -> None:
        super().__init__(
            a=a,
            b=b,
            direction=direction,
            similarity=similarity,
            normalised={"both": "ab", "none": ""}.get(normalise, normalise),
            positives=positives,
            gather=gather,
            shuffled=shuffled,
        )
        self.kind = kind
        self.margin = margin
        self.reduction = reduction
        self.positive_rate = positive_rate

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Draw the order of shuffled pairs and the random negatives, where there are such."""
        batch = super().view(batch, generator)
        if self.kind not in _DRAWN:
            return batch
        size = (len(self.directions), batch.size, 1 + batch.size * self._world())
        drawn = torch.rand(size, generator=generator, device=generator.device)
        return replace(batch, targets={**batch.targets, self._draw_key: drawn})

    @property
    def _draw_key(self) -> str:
        return f"negatives drawn for {self.a} and {self.b}"

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of anchors whose own pair leads every negative (`right`)."""
        found = self.sides(outputs, batch)
        drawn = self._drawn(batch, found)
        sums, right = [], []
        for index, direction in enumerate(self.directions):
            scores_BN = similarities(found.own[direction[0]], found.others[direction[-1]], self.similarity)
            own_B = scores_BN[found.own_BN]
            negative_BN = found.keep_N & ~found.positive_BN
            each_B = self._each(scores_BN, own_B, negative_BN, None if drawn is None else drawn[index])
            sums.append(torch.where(found.keep_B, each_B, 0.0).sum())
            leads_B = (scores_BN < own_B[:, None]).logical_or(~negative_BN).all(dim=1)
            right.append((leads_B & found.keep_B).sum() / found.anchors)
        total = torch.stack(sums)
        loss = total.sum() if self.reduction == "sum" else (total / found.anchors).mean()
        return {"loss": loss, "right": torch.stack(right).mean()}

    def _each(self, scores_BN: Tensor, own_B: Tensor, negative_BN: Tensor, drawn: Tensor | None) -> Tensor:
        """Return the loss of every anchor (B,)."""
        any_B = negative_BN.any(dim=1)
        if self.kind == "sum":
            over_BN = (self.margin - own_B[:, None] + scores_BN).clamp(min=0)
            return torch.where(negative_BN, over_BN, 0.0).sum(dim=1)
        if drawn is not None:
            chosen_B = drawn[:, 1:].masked_fill(~negative_BN, -1.0).argmax(dim=1)
        elif self.kind == "max":
            chosen_B = scores_BN.detach().masked_fill(~negative_BN, -torch.inf).argmax(dim=1)
        else:
            chosen_B = semi_hard(scores_BN.detach(), own_B.detach(), negative_BN)
        negative_B = scores_BN.gather(1, chosen_B[:, None]).squeeze(1)
        if self.kind != "cosine-embedding":
            return torch.where(any_B, (self.margin - own_B + negative_B).clamp(min=0), 0.0)
        pushed_B = torch.where(any_B, (negative_B - self.margin).clamp(min=0), 0.0)
        own_seen_B = drawn[:, 0] < self.positive_rate  # type: ignore[index]  # this kind always draws
        return torch.where(own_seen_B, 1 - own_B, pushed_B)

    def _drawn(self, batch: Batch, found: PairSides) -> Tensor | None:
        """Return random numbers (directions, B, 1 + N) that choose what an anchor is compared with, or None."""
        if self.kind not in _DRAWN:
            return None
        drawn = batch.targets.get(self._draw_key)
        if drawn is None:
            drawn = torch.rand(len(self.directions), batch.size, 1 + len(found.keep_N))
        return drawn.to(found.keep_B.device)

    def chance(self, batch_size: int) -> float | None:
        """Return the loss where all similarities are equal: m per negative that counts.

        None for `cosine-embedding`, whose loss then depends on what they equal, and for the sum over negatives of a
        batch in which some pairs are none.
        """
        negatives = max(batch_size * self._world() - 1, 0)
        if self.kind == "cosine-embedding" or (self.kind == "sum" and self.positives):
            return None
        each = self.margin * (negatives if self.kind == "sum" else min(negatives, 1))
        return each * batch_size * len(self.directions) if self.reduction == "sum" else each


def semi_hard(scores_BN: Tensor, own_B: Tensor, negative_BN: Tensor) -> Tensor:
    """Return for each anchor (B,) the most similar negative below its own pair, or its least similar negative."""
    below_BN = negative_BN & (scores_BN < own_B[:, None])
    hardest_B = scores_BN.masked_fill(~below_BN, -torch.inf).argmax(dim=1)
    easiest_B = scores_BN.masked_fill(~negative_BN, torch.inf).argmin(dim=1)
    return torch.where(below_BN.any(dim=1), hardest_B, easiest_B)

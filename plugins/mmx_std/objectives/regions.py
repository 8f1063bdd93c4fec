"""Losses of regions: hidden ones by their classes, and which one a text speaks of.

Shape legend: B batch, N regions, M hidden regions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, DataError, Losses, Outputs
from mmx_std.objectives.language import written
from mmx_std.objectives.matching import ALIGNED
from mmx_std.objectives.pairing import permutation
from mmx_std.ops.grounding.boxes import overlaps
from mmx_std.ops.masking import drawn
from mmx_std.ops.ports import qualify, read
from mmx_std.ops.tokens.corruption import hidden_key

__all__ = ["CORNERS", "MaskedRegionLoss", "RegionHiding", "RegionScoreLoss", "hide_regions", "soft_classes"]

CORNERS: Final = 4
"""First columns of a region: its box. The others are its features."""
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class RegionHiding:
    """Choice of hidden regions, and of what is zeroed.

    Attributes:
        share: Probability that a region is chosen.
        zeroed: Share of the chosen ones whose features are zeroed; the rest is shown as it is.
        overlap: IoU above which a neighbour of a chosen region is zeroed, too; None: neighbours are shown.
        least: Regions of an image that are chosen in any case, where it has as many.
    """

    share: float = 0.15
    zeroed: float = 0.9
    overlap: float | None = 0.4
    least: int = 0

    def choose(self, real_BN: Tensor, generator: torch.Generator) -> Tensor:
        """Return which regions are to be named, bool (B, N)."""
        keys_BN = drawn(real_BN.shape, generator, real_BN).masked_fill(~real_BN, 2.0)
        rank_BN = keys_BN.argsort(1).argsort(1)
        return real_BN & ((keys_BN < self.share) | (rank_BN < self.least))

    def blank(self, chosen_BN: Tensor, boxes_BN4: Tensor, generator: torch.Generator) -> Tensor:
        """Return which regions' features are zeroed, bool (B, N)."""
        blank_BN = chosen_BN & (drawn(chosen_BN.shape, generator, chosen_BN) < self.zeroed)
        if self.overlap is None:
            return blank_BN
        shared_BNN, union_BNN = overlaps(boxes_BN4[:, :, None], boxes_BN4[:, None])
        near_BNN = shared_BNN > self.overlap * union_BNN
        near_BNN &= ~torch.eye(near_BNN.shape[1], dtype=torch.bool, device=near_BNN.device)
        return blank_BN | (near_BNN & chosen_BN[:, None]).any(-1)


class MaskedRegionLoss:
    """KL divergence from a detector's class distribution of each hidden region to what a head says: sum / max(1, M).

    Regions are hidden anew at every step: the features of a chosen one are zeroed, and those of all that overlap it,
    which would show it (Lu et al. 2019, section 3.2, and the code). `std/regions` leaves what is zero out of the token
    of the whole image. Pairs that `std/match` has made of another's text are not counted. VL-BERT (Su et al. 2020) has
    `overlap: null`.

    Args:
        head: Head that names hidden regions: `std/masked-regions`.
        regions: Encoder of the regions, whose first columns are a box.
        target: Target with the class distribution of each region, float (N, C); rows of zeros are not counted.
        share: Probability that a region is chosen.
        zeroed: Share of the chosen ones whose features are zeroed; the rest is shown as it is.
        overlap: IoU above which a neighbour of a chosen region is zeroed, too; null: neighbours are shown.
        least: Regions of an image that are chosen in any case, where it has as many.
    """

    def __init__(
        self,
        *,
        head: str = "region_classes",
        regions: str = "regions",
        target: str = "region_scores",
        share: Share = 0.15,
        zeroed: Share = 0.9,
        overlap: Annotated[float | None, Field(ge=0, le=1)] = 0.4,
        least: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.head, self.regions, self.target = qualify(head, "heads"), regions, target
        self.needs = (self.head, f"targets.{target}")
        self.hiding = RegionHiding(share, zeroed, overlap, least)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with regions hidden, and which."""
        return hide_regions(batch, self.regions, self.hiding, generator)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of hidden regions whose likeliest class is named (`right`)."""
        logits_MC = written(outputs, self.head, "logits").float()
        chosen_BN = batch.targets[hidden_key(self.regions)].to(logits_MC.device)
        soft_BNC = soft_classes(batch.targets[self.target], chosen_BN.shape[1]).to(logits_MC)
        keep_BN = soft_BNC.sum(-1) > 0
        if (aligned_B := batch.targets.get(ALIGNED)) is not None:
            keep_BN &= aligned_B.to(keep_BN.device)[:, None]
        keep_M, soft_MC = keep_BN[chosen_BN], soft_BNC[chosen_BN]
        log_MC = logits_MC.log_softmax(-1)
        apart_M = functional.kl_div(log_MC, soft_MC, reduction="none").sum(-1)
        count = keep_M.sum().clamp(min=1)
        right_M = logits_MC.argmax(-1) == soft_MC.argmax(-1)
        return {"loss": (apart_M * keep_M).sum() / count, "right": (right_M & keep_M).sum() / count}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the entropy of the detector's distributions."""
        return None


class RegionScoreLoss:
    """Binary cross-entropy of each region's score: true where its box overlaps the one that a text speaks of.

    Summed over the regions of an image, mean over images, as in ViLBERT's code for referring expressions.

    Args:
        head: Head with one logit for each region: `std/region-scores`.
        regions: Encoder of the regions, whose first columns are a box.
        target: Target with the true box, float (4,), in shares of the image.
        overlap: IoU from which a region is true.
        shuffled: Control: the true box is that of a random item of the batch.
    """

    def __init__(
        self,
        *,
        head: str = "region_scores",
        regions: str = "regions",
        target: str = "referred_box",
        overlap: Annotated[float, Field(gt=0, le=1)] = 0.5,
        shuffled: bool = False,
    ) -> None:
        self.head, self.regions, self.target = qualify(head, "heads"), regions, target
        self.needs = (self.head, f"encoded.{regions}", f"targets.{target}")
        self.overlap, self.shuffled = overlap, shuffled

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch; with `shuffled`, with the texts' boxes in a random order."""
        if not self.shuffled:
            return batch
        boxes_B4 = batch.targets[self.target][permutation(batch.size, generator)]
        return replace(batch, targets={**batch.targets, self.target: boxes_B4})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of images whose best region is a true one (`right`)."""
        logits_BN = read(outputs, self.head).float()
        boxes_BN4 = batch.inputs[self.regions][..., :CORNERS].to(logits_BN.device)
        true_B14 = batch.targets[self.target].to(logits_BN)[:, None]
        shared_BN, union_BN = overlaps(boxes_BN4, true_B14)
        true_BN = shared_BN >= self.overlap * union_BN
        real_BN = batch.masks.get(self.regions, torch.ones_like(true_BN)).to(logits_BN.device)
        losses_BN = functional.binary_cross_entropy_with_logits(logits_BN, true_BN.float(), reduction="none")
        best_B1 = logits_BN.masked_fill(~real_BN, -torch.inf).argmax(1, keepdim=True)
        right = true_BN.gather(1, best_B1).float().mean()
        return {"loss": (losses_BN * real_BN).sum(1).mean(), "right": right}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the number of regions."""
        return None


def hide_regions(batch: Batch, regions: str, hiding: RegionHiding, generator: torch.Generator) -> Batch:
    """Return a batch with regions of an encoder zeroed; the target `hidden REGIONS` holds which are to be named."""
    x_BNC = batch.inputs[regions]
    real_BN = batch.masks.get(regions, torch.ones(x_BNC.shape[:2], dtype=torch.bool, device=x_BNC.device))
    chosen_BN = hiding.choose(real_BN, generator)
    blank_BN = hiding.blank(chosen_BN, x_BNC[..., :CORNERS], generator)
    shown_BNC = torch.cat([x_BNC[..., :CORNERS], x_BNC[..., CORNERS:].masked_fill(blank_BN[..., None], 0)], -1)
    return replace(
        batch,
        inputs={**batch.inputs, regions: shown_BNC},
        targets={**batch.targets, hidden_key(regions): chosen_BN},
    )


def soft_classes(given: Any, regions: int) -> Tensor:
    """Return class distributions of a batch (B, N, C), zeros where an image has fewer regions.

    Args:
        given: One tensor, or a list of arrays (regions, C) of unequal length.
        regions: N.

    Raises:
        DataError: They are no distributions over classes.
    """
    rows: Sequence[Tensor] = [torch.as_tensor(each, dtype=torch.float32) for each in given]
    if any(each.ndim != 2 for each in rows):
        raise DataError(f"class distributions of regions are tables (regions, classes); got {tuple(rows[0].shape)}")
    soft_BNC = rows[0].new_zeros(len(rows), regions, rows[0].shape[1])
    for place, each in enumerate(rows):
        kept = each[:regions]
        soft_BNC[place, : len(kept)] = kept
    sums = soft_BNC.sum(-1)
    if bool((soft_BNC < 0).any()) or bool(((sums - 1).abs().minimum(sums) > 1e-2).any()):
        raise DataError("class distributions of regions must not be negative, and sum to 1 (or 0 for an unknown class)")
    return soft_BNC

"""Semantic regularisation: both sides must name the class, and the background class does not count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from mmx import Batch, DataError, Losses, Outputs
from mmx_std import ports


class Semantic:
    """Mean over sides of the cross-entropy of their class, with weight 0 for the background (section 4.2).

    The mean is over the samples of other classes; a batch of background alone has loss 0. Samples of class -1 (not
    known) count as background.

    Args:
        classes: The corpus's class names by target.
        head: Head with logits by side, `im2recipe/shared-classes`.
        target: Target with the classes.
        background: Name of the class that does not count; null where all do.
        shuffled: Control: every sample has the class of a random one of the batch.

    Raises:
        DataError: The target has no such class.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "classes",
        target: str = "class",
        background: str | None = "background",
        shuffled: bool = False,
    ) -> None:
        self.head, self.target, self.shuffled = head, target, shuffled
        self.needs = (f"heads.{head}", f"targets.{target}")
        names = list(ports.class_names(classes, target))
        if background is not None and background not in names:
            raise DataError(f"background: target {target!r} has no class {background!r}; null counts all classes")
        self.ignored = -1 if background is None else names.index(background)
        self.count = len(names)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch, with its classes in a random order where they are shuffled."""
        if not self.shuffled:
            return batch
        truth_B = batch.targets[self.target]
        order_B = torch.randperm(batch.size, generator=generator, device=generator.device).to(truth_B.device)
        return replace(batch, targets={**batch.targets, self.target: truth_B[order_B]})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of counted samples whose class each side names, `accuracy_SIDE`."""
        truth_B = batch.targets[self.target].long()
        counts_B = (truth_B != self.ignored) & (truth_B >= 0)
        number = counts_B.sum().clamp(min=1)
        losses: list[Tensor] = []
        shares: Losses = {}
        for side, logits_BC in outputs.heads[self.head].items():
            each_B = functional.cross_entropy(logits_BC.float(), truth_B.clamp(min=0), reduction="none")
            losses.append(torch.where(counts_B, each_B, 0.0).sum() / number)
            shares[f"accuracy_{side}"] = ((logits_BC.argmax(1) == truth_B) & counts_B).sum() / number
        return {"loss": torch.stack(losses).mean(), **shares}

    def chance(self, batch_size: int) -> float | None:
        """Return ln C, the loss of the uniform prediction over all classes."""
        return math.log(self.count)

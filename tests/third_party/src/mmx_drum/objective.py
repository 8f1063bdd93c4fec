"""A multi-class hinge loss."""

from __future__ import annotations

from torch.nn import functional

from mmx import Batch, Losses, Outputs


class Hinge:
    """Mean over wrong classes of max(0, 1 - right + wrong) / C.

    Args:
        target: The true class.
        head: Head that gives the scores.
    """

    def __init__(self, target: str = "label", head: str = "classes") -> None:
        self.target, self.head = target, head
        self.needs = (f"heads.{head}", f"targets.{target}")
        self.count = 0

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`."""
        scores_BC = outputs.heads[self.head]
        self.count = scores_BC.shape[1]
        return {"loss": functional.multi_margin_loss(scores_BC, batch.targets[self.target])}

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of equal scores, once the number of classes has been seen: (C - 1) / C."""
        return (self.count - 1) / self.count if self.count else None

"""Caption-based retrieval as a choice among four pairs. Shapes: B batch, N regions, D columns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from mmx import Batch, DataError, Losses, Outputs
from mmx_std import pairing, ports

__all__ = ["FourWay"]

WAYS: Final = 4
REAL: Final = "pairs that differ"
"""Target, bool (B, 4): options that are no second copy of the true pair."""


class FourWay:
    """Cross-entropy of the true pair among four: beside it a random text, a random image, and an image like its own.

    Lu et al. (2019), section 3.2. The score of a pair is the alignment head's logit of "own" above that of "other". The
    three distractors come from the same batch; the image like its own is the one whose mean region is nearest, where
    the paper takes one of the hundred nearest of the data set. An option that says the same as the true pair is left
    out.

    Args:
        head: Head with two logits: other, own.
        text: Encoder of the text.
        regions: Encoder of the regions, whose inputs tell which images are alike.
        positives: Target with what each text says, or null where every text is one of its own.
    """

    def __init__(
        self,
        *,
        head: str = "aligned",
        text: str = "text",
        regions: str = "regions",
        positives: str | None = "sentence",
    ) -> None:
        self.head, self.text, self.regions, self.positives = ports.qualify(head, "heads"), text, regions, positives
        self.needs = (self.head, f"encoded.{text}", *([f"targets.{positives}"] if positives else []))
        self.given = ()

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch of 4 B pairs: the true ones, then those with each distractor.

        Raises:
            DataError: There is no second item to draw from.
        """
        if batch.size < 2:
            raise DataError("a choice among pairs needs at least two items per batch; raise batch_size")
        own_B = torch.arange(batch.size)
        steps_2B = torch.randint(1, batch.size, (2, batch.size), generator=generator)
        text_B, image_B = (own_B + steps_2B) % batch.size
        alike_B = self._alike(batch)
        inputs = torch.cat([own_B, own_B, image_B, alike_B])
        texts = torch.cat([own_B, text_B, own_B, own_B])
        real_B4 = torch.ones(batch.size, WAYS, dtype=torch.bool)
        if self.positives is not None:
            said = [str(each) for each in batch.targets[self.positives]]
            for way, others in enumerate((text_B, image_B, alike_B), 1):
                real_B4[:, way] = torch.tensor([said[int(o)] != said[own] for own, o in enumerate(others)])
        found = pairing.paired(batch, self.text, inputs, texts)
        return replace(found, targets={REAL: real_B4})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of true pairs that are chosen (`right`)."""
        logits = ports.read(outputs, self.head).float()
        scores_B4 = (logits[:, 1] - logits[:, 0]).reshape(WAYS, -1).T
        scores_B4 = scores_B4.masked_fill(~batch.targets[REAL].to(scores_B4.device), -torch.inf)
        truth_B = torch.zeros(len(scores_B4), dtype=torch.int64, device=scores_B4.device)
        right = (scores_B4.argmax(1) == 0).float().mean()
        return {"loss": functional.cross_entropy(scores_B4, truth_B), "right": right}

    def score(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the probability that each pair belongs together (B,): of true pairs, where no view was taken."""
        return ports.read(outputs, self.head).float().softmax(1)[:, 1]

    def chance(self, batch_size: int) -> float | None:
        """Return ln 4."""
        return math.log(WAYS)

    def _alike(self, batch: Batch) -> Tensor:
        """Return for each image the other one whose mean region is nearest (B,)."""
        x_BND = batch.inputs[self.regions].float().cpu()
        real_BN = batch.masks.get(self.regions, torch.ones(x_BND.shape[:2], dtype=torch.bool)).cpu()
        means_BD = (x_BND * real_BN[..., None]).sum(1) / real_BN.sum(1, keepdim=True).clamp(min=1)
        far_BB = torch.cdist(means_BD, means_BD).fill_diagonal_(torch.inf)
        return far_BB.argmin(1)

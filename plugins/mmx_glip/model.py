"""The grounding head: boxes, centreness, and the score of each token at each region.

Shape legend: B batch, A regions (anchors), T tokens, P phrases, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from math import isqrt
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, PortError
from mmx_std import grounding_anchors, phrases, ports

PRIOR = 0.01
"""Probability of a token at a region before training: nearly all pairs are background."""
LARGEST = 50_000.0
"""Bound of the logits, as in the code."""


class Regions(nn.Module):
    """Region-token scores S = O P^T in place of classes (equation 3), a box and its centreness for each anchor.

    As in the code, the text is normalised to length 1, halved, and projected; the product with a region's features is
    divided by a learned temperature, and a bias is added that depends on the token.

    Outputs: `logits` (B, A, T), `offsets` (B, A, 4), `boxes` (B, A, 4) in shares of the image, `centreness` (B, A,
    logits), `anchors` (A, 4), `phrases` (B, T), `mask` (B, T), and `scores` (B, A, P): of a phrase the root of the mean
    probability of its tokens times the centreness; without tokens, of the centreness alone.

    Args:
        dims: Widths of the fused features by name.
        image: Features whose tokens are the places of a square map: `fused.NAME`.
        text: Features of the prompt, which tell the phrase of each token (`std/phrases`).
        width: D of the product.
        anchor: Side of an anchor in cells (8 in the paper).
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        image: str = "fused.image",
        text: str = "fused.prompt",
        width: Annotated[int, Field(gt=0)] = 96,
        anchor: Annotated[float, Field(gt=0)] = 8.0,
    ) -> None:
        super().__init__()
        self.image, self.text = ports.qualify(image, "fused"), ports.qualify(text, "fused")
        self.needs = (self.image, self.text)
        regions, words = ports.width(dims, self.image), ports.width(dims, self.text)
        self.anchor = anchor
        self.region = nn.Linear(regions, width)
        self.word = nn.Linear(words, width)
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.word_bias = nn.Parameter(torch.zeros(words))
        self.bias = nn.Parameter(torch.tensor(-math.log((1 - PRIOR) / PRIOR)))
        self.box = nn.Linear(regions, 4)
        self.box_scale = nn.Parameter(torch.ones(()))
        self.centre = nn.Linear(regions, 1)
        for part in (self.box, self.centre):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the outputs listed above.

        Raises:
            PortError: The image has no tokens, or the prompt does not tell its phrases.
        """
        image, text = ports.pick(fused, self.image), ports.pick(fused, self.text)
        if image.tokens_BTD is None or text.tokens_BTD is None or "phrases" not in text.layers:
            raise PortError("glip/regions reads places of an image and a prompt that tells its phrases: std/phrases")
        words_BTD = functional.normalize(text.tokens_BTD, dim=-1)
        logits_BAT = self.region(image.tokens_BTD) @ self.word(words_BTD / 2).transpose(1, 2) / self.log_scale.exp()
        logits_BAT = logits_BAT + (words_BTD @ self.word_bias + self.bias)[:, None]
        offsets_BA4 = self.box(image.tokens_BTD) * self.box_scale
        anchors_A4 = grounding_anchors.grid(isqrt(image.tokens_BTD.shape[1]), self.anchor).to(offsets_BA4)
        phrases_BT = text.layers["phrases"]
        found = {
            "logits": logits_BAT.clamp(-LARGEST, LARGEST),
            "offsets": offsets_BA4,
            "boxes": grounding_anchors.decoded(offsets_BA4, anchors_A4).clamp(0, 1),
            "centreness": self.centre(image.tokens_BTD)[..., 0],
            "anchors": anchors_A4,
            "phrases": phrases_BT,
            "mask": torch.ones_like(phrases_BT, dtype=torch.bool) if text.mask_BT is None else text.mask_BT,
        }
        return {**found, "scores": scored(found["logits"], found["centreness"], phrases_BT)}


def scored(logits_BAT: Tensor, centreness_BA: Tensor, phrases_BT: Tensor) -> Tensor:
    """Return the score of each phrase at each region (B, A, P)."""
    means_BAP, there_BP = phrases.phrase_means(logits_BAT.sigmoid(), phrases_BT)
    named_BAP = torch.where(there_BP[:, None], means_BAP, 1.0)
    return (named_BAP * centreness_BA.sigmoid()[..., None]).sqrt()

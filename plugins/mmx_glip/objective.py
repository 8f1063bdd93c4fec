"""The loss of grounding: token focal loss, GIoU of assigned anchors, centreness.

Shape legend: B batch, A anchors, T tokens, N true boxes, P positive anchors of the batch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, Losses, Outputs
from mmx_std import grounding_anchors, grounding_boxes, pairing, phrases, ports


class Grounding:
    """Focal loss over regions and tokens, plus 2 (1 - GIoU) weighted by centreness, plus centreness (equations 1, 2).

    Anchors are assigned to boxes by ATSS. All tokens of a box's phrase are true at its anchors; full stops and special
    tokens are never. The focal loss and that of centreness are divided by the number of positive anchors, GIoU by the
    sum of their centreness.

    Args:
        head: Head that gives regions (`glip/regions`).
        prompt: Encoder of the prompt.
        boxes: Target with the true boxes, in shares of the image.
        of: Target with the phrase of each box, -1 for none.
        giou: Weight of GIoU.
        nearest: Candidates of each box for its anchors.
        shuffled: Control: every image is shown with the prompt of a random item of the batch, and its boxes belong to
            phrases of that one.
    """

    def __init__(
        self,
        *,
        head: str = "regions",
        prompt: str = "prompt",
        boxes: str = "phrase_boxes",
        of: str = "box_phrases",
        giou: Annotated[float, Field(ge=0)] = 2.0,
        nearest: Annotated[int, Field(ge=1)] = 9,
        shuffled: bool = False,
    ) -> None:
        self.head, self.prompt, self.boxes, self.of = ports.qualify(head, "heads"), prompt, boxes, of
        self.needs = (self.head, f"targets.{boxes}", f"targets.{of}")
        self.giou, self.nearest, self.shuffled = giou, nearest, shuffled

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch, with the prompts in a random order where pairs are shuffled."""
        if not self.shuffled:
            return batch
        order_B = pairing.permutation(batch.size, generator)
        inputs, masks = ({**each} for each in (batch.inputs, batch.masks))
        for each in (inputs, masks):
            if self.prompt in each:
                each[self.prompt] = each[self.prompt][order_B.to(each[self.prompt].device)]
        return replace(batch, inputs=inputs, masks=masks)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss` and its terms `tokens`, `giou` and `centreness`."""
        found = outputs.heads[ports.short(self.head)]
        logits_BAT, anchors_A4, phrases_BT = found["logits"].float(), found["anchors"].float(), found["phrases"]
        boxes_BN4 = batch.targets[self.boxes].to(logits_BAT.device).float()
        of_BN = self._phrases(batch, phrases_BT)
        match_BA = torch.stack(
            [self._match(anchors_A4, boxes_N4, of_N) for boxes_N4, of_N in zip(boxes_BN4, of_BN, strict=True)]
        )
        positive_BA = match_BA >= 0
        named_BA = torch.where(positive_BA, of_BN.gather(1, match_BA.clamp(min=0)), -2)
        truth_BAT = named_BA[..., None] == phrases_BT[:, None]
        count = positive_BA.sum().clamp(min=1)
        tokens = phrases.token_focal(logits_BAT, truth_BAT, found["mask"]) / count
        true_P4 = boxes_BN4.gather(1, match_BA.clamp(min=0)[..., None].expand(-1, -1, 4))[positive_BA]
        at_P4 = anchors_A4.expand(len(match_BA), -1, -1)[positive_BA]
        middle_P = grounding_anchors.centreness((at_P4[:, :2] + at_P4[:, 2:]) / 2, true_P4)
        drawn_P4 = grounding_anchors.decoded(found["offsets"].float()[positive_BA], at_P4)
        apart_P = 1 - grounding_boxes.giou(drawn_P4, true_P4)
        giou = (apart_P * middle_P).sum() / middle_P.sum().clamp(min=1e-6)
        given_P = found["centreness"].float()[positive_BA]
        centre = functional.binary_cross_entropy_with_logits(given_P, middle_P, reduction="sum") / count
        loss = tokens + self.giou * giou + centre
        return {"loss": loss, "tokens": tokens, "giou": giou, "centreness": centre}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on how many anchors are positive."""
        return None

    def _match(self, anchors_A4: Tensor, boxes_N4: Tensor, of_N: Tensor) -> Tensor:
        """Return the box of each anchor (A,), -1 for none."""
        real_N = (of_N >= 0).nonzero()[:, 0]
        match_A = grounding_anchors.assigned([anchors_A4], boxes_N4[real_N], self.nearest)
        return torch.where(match_A >= 0, real_N[match_A.clamp(min=0)], -1) if len(real_N) else match_A

    def _phrases(self, batch: Batch, phrases_BT: Tensor) -> Tensor:
        """Return the phrase of each box (B, N); of a prompt of others, one that it has."""
        of_BN: Tensor = batch.targets[self.of].to(phrases_BT.device)
        if not self.shuffled:
            return of_BN
        count_B1 = phrases_BT.amax(1, keepdim=True) + 1
        return torch.where(of_BN >= 0, of_BN % count_B1.clamp(min=1), -1)

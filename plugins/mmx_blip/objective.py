"""Losses of BLIP beside the contrastive one and that of words: matching with hard negatives, and answers.

Shape legend: B batch, T words, P places, D width, C answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, DataError, Features, Losses, Outputs
from mmx_std import answer_scoring, pairing, ports, shared_decoders

LEAST = 1e-4
"""Added to the probability of each negative, as in the code."""


class Match:
    """ITM: does a text belong to an image? Two classes, of 3 B pairs: true ones, and a negative of each side.

    A negative image of each text and a negative text of each image are drawn by their similarity within the batch
    (softmax of the contrastive features' cosines by the temperature), so that alike ones are drawn more often.

    Args:
        built: Parts that are built already (filled in).
        image: Encoder of the image; its contrastive features are `fused.image_vector`.
        text: Encoder of ids of the text; its contrastive features are `fused.text_vector`.
        head: Head with two logits, other and own, that reads `fused.joint`.
        temperature: Of the similarities that negatives are drawn by.
        hard: Draw by similarity; else all alike.
        positives: Target with what each text says: the same is no negative; null: every text is one of its own.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        image: str = "image",
        text: str = "caption",
        head: str = "aligned",
        temperature: Annotated[float, Field(gt=0)] = 0.07,
        hard: bool = True,
        positives: str | None = "sentence",
    ) -> None:
        self.image, self.text, self.positives = image, text, positives
        self.temperature, self.hard = temperature, hard
        self.fuser, self.head = shared_decoders.shared_fuser(built), built[f"heads.{head}"]
        more = [f"targets.{positives}"] if positives else []
        # Not the head's port: it is run here, on pairs of this loss's own.
        self.needs = (f"encoded.{image}", f"encoded.{text}", "fused.image_vector", "fused.text_vector", *more)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of pairs told right (`right`).

        Raises:
            DataError: A batch of one has no negatives.
        """
        if batch.size < 2:
            raise DataError("negatives are other items of the batch; raise batch_size")
        ids_BT = outputs.encoded[self.text].layers["ids"]
        states_BPD, mask_BP = self.fuser.states(outputs.encoded[self.image])
        images_B, texts_B = self._negatives(outputs, batch)
        own_B = torch.arange(batch.size, device=ids_BT.device)
        of_image, of_text = torch.cat([own_B, images_B, own_B]), torch.cat([own_B, own_B, texts_B])
        first_ND = self.fuser.joint(
            ids_BT[of_text], states_BPD[of_image], None if mask_BP is None else mask_BP[of_image]
        )[:, 0]
        logits_N2 = self.head({"joint": Features(first_ND)}, batch).float()
        truth_N = (torch.arange(len(logits_N2), device=logits_N2.device) < batch.size).long()
        right = (logits_N2.argmax(1) == truth_N).float().mean()
        return {"loss": functional.cross_entropy(logits_N2, truth_N), "right": right}

    @torch.no_grad()
    def _negatives(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return a negative image of each text, and a negative text of each image (B,) each."""
        scores_BB = (
            ports.read(outputs, "fused.image_vector").float() @ ports.read(outputs, "fused.text_vector").float().T
        )
        scores_BB = scores_BB / self.temperature if self.hard else torch.zeros_like(scores_BB)
        ids_B = pairing.marked(batch, self.positives, scores_BB.device)
        same_BB = (ids_B[:, None] == ids_B) & (ids_B != -1) | torch.eye(len(ids_B), device=ids_B.device).bool()
        if bool(same_BB.all(1).any()):  # a text that all share has no negative but itself
            same_BB = torch.eye(len(ids_B), device=ids_B.device).bool()
        drawn = [
            torch.multinomial((each_BB.softmax(1) + LEAST).masked_fill(same_BB, 0.0), 1)[:, 0]
            for each_BB in (scores_BB.T, scores_BB)
        ]
        return drawn[0], drawn[1]

    def chance(self, batch_size: int) -> float | None:
        """Return the entropy of one true pair in three."""
        return math.log(3) - 2 / 3 * math.log(2)


class Answering:
    """Cross-entropy of the answers that annotators gave, each weighted by how many gave it (BLIP's VQA).

    Args:
        built: Parts that are built already (filled in).
        head: Head `blip/answers`.
        answers: Target with the annotators' answers, a list of texts; answers that are no class are left out.
        smoothing: Share of the truth that is spread evenly over the vocabulary.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        head: str = "label",
        answers: str = "answers",
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        self.head, self.answers, self.smoothing = built[f"heads.{head}"], answers, smoothing
        self.needs = (self.head.reads, f"targets.{answers}")
        self.places = {answer_scoring.normalised(name): place for place, name in enumerate(self.head.names)}

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`: per question the sum over its answers, mean over questions."""
        states_BTD, mask_BT = self.head.states(outputs.fused)
        weights_BC = self._weights(batch.targets[self.answers]).to(states_BTD.device)
        row_N, answer_N = weights_BC.nonzero(as_tuple=True)
        ids_CT = self.head.ids(states_BTD.device)
        each_N = self.head.losses(states_BTD[row_N], mask_BT[row_N], ids_CT[answer_N], self.smoothing)
        return {"loss": (weights_BC[row_N, answer_N] * each_N).sum() / len(states_BTD)}

    def _weights(self, given: Sequence[Sequence[str]]) -> Tensor:
        """Return the share of the annotators who gave each answer (B, C)."""
        weights_BC = torch.zeros(len(given), len(self.places))
        for row, several in enumerate(given):
            for answer in several:
                place = self.places.get(answer_scoring.normalised(answer))
                if place is not None:
                    weights_BC[row, place] += 1 / len(several)
        return weights_BC

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the lengths of answers."""
        return None

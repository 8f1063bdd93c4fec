"""Contrastive loss of MuLan and two alternatives (section 3). Shapes: B batch, N pairs, D width."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mmx import Batch, Losses, Outputs
from mmx_std import contrastive, pairing, ports

_PRIME = 1_000_003


class Contrastive(pairing.PairLoss):
    """Music and text of one recording attract, all others of the batch repel, at a temperature that is learned.

    With s_ij = a_i . t_j / tau over unit vectors, and N_i = { j : j != i } without the pairs that are masked:

        mulan      L_i = -s_ii + log sum_{j in N_i} ( exp s_ij + exp s_ji )          one denominator, no positive in it
        decoupled  L_i = -s_ii + 1/2 log sum_{j in N_i} exp s_ij + 1/2 log sum_{j in N_i} exp s_ji
        clip       L_i = -1/2 log softmax_j(s_ij)_i - 1/2 log softmax_j(s_ji)_i      the positive is in both

    The loss is the mean over the batch. Without the positive in the denominator the first two may be negative.

    Args:
        audio: Features of the music: `fused.NAME`, or a bare name of fused features.
        text: Features of the text.
        loss: One of the three above.
        temperature: tau, or its first value if it is learned.
        learned: Learn the temperature, as log(1 / tau).
        max_scale: Largest 1 / tau; the smallest is 1, so that tau stays in (0, 1].
        same: Target whose equal numbers mark two views of one recording, which are never each other's negatives.
        duplicates: Identical texts of different recordings: `keep` them as negatives or `mask` them.
    """

    def __init__(
        self,
        audio: str = "fused.audio",
        text: str = "fused.text",
        *,
        loss: Literal["mulan", "decoupled", "clip"] = "mulan",
        temperature: Annotated[float, Field(gt=0, le=1)] = 0.1,
        learned: bool = True,
        max_scale: Annotated[float, Field(ge=1)] = 100.0,
        same: str | None = None,
        duplicates: Literal["keep", "mask"] = "keep",
    ) -> None:
        super().__init__(
            a=audio,
            b=text,
            direction="both",
            similarity="dot",
            normalised=("a", "b"),
            positives=same,
            gather=True,
            shuffled=False,
        )
        self.loss, self.duplicates = loss, duplicates
        self.max_log_scale = math.log(max_scale)
        self.log_scale: Tensor
        pairing.set_scale(self, temperature, learned=learned)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, the temperature, similarities of true and other pairs, and the share of duplicate texts."""
        found = self.sides(outputs, batch)
        world = self._world()
        texts_B = text_numbers(batch, ports.short(self.b), found.own_BN.device)
        texts_N = pairing.gathered(texts_B) if world > 1 else texts_B
        scale = pairing.held_scale(self.log_scale, self.max_log_scale, 0.0)
        rows_BN, columns_BN = scale * found.own["a"] @ found.others["b"].T, scale * found.own["b"] @ found.others["a"].T
        twins_BN = (texts_B[:, None] == texts_N) & (texts_B != -1)[:, None] & ~found.own_BN
        other_BN = found.keep_N & ~found.positive_BN
        if self.duplicates == "mask":
            other_BN = other_BN & ~twins_BN
        compared_BN1 = (other_BN | found.own_BN)[..., None]
        each_B = contrastive.contrasted(
            rows_BN[..., None],
            columns_BN[..., None],
            compared_BN1,
            compared_BN1,
            found.own_BN,
            contrastive.DENOMINATORS[self.loss],
        )
        counted_B = found.keep_B & other_BN.any(1)
        # Processes average their gradients, so each divides by the mean number of anchors per process.
        anchors = ((pairing.gathered(counted_B) if world > 1 else counted_B).sum() / world).clamp(min=1)
        loss = torch.where(counted_B, each_B, 0.0).sum() / anchors
        with torch.no_grad():
            cosine_BN = rows_BN / scale
            return {
                "loss": loss,
                "temperature": 1 / scale.detach(),
                "similarity_true": cosine_BN[found.own_BN].mean(),
                "similarity_other": cosine_BN[~found.own_BN].mean()
                if cosine_BN.shape[1] > 1
                else cosine_BN.new_zeros(()),
                "duplicate_texts": twins_BN.any(1).float().mean(),
            }

    def _finds(self, found: pairing.PairSides, side: str, other: str) -> Tensor:
        """Return the probability of an item's own pair among all that are there (B,)."""
        logits_BN = self.log_scale.exp() * found.own[side] @ found.others[other].T
        shares_BN: Tensor = logits_BN.masked_fill(~found.keep_N, torch.finfo(logits_BN.dtype).min).softmax(1)
        return shares_BN[found.own_BN]

    def chance(self, batch_size: int) -> float | None:
        """Return the chance level: the least loss of a model whose vectors are independent of the pairing.

        For any vectors and a random pairing the mean of s_ii equals the mean of all s_ij, and a log-mean-exp is at
        least the mean (Jensen); equality where all similarities are equal. So the loss is at least the logarithm of
        the number of terms in the denominator: 2 (N - 1) for mulan, N - 1 for decoupled, N for clip.
        """
        pairs = batch_size * self._world()
        if pairs < 2:
            return None
        return contrastive.DENOMINATORS[self.loss].chance(pairs)


def text_numbers(batch: Batch, name: str, device: torch.device) -> Tensor:
    """Return a number per prepared text (B,): equal texts have equal numbers; -1 where texts are not token ids.

    It is a polynomial of the ids, so that padding with zeros changes nothing.
    """
    ids_BT = batch.inputs.get(name)
    if ids_BT is None or ids_BT.dtype != torch.int64 or ids_BT.ndim != 2:
        return torch.full((batch.size,), -1, dtype=torch.int64, device=device)
    powers = [pow(_PRIME, place + 1, 2**61 - 1) for place in range(ids_BT.shape[1])]
    numbers_B = (ids_BT * torch.tensor(powers, device=ids_BT.device)).sum(1) & (2**62 - 1)
    return numbers_B.to(device)

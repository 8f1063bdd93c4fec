"""Spectrogram loss of the separation network.

Shape legend: B batch, N voices, K spectrogram frames, F frequency bins.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mmx import Batch, Losses, Outputs, PortError
from mmx_std import spectra


class SpectrumL2:
    """Squared distance of the estimated from the clean spectrograms, mean over voices, frames, bins and parts (eq. 1).

    Args:
        head: Name of the head with the estimates.
        voices: Name of the encoder of the clean voices.
        domain: Compare compressed spectrograms (the paper's), or expanded ones.
        negative: Weight of the distance from the other voices, which is maximised; 0 is the paper's.
        permute: Let every sample choose the order of the outputs (permutation-invariant training), for a model without
            faces.
        blind: Share of the samples whose faces are hidden while training. Without faces the order is not defined, so
            each chooses its order, as samples do that come without faces. 0 is the paper's.
        faces: Name of the face encoder.
        power: Exponent of the compression, for `domain=raw`.
        compress: Kind of compression, for `domain=raw`.
    """

    def __init__(
        self,
        head: str = "masks",
        voices: str = "voices",
        domain: Literal["compressed", "raw"] = "compressed",
        negative: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        permute: bool = False,
        blind: Annotated[float, Field(ge=0, le=1)] = 0.0,
        faces: str = "faces",
        power: Annotated[float, Field(gt=0, le=1)] = 0.3,
        compress: spectra.Compress = "cartesian",
    ) -> None:
        self.needs = (f"heads.{head}", f"encoded.{voices}")
        self.head, self.voices, self.domain = head, voices, domain
        self.negative, self.permute, self.power, self.compress = negative, permute, power, compress
        self.blind, self.faces = blind, faces

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with the faces of a share of its samples hidden: no frames, or embeddings of zeros."""
        if not self.blind:
            return batch
        present_B = torch.rand(batch.size, generator=generator) >= self.blind
        if self.faces in batch.present:
            present_B &= batch.present[self.faces].cpu()

        def hidden(tensor: Tensor) -> Tensor:
            there = present_B.to(tensor.device).reshape(-1, *[1] * (tensor.ndim - 1))
            return tensor * there

        changed = replace(batch, present={**batch.present, self.faces: present_B})
        if self.faces in batch.cached:
            changed.cached = {**batch.cached, self.faces: batch.cached[self.faces].map(hidden)}
        if self.faces in batch.inputs:
            changed.inputs = {**batch.inputs, self.faces: hidden(batch.inputs[self.faces])}
        return changed

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and its terms.

        Raises:
            PortError: The clean voices have another shape than the estimates.
        """
        guess_BNKF2: Tensor = outputs.heads[self.head]["spectra"]
        tokens = outputs.encoded[self.voices].tokens_BTD
        if tokens is None or tokens.numel() != guess_BNKF2.numel():
            raise PortError(
                f"the estimates are {tuple(guess_BNKF2.shape[1:])} per sample, the clean voices have another size: set "
                "faces, rate, window, hop and fft of corpus, encoders and head alike"
            )
        truth_BNKF2 = tokens.reshape(guess_BNKF2.shape)
        if self.domain == "raw":
            guess_BNKF2, truth_BNKF2 = (
                spectra.power_law(each, 1.0 / self.power, self.compress) for each in (guess_BNKF2, truth_BNKF2)
            )
        distance_BNN = pair_distances(guess_BNKF2, truth_BNKF2)
        own = self._own(distance_BNN, batch.present.get(self.faces)).mean()
        losses = {"loss": own, "distance": own}
        if self.negative:
            count = distance_BNN.shape[1]
            others = (distance_BNN.sum((1, 2)) - distance_BNN.diagonal(dim1=1, dim2=2).sum(1)) / max(
                1, count * (count - 1)
            )
            losses |= {"loss": own - self.negative * others.mean(), "others": others.mean()}
        return losses

    def _own(self, distance_BNN: Tensor, present_B: Tensor | None) -> Tensor:
        """Return each sample's distance from its own voices (B,)."""
        if self.permute:
            return permuted(distance_BNN)
        if present_B is None:
            return straight(distance_BNN)
        return torch.where(present_B.to(distance_BNN.device), straight(distance_BNN), permuted(distance_BNN))

    def chance(self, batch_size: int) -> float | None:
        """Return None: how far apart voices are depends on the corpus."""
        return None


def pair_distances(guess_BNX: Tensor, truth_BNX: Tensor) -> Tensor:
    """Return the mean squared distance of every estimate from every voice (B, N estimates, N voices)."""
    difference = guess_BNX.unsqueeze(2) - truth_BNX.unsqueeze(1)
    return difference.square().flatten(3).mean(3)


def straight(distance_BNN: Tensor) -> Tensor:
    """Return each sample's mean distance of estimate n from voice n (B,)."""
    return distance_BNN.diagonal(dim1=1, dim2=2).mean(1)


def permuted(distance_BNN: Tensor) -> Tensor:
    """Return each sample's mean distance in the order of estimates that is best for it (B,)."""
    count = distance_BNN.shape[1]
    orders = [
        torch.stack([distance_BNN[:, guess, truth] for truth, guess in enumerate(order)]).mean(0)
        for order in permutations(range(count))
    ]
    return torch.stack(orders).amin(0)

"""Classifiers of face and voice features: identity (the face network's last layer), and attributes.

Shape legend: B batch, D width of the face feature, K identities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, Batch, Features
from mmx_std import ports


class FaceClasses(nn.Module):
    """f_vgg: the last layer of the face network, fc7 to logits of identities.

    Logits are returned for every name of `reads` whose features are given.

    Args:
        dims: Widths by name (filled in).
        identities: K, the number of identities; 2622 at full scale.
        reads: Names of the features; the first one must be there, the others may.
        relu: Apply a ReLU first, as VGG-Face does between fc7 and fc8: right for features before their ReLU.
        weights: File with VGG-Face's weights, of which fc8 is used.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        identities: Annotated[int, Field(ge=2)] = 2622,
        reads: Annotated[Sequence[str], Field(min_length=1)] = ("face", "voice"),
        relu: bool = True,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.reads, self.relu, self.identities = [ports.short(name) for name in reads], relu, identities
        self.needs = (f"fused.{self.reads[0]}",)
        self.fc8 = nn.Linear(ports.width(dims, self.reads[0]), identities)
        if weights is not None:
            self._load(weights)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return logits (B, K) by name."""
        return {name: self.judge(fused[name].pooled_BD) for name in self.reads if name in fused}

    def judge(self, features_BD: Tensor) -> Tensor:
        """Return logits (B, K) of features."""
        logits_BK: Tensor = self.fc8(features_BD.relu() if self.relu else features_BD)
        return logits_BK

    def _load(self, weights: str) -> None:
        from mmx_speech2face.weights import vgg_face_tensors
        from mmx_std import weight_files

        tensors = vgg_face_tensors(weights)
        last = {name: tensor for name, tensor in tensors.items() if name.startswith("fc8.")}
        if not last:
            raise AssetError(f"weights {weights}: no fc8 in it, the layer that distillation compares")
        weight_files.load_exactly(self, last, weights)

"""Fusers of pooled features into one joint vector: sum, product, and modulation (FiLM).

As in `mmx_std.fusers.pooled` they keep every encoder's own features, take encoders in sorted order of their names, and
count what a sample lacks as missing. Shapes: B batch, M modalities, D width of the joint features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError, did_you_mean
from mmx_std.fusers.pooled import JOINT, presence, sorted_widths, vectors_of

__all__ = ["Film", "Product", "Sum"]

Width = Annotated[int, Field(gt=0)]
Activation = Literal["tanh", "relu", "none"]
_ACTIVATIONS: Mapping[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "none": nn.Identity}


class _Joint(nn.Module):
    """Base of fusers that add "joint" to the encoders' features."""

    def __init__(self, dims: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        self.dims = {**self.widths, JOINT: width}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)


class Sum(_Joint):
    """The sum of the projected features: joint = sum_m (W_m x_m + b_m); a missing modality adds nothing.

    Args:
        dims: Widths of the encoders by name.
        width: Width D of the joint features.
        activation: On the joint features.
    """

    def __init__(self, dims: Mapping[str, int], *, width: Width = 128, activation: Activation = "none") -> None:
        super().__init__(dims, width)
        self.projections = nn.ModuleDict({name: nn.Linear(size, width) for name, size in self.widths.items()})
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint"."""
        projected_BMD = _projected(self.projections, self.widths, features, batch)
        present_BM = presence(list(self.widths), features, batch)
        joint_BD = self.activation((projected_BMD * present_BM[..., None]).sum(dim=1))
        return {**features, JOINT: Features(joint_BD)}


class Product(_Joint):
    """The element-wise product of the projected features: joint = prod_m f(W_m x_m + b_m).

    With tanh it is the fusion of the visual question answering baseline (Antol et al., 2015, section 4: 1,024 wide). A
    missing modality is a factor of 1, so that the others pass; a sample without any has zeros.

    Args:
        dims: Widths of the encoders by name.
        width: Width D of the joint features.
        activation: f, on each factor.
        normalise: Encoders whose features are scaled to one length first (in the baseline: the image's).
        length: That length: 1 in the baseline; narrow features of length 1 leave tanh almost linear, and small.
        dropout: Share of the features before projection, and of the joint ones, dropped while training.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        width: Width = 128,
        activation: Activation = "tanh",
        normalise: Sequence[str] = (),
        length: Annotated[float, Field(gt=0)] = 1.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__(dims, width)
        for name in normalise:
            if name not in self.widths:
                raise PortError(f"normalise: no encoder {name!r}{did_you_mean(name, self.widths)}")
        self.lengths = dict.fromkeys(normalise, length)
        self.dropout = nn.Dropout(dropout)
        self.projections = nn.ModuleDict({name: nn.Linear(size, width) for name, size in self.widths.items()})
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint"."""
        projected_BMD = _projected(self.projections, self.widths, features, batch, self.lengths, self.dropout)
        present_BM = presence(list(self.widths), features, batch)
        factors_BMD = self.activation(projected_BMD).masked_fill(~present_BM[..., None], 1.0)
        joint_BD = factors_BMD.prod(dim=1) * present_BM.any(dim=1, keepdim=True)
        return {**features, JOINT: Features(self.dropout(joint_BD))}


class Film(_Joint):
    """Feature-wise linear modulation: joint = (1 + g(c)) * W x + h(c) (Perez et al., 2018, equations 1 and 2).

    x are the other encoders' features side by side, c those of `condition`; g and h are linear. Without c, W x passes
    as it is; without x, h(c) is left.

    Args:
        dims: Widths of the encoders by name, at least two.
        condition: Encoder that modulates.
        width: Width D of the joint features.
    """

    def __init__(self, dims: Mapping[str, int], *, condition: str, width: Width = 128) -> None:
        super().__init__(dims, width)
        if condition not in self.widths:
            raise PortError(f"condition: no encoder {condition!r}{did_you_mean(condition, self.widths)}")
        self.condition = condition
        self.others = [name for name in self.widths if name != condition]
        if not self.others:
            raise PortError(f"condition: there is no other encoder that {condition!r} could modulate")
        self.project = nn.Linear(sum(self.widths[name] for name in self.others), width)
        self.modulate = nn.Linear(self.widths[condition], 2 * width)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint"."""
        pooled = vectors_of(self.widths, features, batch)
        present_BM = presence(list(self.widths), features, batch)
        at = list(self.widths).index(self.condition)
        there_B1 = torch.cat([present_BM[:, :at], present_BM[:, at + 1 :]], dim=1).any(dim=1, keepdim=True)
        x_BD = self.project(torch.cat([pooled[name] for name in self.others], dim=1)) * there_B1
        gain_BD, shift_BD = (self.modulate(pooled[self.condition]) * present_BM[:, at, None]).chunk(2, dim=1)
        return {**features, JOINT: Features((1 + gain_BD) * x_BD + shift_BD)}


def _projected(
    projections: nn.ModuleDict,
    widths: Mapping[str, int],
    features: Mapping[str, Features],
    batch: Batch,
    lengths: Mapping[str, float] = {},
    dropout: nn.Module | None = None,
) -> Tensor:
    """Return the projected features of all modalities (B, M, D); those with a length are scaled to it."""
    pooled = vectors_of(widths, features, batch)
    scaled = {
        name: lengths[name] * nn.functional.normalize(x, dim=1) if name in lengths else x for name, x in pooled.items()
    }
    dropped = scaled if dropout is None else {name: dropout(x) for name, x in scaled.items()}
    return torch.stack([projections[name](dropped[name]) for name in widths], dim=1)

"""Fusers of pooled features: none, concatenation, gates, and projection to a common space.

All work with any number of encoders, taken in sorted order of their names. A field that a sample lacks
(`batch.present`), and an encoder that did not run at all, count as missing: their features are zero and they get no
weight. Shapes: B batch, T tokens, D width, M modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError, did_you_mean
from mmx_std.ops.layers import mlp

__all__ = [
    "JOINT",
    "Concat",
    "Gated",
    "NoFusion",
    "Project",
    "batch_normed",
    "presence",
    "sorted_widths",
    "vectors_of",
]

JOINT = "joint"
"""Name of the features that hold all modalities."""


class NoFusion(nn.Module):
    """The encoders' features as they are, by name.

    Args:
        dims: Widths of the encoders by name.
    """

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.dims = dict(dims)

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoder behind an output: the one of the same name."""
        return (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the features unchanged."""
        return dict(features)


class Concat(nn.Module):
    """Pooled features side by side as "joint"; every encoder's own features are kept.

    Args:
        dims: Widths of the encoders by name.
        width: Project the concatenation to this width; None leaves it as it is.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        width: Annotated[int | None, Field(gt=0)] = None,
    ) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        total = sum(self.widths.values())
        self.project = nn.Identity() if width is None else nn.Linear(total, width)
        self.dims = {**self.widths, JOINT: width or total}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint"."""
        pooled = vectors_of(self.widths, features, batch)
        joint_BD = self.project(torch.cat([pooled[name] for name in self.widths], dim=1))
        return {**features, JOINT: Features(joint_BD)}


class Gated(nn.Module):
    """Learned gates over projected features: joint = sum_m g_m * tanh(W_m x_m), with softmax gates over the modalities.

    In the manner of gated multimodal units (Arevalo et al., 2017), with a softmax in place of the sigmoid, so that any
    number of modalities share one unit of attention. The gates (B, M) or (B, M, D) are kept as layer `gates` of
    "joint"; every encoder's own features are kept.

    Args:
        dims: Widths of the encoders by name.
        width: Width D of the joint features, "joint".
        per: One gate per modality, or one per modality and feature.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        width: Annotated[int, Field(gt=0)] = 128,
        per: Literal["modality", "feature"] = "modality",
    ) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        self.projections = nn.ModuleDict({name: nn.Linear(size, width) for name, size in self.widths.items()})
        self.gate_width = width if per == "feature" else 1
        self.gate = nn.Linear(sum(self.widths.values()), len(self.widths) * self.gate_width)
        self.dims = {**self.widths, JOINT: width}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint"."""
        pooled = vectors_of(self.widths, features, batch)
        projected_BMD = torch.stack([self.projections[name](pooled[name]).tanh() for name in self.widths], dim=1)
        scores = self.gate(torch.cat([pooled[name] for name in self.widths], dim=1))
        scores_BMG = scores.reshape(-1, len(self.widths), self.gate_width)
        present_BM = presence(list(self.widths), features, batch)
        # A sample without any modality keeps all gates open over zero features: a constant, never a NaN.
        open_BM = present_BM | ~present_BM.any(dim=1, keepdim=True)
        gates_BMG = scores_BMG.masked_fill(~open_BM[..., None], -torch.inf).softmax(dim=1)
        joint_BD = (gates_BMG * projected_BMD).sum(dim=1)
        gates = gates_BMG.squeeze(2) if self.gate_width == 1 else gates_BMG
        return {**features, JOINT: Features(joint_BD, layers={"gates": gates})}


class Project(nn.Module):
    """Every encoder's features in one common space: a projection per name, no interaction (dual encoders).

    Args:
        dims: Widths of the encoders by name.
        width: Width of the common space.
        hidden: Width of one hidden layer with ReLU; None is a linear projection.
        batch_norm: Normalise each projected feature over the batch (present samples only).
        normalise: Scale each vector to length 1.
        tokens: Also project the tokens (B, T, D).
        layer_norm: Normalise each encoder's features before their projection, which then has no bias: the heads of
            ImageBind.
        dropout: Share of the features dropped before the projection while training, by name.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        width: Annotated[int, Field(gt=0)] = 128,
        hidden: Annotated[int | None, Field(gt=0)] = None,
        batch_norm: bool = False,
        normalise: bool = True,
        tokens: bool = False,
        layer_norm: bool = False,
        dropout: Mapping[str, Annotated[float, Field(ge=0, lt=1)]] = {},
    ) -> None:
        super().__init__()
        if unknown := sorted(set(dropout) - set(dims)):
            raise PortError(f"dropout: no features {unknown[0]!r}{did_you_mean(unknown[0], dims)}")
        self.projections = nn.ModuleDict()
        for name, size in sorted(dims.items()):
            layers = mlp(size, [] if hidden is None else [hidden], width, bias=not layer_norm)
            before = [nn.LayerNorm(size, eps=1e-6)] if layer_norm else []
            dropped = [nn.Dropout(dropout[name])] if name in dropout else []
            self.projections[name] = nn.Sequential(*before, *dropped, *layers)
        self.norms = nn.ModuleDict({name: nn.BatchNorm1d(width) for name in sorted(dims) if batch_norm})
        self.normalise = normalise
        self.tokens = tokens
        self.dims = dict.fromkeys(sorted(dims), width)

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoder behind an output: the one of the same name."""
        return (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return projected features by name; vectors of missing samples are zero."""
        return {name: self._one(name, features[name], batch.present.get(name)) for name in sorted(features)}

    def _one(self, name: str, features: Features, present_B: Tensor | None) -> Features:
        pooled_BD = self._vectors(name, features.pooled_BD, present_B)
        tokens_BTD = None
        if self.tokens and features.tokens_BTD is not None:
            mask_BT = features.mask_BT
            if present_B is not None:
                mask_BT = present_B[:, None] if mask_BT is None else mask_BT & present_B[:, None]
                mask_BT = mask_BT.expand(features.tokens_BTD.shape[:2])
            real_N = None if mask_BT is None else mask_BT.flatten()
            flat_ND = self._vectors(name, features.tokens_BTD.flatten(0, 1), real_N)
            tokens_BTD = flat_ND.reshape(*features.tokens_BTD.shape[:2], -1)
        return Features(pooled_BD, tokens_BTD, features.mask_BT if tokens_BTD is not None else None)

    def _vectors(self, name: str, x_ND: Tensor, real_N: Tensor | None) -> Tensor:
        y_ND: Tensor = self.projections[name](x_ND)
        if name in self.norms:
            y_ND = batch_normed(self.norms[name], y_ND, real_N)
        if self.normalise:
            y_ND = nn.functional.normalize(y_ND, dim=1)
        return y_ND if real_N is None else y_ND * real_N[:, None]


def presence(names: Sequence[str], features: Mapping[str, Features], batch: Batch) -> Tensor:
    """Return which modalities each sample has: bool (B, M) in the order of `names`.

    Raises:
        PortError: There are no features at all.
    """
    if not features:
        raise PortError("the fuser got no features: no encoder ran")
    like_BD = next(iter(features.values())).pooled_BD
    everyone = torch.ones(len(like_BD), dtype=torch.bool, device=like_BD.device)
    columns = [batch.present.get(name, everyone) if name in features else ~everyone for name in names]
    return torch.stack(columns, dim=1)


def vectors_of(widths: Mapping[str, int], features: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
    """Return pooled features (B, D) by name, zero where missing.

    Args:
        widths: Width by name, of all that are wanted.
        features: What the encoders gave; one that did not run counts as missing.
        batch: Says which samples lack a field.
    """
    present_BM = presence(list(widths), features, batch)
    like_BD = next(iter(features.values())).pooled_BD
    pooled = {}
    for index, (name, size) in enumerate(widths.items()):
        if name not in features:
            pooled[name] = like_BD.new_zeros(len(like_BD), size)
        elif name in batch.present:
            # where, not a product: whatever a missing input made of the encoder (even NaN) is gone.
            pooled[name] = torch.where(present_BM[:, index, None], features[name].pooled_BD, 0.0)
        else:
            pooled[name] = features[name].pooled_BD
    return pooled


def batch_normed(norm: nn.Module, x_ND: Tensor, real_N: Tensor | None) -> Tensor:
    """Batch-normalise the real rows only; fewer than two of them have no variance and use the running statistics."""
    rows_KD: Tensor = x_ND if real_N is None else x_ND[real_N]
    if norm.training and len(rows_KD) < 2:
        norm.eval()
        rows_KD = norm(rows_KD)
        norm.train()
    else:
        rows_KD = norm(rows_KD)
    if real_N is None:
        return rows_KD
    return torch.zeros_like(x_ND, dtype=rows_KD.dtype).index_put((real_N.nonzero().squeeze(1),), rows_KD)


def sorted_widths(dims: Mapping[str, int]) -> dict[str, int]:
    """Return the widths in sorted order of their names.

    Raises:
        PortError: There is none, or an encoder is called "joint".
    """
    if JOINT in dims:
        raise PortError(f"an encoder may not be named {JOINT!r} beside a fuser that makes joint features; rename it")
    if not dims:
        raise PortError("the fuser needs at least one encoder")
    return dict(sorted(dims.items()))

"""Heads over one named input: linear, MLP, attributes. Shapes: B batch, D width, O outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.ops.layers import mlp
from mmx_std.ops.ports import class_names, pick, qualify, width

__all__ = ["Attributes", "Linear", "Mlp"]

OutDim = Annotated[int | None, Field(gt=0)]


class Mlp(nn.Module):
    """Pooled features to logits or values through hidden layers with ReLU.

    Args:
        dims: Widths of the fused features by name.
        classes: The corpus's class names by target.
        reads: Features that are read: `fused.NAME`.
        target: Target whose number of classes is the output width.
        out_dim: Output width, where there is no such target. Exactly one of the two.
        hidden: Width of each hidden layer.
        dropout: Share of hidden units dropped while training.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        reads: str = "fused.joint",
        target: str | None = None,
        out_dim: OutDim = None,
        hidden: Annotated[Sequence[Annotated[int, Field(gt=0)]], Field(min_length=1)] = (256,),
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.reads = qualify(reads, "fused")
        self.needs = (self.reads,)
        self.layers = mlp(width(dims, self.reads), hidden, _outputs(classes, target, out_dim), dropout=dropout)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return predictions (B, O)."""
        predictions_BO: Tensor = self.layers(pick(fused, self.reads).pooled_BD)
        return predictions_BO


class Linear(Mlp):
    """Pooled features to logits or values with one linear layer.

    Args:
        dims: Widths of the fused features by name.
        classes: The corpus's class names by target.
        reads: Features that are read: `fused.NAME`.
        target: Target whose number of classes is the output width.
        out_dim: Output width, where there is no such target. Exactly one of the two.
        layer_norm: Normalise the features first, as AST's classifier does.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        reads: str = "fused.joint",
        target: str | None = None,
        out_dim: OutDim = None,
        layer_norm: bool = False,
    ) -> None:
        super().__init__(dims, classes, reads=reads, target=target, out_dim=out_dim, hidden=())
        if layer_norm:
            self.layers.insert(0, nn.LayerNorm(width(dims, self.reads)))


def _outputs(classes: Mapping[str, Sequence[str] | None], target: str | None, out_dim: int | None) -> int:
    if target is not None and out_dim is None:
        return len(class_names(classes, target))
    if out_dim is not None and target is None:
        return out_dim
    raise PortError("a head needs either `target` (its classes give the width) or `out_dim`, not both and not none")


class Attributes(nn.Module):
    """One linear classifier per attribute over the same features.

    Args:
        dims: Widths by name (filled in).
        classes: The corpus's class names by target (filled in).
        reads: Features that it reads, by name or port.
        targets: Attributes: targets with classes.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        reads: str = "fused.joint",
        targets: Annotated[Sequence[str], Field(min_length=1)] = ("label",),
    ) -> None:
        super().__init__()
        self.reads = qualify(reads, "fused")
        self.needs = (self.reads,)
        self.layers = nn.ModuleDict(
            {name: nn.Linear(width(dims, self.reads), len(class_names(classes, name))) for name in targets}
        )

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return logits by attribute."""
        return self.judge(pick(fused, self.reads).pooled_BD)

    def judge(self, features_BD: Tensor) -> dict[str, Tensor]:
        """Return logits by attribute of features."""
        return {name: layer(features_BD) for name, layer in self.layers.items()}

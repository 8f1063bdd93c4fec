"""Heads over one named input: linear, MLP, and a published classifier. Shapes: B batch, D width, O outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, Batch, Features, PortError
from mmx_std.ops.layers import mlp
from mmx_std.ops.ports import class_names, pick, qualify, width
from mmx_std.weights.ast import classifier_names, read_ast
from mmx_std.weights.weight_files import load_exactly

OutDim = Annotated[int | None, Field(gt=0)]


class Linear(nn.Module):
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
        super().__init__()
        self.reads = qualify(reads, "fused")
        self.needs = (self.reads,)
        size = width(dims, self.reads)
        self.norm = nn.LayerNorm(size) if layer_norm else nn.Identity()
        self.layer = nn.Linear(size, _outputs(classes, target, out_dim))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return predictions (B, O)."""
        predictions_BO: Tensor = self.layer(self.norm(pick(fused, self.reads).pooled_BD))
        return predictions_BO


class AudioTags(nn.Module):
    """The classifier of a published AST with the names of its classes: 527 of AudioSet, 35 of Speech Commands.

    Args:
        dims: Widths of the fused features by name.
        weights: Where the encoder's weights are from: transformers' folder or hub id, or a file.
        reads: Features that are read: `fused.NAME`.
        names: File with a name a line, in the order of the classes: for weights in a file, which tells no names.

    Raises:
        AssetError: The weights have no classifier, or one of another width; or there is another number of names.
    """

    def __init__(
        self, dims: Mapping[str, int], *, weights: str, reads: str = "fused.audio", names: str | None = None
    ) -> None:
        super().__init__()
        self.reads = qualify(reads, "fused")
        self.needs = (self.reads,)
        read_tensors, told = read_ast(weights)
        tensors = classifier_names(read_tensors)
        if "layer.weight" not in tensors:
            raise AssetError(f"weights {weights}: hold no classifier")
        count, size = tensors["layer.weight"].shape
        self.norm = nn.LayerNorm(size)
        self.layer = nn.Linear(size, count)
        if size != width(dims, self.reads):
            raise AssetError(f"weights {weights}: classify features of {size}, not of {width(dims, self.reads)}")
        load_exactly(self, tensors, weights)
        listed = list(told) if names is None else _lines(names)
        self.names = listed or [f"class {index}" for index in range(count)]
        if len(self.names) != count:
            raise AssetError(f"names {names}: {len(self.names)} for the {count} classes of {weights}")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return logits (B, O)."""
        logits_BO: Tensor = self.layer(self.norm(pick(fused, self.reads).pooled_BD))
        return logits_BO


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


def _lines(file: str) -> list[str]:
    try:
        return [line.strip() for line in Path(file).expanduser().read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"names {file}: cannot be read: {error}") from error


def _outputs(classes: Mapping[str, Sequence[str] | None], target: str | None, out_dim: int | None) -> int:
    if target is not None and out_dim is None:
        return len(class_names(classes, target))
    if out_dim is not None and target is None:
        return out_dim
    raise PortError("a head needs either `target` (its classes give the width) or `out_dim`, not both and not none")

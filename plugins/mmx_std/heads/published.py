"""Heads with published weights. Shapes: B batch, O outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mmx import AssetError, Batch, Features
from mmx_std.ops.ports import pick, qualify, width
from mmx_std.weights.ast import classifier_names, read_ast
from mmx_std.weights.weight_files import load_exactly


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


def _lines(file: str) -> list[str]:
    try:
        return [line.strip() for line in Path(file).expanduser().read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"names {file}: cannot be read: {error}") from error

"""Heads with published weights. Shapes: B batch, O outputs.

Heads of a release of BERT's relatives take their weights from the encoder of the text, which has read the release: its
attribute `released` is the release's tensors by our names, `source` the file (`mmx_std.bert_layout`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmx import AssetError, Batch, Features, PortError
from mmx_std.heads.linear import Linear
from mmx_std.heads.masked import MaskedWords
from mmx_std.heads.regions import MaskedRegions
from mmx_std.ops.ports import pick, qualify, width
from mmx_std.weights import bert_layout
from mmx_std.weights.ast import classifier_names, read_ast
from mmx_std.weights.weight_files import load_exactly

__all__ = ["AudioTags", "PublishedPairs", "PublishedRegions", "PublishedWords"]

_REGIONS = "heads.region_classes."


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


class PublishedWords(MaskedWords):
    """Names hidden words with the weights of the text's release, `heads.words.*`.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).

    Raises:
        PortError: Encoder `text` has read no release.
        AssetError: The release has no such head, or one of other sizes.
    """

    def __init__(self, dims: Mapping[str, int], *, built: Mapping[str, Any]) -> None:
        super().__init__(dims, built=built)
        tensors, source = _release(built)
        bert_layout.load_part(self, tensors, "heads.words.", source, ["table.weight"])


class PublishedRegions(MaskedRegions):
    """Names hidden regions with the weights of the text's release, `heads.region_classes.*`.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).

    Raises:
        PortError: Encoder `text` has read no release.
        AssetError: The release has no such head, or one of other sizes.
    """

    def __init__(self, dims: Mapping[str, int], *, built: Mapping[str, Any]) -> None:
        tensors, source = _release(built)
        if (bias := f"{_REGIONS}classes.bias") not in tensors:
            raise AssetError(f"{source}: has no head of regions ({bias})")
        super().__init__(dims, out_dim=len(tensors[bias]), norm=f"{_REGIONS}norm.weight" in tensors)
        bert_layout.load_part(self, tensors, _REGIONS, source)


class PublishedPairs(Linear):
    """Two logits, other and own, of a pair, with the weights of the text's release, `heads.aligned.*`.

    Args:
        dims: Widths by port (filled in).
        classes: The corpus's class names by target (filled in).
        built: Parts that are built already (filled in).

    Raises:
        PortError: Encoder `text` has read no release.
        AssetError: The release has no such head, or one of other sizes.
    """

    def __init__(
        self, dims: Mapping[str, int], classes: Mapping[str, Sequence[str] | None], *, built: Mapping[str, Any]
    ) -> None:
        super().__init__(dims, classes, out_dim=2)
        tensors, source = _release(built)
        bert_layout.load_part(self, tensors, "heads.aligned.", source)


def _release(built: Mapping[str, Any]) -> tuple[Mapping[str, Tensor], str]:
    """Return the tensors that encoder `text` has read, and where they are from."""
    text: Any = built.get("encoders.text")
    if not hasattr(text, "released"):
        raise PortError("encoders.text has read no release, from which this head takes its weights")
    return text.released, text.source


def _lines(file: str) -> list[str]:
    try:
        return [line.strip() for line in Path(file).expanduser().read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"names {file}: cannot be read: {error}") from error

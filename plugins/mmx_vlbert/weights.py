"""Released weights of VL-BERT (vl-bert-base-prec, vl-bert-large-prec), under the names of this model's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field
from torch import Tensor

from mmx import AssetError, Corpus
from mmx_std import bert_layout, single_stream, text_transformer, weight_files

__all__ = ["Released", "Tables", "own_names"]

_PARTS: Final = {
    "fuser.norm": "vlbert.embedding_LayerNorm",
    "fuser.text_norm": "vlbert.visual_ln_text",
    "fuser.region_norm": "vlbert.visual_ln_object",
    "fuser.to_text": "vlbert.visual_1x1_text",
    "fuser.to_region": "vlbert.visual_1x1_object",
    "fuser.pooler": "vlbert.pooler.dense",
    "encoders.regions.both": "image_feature_extractor.obj_downsample.1",
    "heads.words.dense": "vlbert.mlm_head.predictions.transform.dense",
    "heads.words.norm": "vlbert.mlm_head.predictions.transform.LayerNorm",
    "heads.region_classes.dense": "vlbert.mvrc_head.transform.dense",
    "heads.region_classes.classes": "vlbert.mvrc_head.region_cls_pred",
}
"""Module of ours -> that of the release; with a weight and a bias each."""
_TABLES: Final = {
    "vlbert.word_embeddings.weight": "encoders.text.token.weight",
    "vlbert.position_embeddings.weight": "encoders.text.position.weight",
    "vlbert.end_embedding.weight": "fuser.end.weight",
    "object_linguistic_embeddings.weight": "fuser.region.weight",
    "object_mask_word_embedding.weight": "fuser.hidden.weight",
    "aux_text_visual_embedding.weight": "fuser.absent.weight",
    "vlbert.mlm_head.predictions.bias": "heads.words.bias",
}
_TYPES: Final = "vlbert.token_type_embeddings.weight"
_MASK: Final = "object_mask_visual_embedding.weight"
_LAYERS: Final = "vlbert.encoder.layer"
_TIED: Final = "vlbert.mlm_head.predictions.decoder.weight"
"""The table of words once more."""


class Tables(text_transformer.TextTransformer):
    """The tables of words, positions and types A and B of a release, with BERT's tokenizer.

    Args:
        corpus: Not read: the tokenizer is BERT's.
        weights: File of the release, such as `vl-bert-base-prec.model`.
        tokenizer: Hub id or local folder of the tokenizer: `bert-base-uncased`, `bert-large-uncased`.
        tokens: Longest text in tokens.

    Raises:
        AssetError: The file is no release with precomputed features, or the tokenizer is not to be had.
    """

    released: Mapping[str, Tensor]
    source: str

    def __init__(
        self, corpus: Corpus | None, weights: str, *, tokenizer: str = "bert-base-uncased", tokens: int = 64
    ) -> None:
        named = own_names(weight_files.read_tensors(weights), weights)
        rows, width = named["encoders.text.token.weight"].shape
        super().__init__(
            None, width=width, depth=0, heads=1, norm="post", entry_norm=False, vocabulary=rows,
            tokens=len(named["encoders.text.position.weight"]),
        )  # fmt: skip
        bert_layout.load_text(self, named, weights, tokenizer, tokens)


class Released(single_stream.SingleStream):
    """The single stream with the weights of a release, which it also gives to the encoder of the regions.

    Args:
        dims: Widths of the encoders by name (filled in).
        built: Parts that are built already (filled in).
        image: Encoder of the regions: `std/regions`, `geometry: sin-cos`, `waves: 512`, `mask: true`.
        text: Encoder of the text: `vlbert/tables`.
        heads: Attention heads (12, or 16 of the large model).
        dropout: Of the embeddings and all layers.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        image: str = "regions",
        text: str = "text",
        heads: Annotated[int, Field(gt=0)] = 12,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        found: Tables = built[f"encoders.{text}"]
        wide = [tensor for name, tensor in found.released.items() if name.endswith("feedforward.wide.bias")]
        super().__init__(
            dims,
            built=built,
            image=image,
            text=text,
            layers=len(wide),
            heads=heads,
            hidden=len(wide[0]),
            pooler="fuser.pooler.weight" in found.released,
            dropout=dropout,
        )
        bert_layout.load_part(self, found.released, "fuser.", found.source, ["place.weight", "tagged_K"])
        bert_layout.load_part(built[f"encoders.{image}"], found.released, "encoders.regions.", found.source)


def own_names(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return a release's tensors under this model's names: `encoders.text.token.weight`, `fuser.norm.bias`, ...

    Args:
        tensors: Of the release, whose names may begin with `module.`.
        source: Where they came from, for the message.

    Raises:
        AssetError: A tensor is not of VL-BERT, or belongs to the network that releases for raw images have.
    """
    given = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    given.pop(_TIED, None)
    found = {own: given.pop(name) for name, own in _TABLES.items() if name in given}
    found |= bert_layout.take_modules(given, _PARTS)
    if _TYPES in given:
        types_3W = given.pop(_TYPES)
        found |= {"encoders.text.segment.weight": types_3W[:2], "fuser.kind.weight": types_3W[2:]}
    if _MASK in given:
        found["encoders.regions.mask"] = given.pop(_MASK)[0]
    own = [f"fuser.encoder.layers.{number}" for number in range(bert_layout.count_layers(given, _LAYERS))]
    found |= bert_layout.take_layers(given, _LAYERS, own)
    if given or "encoders.text.token.weight" not in found:
        left = ", ".join(sorted(given)[:3]) or "no table of words"
        raise AssetError(f"{source}: no VL-BERT for precomputed features (vl-bert-base-prec.model): {left}")
    return found

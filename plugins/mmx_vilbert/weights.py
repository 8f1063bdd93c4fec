"""Released weights of ViLBERT (pretrained_model.bin, 6-connect base), under the names of this model's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field
from torch import Tensor

from mmx import AssetError, Corpus
from mmx_std import bert_layout, co_attention, text_transformer, weight_files

__all__ = ["Released", "Text", "own_names"]

_PARTS: Final = {
    "encoders.text.token": "bert.embeddings.word_embeddings",
    "encoders.text.position": "bert.embeddings.position_embeddings",
    "encoders.text.segment": "bert.embeddings.token_type_embeddings",
    "encoders.text.entry": "bert.embeddings.LayerNorm",
    "encoders.regions.features": "bert.v_embeddings.image_embeddings",
    "encoders.regions.place": "bert.v_embeddings.image_location_embeddings",
    "encoders.regions.norm": "bert.v_embeddings.LayerNorm",
    "fuser.poolers.text": "bert.t_pooler.dense",
    "fuser.poolers.regions": "bert.v_pooler.dense",
    "heads.words.dense": "cls.predictions.transform.dense",
    "heads.words.norm": "cls.predictions.transform.LayerNorm",
    "heads.region_classes.dense": "cls.imagePredictions.transform.dense",
    "heads.region_classes.norm": "cls.imagePredictions.transform.LayerNorm",
    "heads.region_classes.classes": "cls.imagePredictions.decoder",
    "heads.aligned.layers.0": "cls.bi_seq_relationship",
}
"""Module of ours -> that of the release."""
_SIDES: Final = (("1", "v"), ("2", "t"))
"""How a connection of the release numbers and names its sides: the image, then the text."""
_TEXTS: Final = "bert.encoder.layer"
_IMAGES: Final = "bert.encoder.v_layer"
_CONNECTIONS: Final = "bert.encoder.c_layer"
_UNUSED: Final = ("biOutput.q_dense1.", "biOutput.q_dense2.")
"""Modules of each connection that the public code makes and never runs."""


class Text(text_transformer.TextTransformer):
    """The text's tables and the layers before the first connection of a release, with BERT's tokenizer.

    Args:
        corpus: Not read: the tokenizer is BERT's.
        weights: File of the release, `pretrained_model.bin`.
        tokenizer: Hub id or local folder of the tokenizer.
        heads: Attention heads.
        tokens: Longest text in tokens.

    Raises:
        AssetError: The file is no such release, or the tokenizer is not to be had.
    """

    released: Mapping[str, Tensor]
    source: str

    def __init__(
        self,
        corpus: Corpus | None,
        weights: str,
        *,
        tokenizer: str = "bert-base-uncased",
        heads: Annotated[int, Field(gt=0)] = 12,
        tokens: Annotated[int, Field(ge=3)] = 36,
    ) -> None:
        named = own_names(weight_files.read_tensors(weights), weights)
        rows, width = named["encoders.text.token.weight"].shape
        depth = bert_layout.count_layers(named, "encoders.text.blocks", "linear1.bias")
        super().__init__(
            None, width=width, depth=depth, heads=heads, norm="post", epsilon=1e-12, vocabulary=rows,
            hidden=len(named["encoders.text.blocks.0.linear1.bias"]) if depth else None,
            tokens=len(named["encoders.text.position.weight"]),
        )  # fmt: skip
        bert_layout.load_text(self, named, weights, tokenizer, tokens)


class Released(co_attention.CoAttention):
    """Connections and the layers after them of a release, which also gives the encoder of the regions its weights.

    Args:
        dims: Widths of the encoders by name (filled in).
        built: Parts that are built already (filled in): `regions` is `std/regions`, `text` is `vilbert/text`.
        heads: Attention heads of the text.
        image_heads: Attention heads of the image, and of connections.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        heads: Annotated[int, Field(gt=0)] = 12,
        image_heads: Annotated[int, Field(gt=0)] = 8,
    ) -> None:
        found: Text = built["encoders.text"]
        super().__init__(
            dims,
            text="text",
            before=0,
            connections=bert_layout.count_layers(found.released, "fuser.connections", "inputs.0.bias"),
            heads=heads,
            image_heads=image_heads,
            common=len(found.released["fuser.connections.0.inputs.0.bias"]) // 3,
            joint=len(found.released["fuser.poolers.text.bias"]),
        )
        bert_layout.load_part(self, found.released, "fuser.", found.source)
        bert_layout.load_part(built["encoders.regions"], found.released, "encoders.regions.", found.source)


def own_names(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return a release's tensors under this model's names: `encoders.text.token.weight`, `fuser.texts.0...`.

    As many layers of the text as there are connections come after them, the others before.

    Args:
        tensors: Of the release, whose names may begin with `module.`.
        source: Where they came from, for the message.

    Raises:
        AssetError: A tensor is not of ViLBERT's pre-training, or one is missing.
    """
    given = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    given = {name: tensor for name, tensor in given.items() if not any(part in name for part in _UNUSED)}
    given.pop("cls.predictions.decoder.weight", None)  # the table of words once more
    found = bert_layout.take_modules(given, _PARTS)
    for kind in ("weight", "bias"):
        if (name := f"heads.aligned.layers.0.{kind}") in found:
            found[name] = found[name].flip(0)  # the release's first class is an own pair, our second
    if "cls.predictions.bias" in given:
        found["heads.words.bias"] = given.pop("cls.predictions.bias")
    texts, images = (bert_layout.count_layers(given, place) for place in (_TEXTS, _IMAGES))
    own = [f"encoders.text.blocks.{number}" for number in range(texts - images)]
    try:
        found |= bert_layout.take_layers(given, _TEXTS, own, block=True)
        own = [f"fuser.texts.{number}" for number in range(images)]
        found |= bert_layout.take_layers(given, _TEXTS, own, first=texts - images)
        found |= bert_layout.take_layers(given, _IMAGES, [f"fuser.images.{number}" for number in range(images)])
        for number in range(images):
            found |= _connection(given, f"{_CONNECTIONS}.{number}", f"fuser.connections.{number}")
    except KeyError as error:
        raise AssetError(f"{source}: no ViLBERT in its pre-training (pretrained_model.bin): no {error}") from error
    if given or "encoders.text.token.weight" not in found:
        left = ", ".join(sorted(given)[:3]) or "no table of words"
        raise AssetError(f"{source}: no ViLBERT in its pre-training (pretrained_model.bin): {left}")
    return found


def _connection(given: dict[str, Tensor], place: str, own: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for side, (number, letter) in enumerate(_SIDES):
        parts = [f"{part}{number}" for part in ("query", "key", "value")]
        found |= bert_layout.take_attention(given, f"{place}.biattention", f"{own}.inputs.{side}.{{}}", parts)
        names = {
            f"{own}.outputs.{side}": f"{place}.biOutput.dense{number}",
            f"{own}.norms.{side}": f"{place}.biOutput.LayerNorm{number}",
            f"{own}.feedforwards.{side}.wide": f"{place}.{letter}_intermediate.dense",
            f"{own}.feedforwards.{side}.output": f"{place}.{letter}_output.dense",
            f"{own}.feedforwards.{side}.norm": f"{place}.{letter}_output.LayerNorm",
        }
        found |= bert_layout.take_modules(given, names)
    return found

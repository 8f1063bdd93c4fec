"""Releases of BERT and its relatives: their tensors under the names of our parts, and their tokenizers.

Each function takes what it renames out of the release, so that what is left at the end has no place here.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from torch import Tensor, cat, nn

from mmx import AssetError
from mmx_std.encoders.text import tokenizers
from mmx_std.weights import weight_files

__all__ = [
    "LAYER",
    "count_layers",
    "load_part",
    "load_text",
    "serialized",
    "take_attention",
    "take_layers",
    "take_modules",
]

KINDS: Final = ("weight", "bias")
LAYER: Final = {
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feedforward.wide": "intermediate.dense",
    "feedforward.output": "output.dense",
    "feedforward.norm": "output.LayerNorm",
}
"""Module of a layer of ours -> module of a layer of the release."""
_BLOCK: Final = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
"""The same for a block of torch's."""


def take_modules(given: MutableMapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Take the weights and biases that are there of some modules.

    Args:
        given: The release's tensors; those that are returned are removed.
        names: Module of ours -> module of the release.
    """
    return {
        f"{own}.{kind}": given.pop(f"{theirs}.{kind}")
        for own, theirs in names.items()
        for kind in KINDS
        if f"{theirs}.{kind}" in given
    }


def take_attention(
    given: MutableMapping[str, Tensor], place: str, own: str, parts: Sequence[str] = ("query", "key", "value")
) -> dict[str, Tensor]:
    """Take the three projections of an attention as one.

    Args:
        given: The release's tensors; those that are returned are removed.
        place: Module of the release that has them.
        own: Our projection, the kind in braces: `attention.inputs.{}`, or torch's `self_attn.in_proj_{}`.
        parts: Their names there.

    Raises:
        KeyError: One of them is not there.
    """
    return {own.format(kind): cat([given.pop(f"{place}.{part}.{kind}") for part in parts]) for kind in KINDS}


def take_layers(
    given: MutableMapping[str, Tensor], place: str, own: Sequence[str], *, first: int = 0, block: bool = False
) -> dict[str, Tensor]:
    """Take layers of BERT, in order.

    Args:
        given: The release's tensors; those that are returned are removed.
        place: Module of the release that holds the layers by number.
        own: Our layers.
        first: Number of the release's layer that is our first.
        block: Whether ours are torch's blocks (`std/text-transformer`), or those of `mmx_std.transformer`.

    Raises:
        KeyError: A layer, or a part of it, is not there.
    """
    found: dict[str, Tensor] = {}
    inputs = "self_attn.in_proj_{}" if block else "attention.inputs.{}"
    for number, layer in enumerate(own, first):
        theirs = f"{place}.{number}"
        found |= take_attention(given, f"{theirs}.attention.self", f"{layer}.{inputs}")
        names = (_BLOCK if block else LAYER).items()
        found |= take_modules(given, {f"{layer}.{part}": f"{theirs}.{module}" for part, module in names})
    return found


def count_layers(tensors: Mapping[str, Tensor], place: str, last: str = "intermediate.dense.bias") -> int:
    """Return how many numbered modules at a place have a tensor of that name.

    Args:
        tensors: By our names, or the release's.
        place: Module that holds the numbered ones.
        last: End of the name of a tensor that each of them has once.
    """
    return sum(name.startswith(f"{place}.") and name.endswith(f".{last}") for name in tensors)


def load_part(
    part: nn.Module, given: Mapping[str, Tensor], prefix: str, source: str, optional: Sequence[str] = ()
) -> None:
    """Load the tensors below a prefix into a part; a tokenizer keeps what it has.

    Args:
        part: What receives them.
        given: Tensors by our names, those of other parts among them.
        prefix: Of this part's names.
        source: Where they came from, for the message.
        optional: Names of the part that may keep their values.

    Raises:
        AssetError: Something is missing, left over or of another shape.
    """
    kept = [name for name in part.state_dict() if name.startswith("tokenizer.")]
    own = {name.removeprefix(prefix): tensor for name, tensor in given.items() if name.startswith(prefix)}
    weight_files.load_exactly(part, own, source, optional=[*optional, *kept])


def load_text(part: Any, given: Mapping[str, Tensor], source: str, tokenizer: str, limit: int) -> None:
    """Give a `std/text-transformer` its tables, layers and tokenizer of a release, and keep the tensors on it.

    Its attributes `released` and `source` are then what the other parts take theirs from.

    Args:
        part: The encoder.
        given: Tensors by our names; the text's are those below `encoders.text.`.
        source: Where they came from.
        tokenizer: Hub id or local folder of the tokenizer.
        limit: Longest text in tokens.

    Raises:
        AssetError: A tensor is missing, left over or of another shape, or the tokenizer is not to be had.
    """
    part.released, part.source = given, source
    load_part(part, given, "encoders.text.", source)
    part.tokenizer = tokenizers.TextTokenizer(serialized(tokenizer), limit=limit)
    part.separator = int(part.tokenizer.id_of("[SEP]") or part.separator)


def serialized(tokenizer: str) -> str:
    """Return the JSON of a published tokenizer; no code of its repository is run.

    Args:
        tokenizer: Hub id or local folder.

    Raises:
        AssetError: It is neither.
    """
    from transformers import AutoTokenizer

    try:
        return str(AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False).backend_tokenizer.to_str())
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"tokenizer {tokenizer!r} is neither a local folder nor to be had from the hub ({type(error).__name__}); "
            "give tokenizer=FOLDER with tokenizer.json"
        ) from error

"""Prompts of phrases as tokens that know their phrase. Shapes: B batch, T tokens, D width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmx import DataError, Encoder, Features, PortError
from mmx_std.ops.grounding import phrases

__all__ = ["Phrases", "numbered"]


class Phrases(nn.Module):
    """A text encoder over a prompt "a red square. a blue circle.", which tells the phrase of each token.

    Features are those of `text` with `layers["phrases"]`, int64 (B, T): the number of a token's phrase from 0, -1 for
    full stops, special tokens and padding.

    Args:
        text: Text encoder with a tokenizer to which a full stop is a token of its own: `std/text-transformer`, or
            `std/transformers` with BERT.

    Raises:
        PortError: `text` has no such tokenizer.
    """

    modality = "text"

    def __init__(self, text: Encoder) -> None:
        super().__init__()
        if not hasattr(text, "tokenizer") or text.modality != "text":
            raise PortError("text: std/phrases needs a text encoder with a tokenizer, e.g. std/text-transformer")
        self.text: Any = text
        self.out_dim = text.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Turn a prompt into its ids and, beside each, the number of its phrase from 1, 0 for none: int64 (T, 2).

        Raises:
            DataError: The prompt is no text, has no phrase, or is too long for the encoder.
        """
        if not isinstance(raw, str):
            raise DataError(f"a prompt is a text of phrases with full stops between them, not {type(raw).__name__}")
        listed = phrases.split(raw)
        if not listed:
            raise DataError('the prompt has no phrase; write e.g. "a red square. a blue circle."')
        return numbered(self.text.tokenizer.encode, listed)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids with their phrases (B, T, 2)."""
        found: Features = self.text(x[..., 0], mask_BT)
        return Features(found.pooled_BD, found.tokens_BTD, found.mask_BT, {**found.layers, "phrases": x[..., 1] - 1})


def numbered(encode: Any, listed: Sequence[str]) -> Tensor:
    """Return the ids of a prompt, and beside each the number of its phrase from 1, 0 for none: int64 (T, 2).

    Args:
        encode: Text to ids with one special token before and one after it, at most so many.
        listed: The phrases.

    Raises:
        DataError: Not all of them fit.
    """
    (stop,) = encode(".")[1:-1].tolist()
    ids_T = encode(phrases.joined(listed))
    stops_T = ids_T == stop
    number_T = stops_T.cumsum(0) - stops_T.long() + 1
    number_T[stops_T] = 0
    number_T[0] = number_T[-1] = 0
    if int(stops_T.sum()) < len(listed):
        raise DataError(f"the prompt is too long: {int(stops_T.sum())} of its {len(listed)} phrases fit; ask for fewer")
    return torch.stack([ids_T, number_T], 1)

"""Text encoder in two levels: vectors of sentences, and a recurrence over them.

Shapes: B texts, S sentences of a text, W tokens of a sentence, N sentences of all texts, D width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Encoder, Features, PortError
from mmx_std.encoders.text.tokenizers import PAD
from mmx_std.ops.masking import silence

Positive = Annotated[int, Field(ge=1)]
_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text: they end with a line, or with a full stop, ! or ? before a space."""
    return [each.strip() for each in _END.split(text) if each.strip()]


class BySentence(nn.Module):
    """A GRU or LSTM over the sentences of a text, whose vectors another encoder gives; tokens are its states.

    Args:
        sentences: Encoder of one sentence: it makes ids of a text, of which 0 is padding, and one vector of them.
        cell: Kind of recurrence.
        width: Width of the state.
        most: Most sentences of a text; the rest is cut off.
        words: Longest sentence in tokens; the rest is cut off.

    Raises:
        PortError: `sentences` encodes no text.
    """

    modality = "text"

    def __init__(
        self,
        sentences: Encoder,
        *,
        cell: Literal["gru", "lstm"] = "lstm",
        width: Positive = 128,
        most: Positive = 20,
        words: Positive = 24,
    ) -> None:
        super().__init__()
        if sentences.modality != "text":
            raise PortError(f"sentences: an encoder of text is needed, not of {sentences.modality}")
        self.sentences = sentences
        self.rnn = (nn.GRU if cell == "gru" else nn.LSTM)(sentences.out_dim, width, batch_first=True)
        self.most, self.words = most, words
        self.out_dim = width

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into the ids of its sentences, int64 (S, W); an empty text is one sentence of padding."""
        found: Sequence[str] = split_sentences(str(raw))[: self.most]
        ids_SW = torch.full((max(1, len(found)), self.words), PAD)
        for row, sentence in enumerate(found):
            ids_W = self.sentences.prepare(sentence)[: self.words]
            ids_SW[row, : len(ids_W)] = ids_W
        return ids_SW

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, S, W); padding is never read, neither words (id 0) nor sentences (the mask)."""
        ids_NW = x.flatten(0, 1)
        vectors_ND = self.sentences(ids_NW, ids_NW != PAD).pooled_BD
        real_BS = torch.ones_like(x[..., 0], dtype=torch.bool) if mask_BT is None else mask_BT
        lengths_B = real_BS.sum(1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            vectors_ND.reshape(*x.shape[:2], -1), lengths_B, batch_first=True, enforce_sorted=False
        )
        states, final = self.rnn(packed)
        states_BSD, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
        last_BD = (final[0] if isinstance(final, tuple) else final)[-1]
        return Features(last_BD, silence(states_BSD, mask_BT), mask_BT)

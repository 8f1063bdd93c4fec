"""Fine-tuning on captions of moments (section 3.4, captioning).

Shape legend: B videos, K captions of a video, L tokens, N words, R numbers of a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Losses, Outputs
from mmx_hero.model import rows
from mmx_hero.model.heads import head_outputs
from mmx_hero.model.vocabulary import tokens_of
from mmx_std import masking, tokenizers


class Captioning(nn.Module):
    """Cross-entropy of the next word with smoothed labels, over captions of moments.

    Args:
        head: Head with a decoder.
        captions: Encoder of the captions.
        most: Captions that are drawn per video and step.
        smoothing: Label smoothing: share of the target spread over all words.
        end: Token after the last word.
        built: Parts that are built already (filled in).
        vocabulary: Number of tokens, for the chance level; by default that of the encoder of the captions.
    """

    def __init__(
        self,
        head: str = "words",
        captions: str = "captions",
        *,
        built: Mapping[str, Any],
        most: Annotated[int, Field(ge=1)] = 2,
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        end: Annotated[int, Field(ge=0)] = tokenizers.SEP,
        vocabulary: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        super().__init__()
        self.needs = (f"heads.{head}", f"encoded.{captions}")
        self.head, self.captions, self.most = head, captions, most
        self.smoothing, self.end = smoothing, end
        self.vocabulary = tokens_of(built, f"encoders.{captions}", vocabulary)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Draw some captions of each video."""
        rows_BSR = rows.rows_of(batch, self.captions)
        real_BS = rows_BSR[..., rows.COUNT] > 0
        order_BK = (
            masking.drawn(real_BS.shape, generator, real_BS).masked_fill(~real_BS, 2.0).argsort(1)[:, : self.most]
        )
        picked_BKR = rows_BSR.gather(1, order_BK[..., None].expand(-1, -1, rows_BSR.shape[-1]))
        length = rows.TOKENS + max(1, int(picked_BKR[..., rows.COUNT].max()))
        return rows.with_rows(batch, self.captions, picked_BKR[..., :length])

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss per word, and the accuracy."""
        logits_BKLV = head_outputs(outputs, self.head, "captions")["captions"]
        rows_BKR: Any = outputs.encoded[self.captions].tokens_BTD
        target_BKL = following(rows_BKR, self.end)
        counted_BKL = target_BKL >= 0
        logits_NV, target_N = logits_BKLV[counted_BKL], target_BKL[counted_BKL]
        count = max(1, len(target_N))
        loss = functional.cross_entropy(logits_NV, target_N, label_smoothing=self.smoothing, reduction="sum") / count
        return {"loss": loss, "right": (logits_NV.argmax(-1) == target_N).sum() / count}

    def chance(self, batch_size: int) -> float:
        """Return ln of the number of tokens."""
        return math.log(self.vocabulary)


def following(rows_BKR: Tensor, end: int) -> Tensor:
    """Return the word after each word (B, K, L): the next one, `end` after the last, -1 after that."""
    ids_BKL, real_BKL = rows.ids(rows_BKR), rows.token_mask(rows_BKR)
    next_BKL = functional.pad(ids_BKL[..., 1:], (0, 1))
    there_BKL = functional.pad(real_BKL[..., 1:], (0, 1))
    return torch.where(there_BKL, next_BKL, torch.where(real_BKL, end, -1))

"""Word prediction: masked tokens of subtitles, and captions of moments by an autoregressive decoder.

Shape legend: B videos, T frames, K sentences of a video, L tokens, N tokens or sentences, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, PortError
from mmx_hero.model import rows
from mmx_hero.model.heads import frames_of
from mmx_hero.model.vocabulary import tokens_of
from mmx_hero.weights import load
from mmx_std import ports, transformer


class Words(nn.Module):
    """Prediction of masked tokens; with a decoder also of captions, which share the word table and these weights.

    Output: `masked`, logits (N, vocabulary) of the N tokens that an objective hides (of all tokens, where none does);
    with a decoder and captions, `captions` (B, K, L, vocabulary): the next word after each.

    Args:
        dims: Widths by port (filled in).
        reads: Contextual tokens.
        built: Parts that are built already (filled in).
        vocabulary: Rows of the word table; by default those of the fuser.
        captions: Encoder of the captions; null for a head without a decoder.
        clips: Contextual frames, which the decoder attends to.
        layers: Layers of the decoder.
        heads: Its attention heads.
        positions: Longest caption in tokens.
        dropout: In the decoder.
        period: Seconds from frame to frame.
        weights: File to start from: released weights, or those of a run.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        reads: str = "fused.words",
        *,
        built: Mapping[str, Any],
        vocabulary: Annotated[int, Field(ge=1)] | None = None,
        captions: str | None = None,
        clips: str = "fused.clips",
        layers: Annotated[int, Field(ge=1)] = 2,
        heads: Annotated[int, Field(ge=1)] = 12,
        positions: Annotated[int, Field(ge=1)] = 514,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        period: Annotated[float, Field(gt=0)] = 1.5,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.reads, self.clips, self.captions, self.period = reads, clips, captions, period
        self.needs: tuple[str, ...] = (reads,) if captions is None else (reads, clips, f"encoded.{captions}")
        inner = ports.width(dims, reads)
        self.dense = nn.Linear(inner, inner)
        self.norm = nn.LayerNorm(inner, eps=1e-5)
        self.bias = nn.Parameter(torch.zeros(tokens_of(built, "fuser", vocabulary)))
        if captions is not None:
            self.decoder = transformer.Decoder(layers, inner, heads, positions, dropout)
        transformer.initialise(self)
        if weights is not None:
            load(self, weights, "words")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Mapping[str, Tensor]:
        """Predict the masked tokens, and the captions' next words."""
        words = ports.pick(fused, self.reads)
        tokens_BLW: Any = words.tokens_BTD
        labels = rows.view_of(batch).labels_BSL
        hidden_NW = tokens_BLW if labels is None else tokens_BLW[labels.flatten(1) >= 0]
        found = {"masked": self.logits(hidden_NW, words.layers["table"])}
        if self.captions is not None and labels is None:
            found["captions"] = self.next_logits(fused, frames_of(fused, f"encoded.{self.captions}"))
        return found

    def logits(self, x: Tensor, table: Tensor) -> Tensor:
        """Return logits (..., vocabulary) over the word table."""
        return functional.linear(self.norm(functional.gelu(self.dense(x))), table, self.bias)

    def next_logits(self, fused: Mapping[str, Features], rows_BKR: Tensor) -> Tensor:
        """Return logits (B, K, L, vocabulary) of the word after each word of sentences about their moments.

        Raises:
            PortError: The head has no decoder.
        """
        if self.captions is None:
            raise PortError("this head writes no captions: set heads.words.captions=captions")
        clips_BTW, table = frames_of(fused, self.clips), ports.pick(fused, self.reads).layers["table"]
        mask_BT: Any = ports.pick(fused, self.clips).mask_BT
        count = rows_BKR.shape[1]
        moment_BKT = moments(rows_BKR, clips_BTW.shape[1], self.period) & mask_BT[:, None]
        clips_NTW = clips_BTW.repeat_interleave(count, 0)
        ids_NL = rows.ids(rows_BKR).flatten(0, 1)
        # A moment outside the video has no frame: attention then goes to all frames and stays finite.
        moment_NT = moment_BKT.flatten(0, 1)
        moment_NT = moment_NT | ~moment_NT.any(1, keepdim=True)
        states_NLW = self.decoder(functional.embedding(ids_NL, table), clips_NTW, moment_NT)
        return transformer.parted(self.logits(states_NLW, table), 0, -1, count)

    @torch.no_grad()
    def generate(
        self, fused: Mapping[str, Features], spans_BK2: Tensor, *, start: int, end: int, tokens: int
    ) -> Tensor:
        """Return tokens (B, K, L) of captions by greedy decoding; -1 after the end.

        Args:
            fused: Outputs of the fuser.
            spans_BK2: Moments in seconds.
            start: Token that captions begin with.
            end: Token that ends a caption.
            tokens: Longest caption.
        """
        batch, count = spans_BK2.shape[:2]
        rows_BKR = torch.zeros(batch, count, rows.TOKENS + 1, device=spans_BK2.device)
        rows_BKR[..., : rows.COUNT], rows_BKR[..., rows.TOKENS] = spans_BK2, start
        over_BK = torch.zeros(batch, count, dtype=torch.bool, device=spans_BK2.device)
        generated: list[Tensor] = []
        for _ in range(tokens):
            word_BK = self.next_logits(fused, rows_BKR)[:, :, -1].argmax(-1)
            over_BK = over_BK | (word_BK == end)
            generated.append(torch.where(over_BK, -1, word_BK))
            if bool(over_BK.all()):
                break
            rows_BKR = torch.cat([rows_BKR, word_BK[..., None].float()], -1)
        return torch.stack(generated, -1)


def moments(rows_BKR: Tensor, frames: int, period: float) -> Tensor:
    """Return the frames of each row's moment (B, K, T)."""
    span_BK2 = rows.frame_span(rows_BKR[..., : rows.COUNT], period, frames)
    places_T = torch.arange(frames, device=rows_BKR.device)
    return (places_T >= span_BK2[..., :1]) & (places_T <= span_BK2[..., 1:])

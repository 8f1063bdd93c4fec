"""Hierarchical fuser: a cross-modal transformer per subtitle, then a temporal transformer over all frames.

Shape legend: B videos, T frames, S subtitles, F frames of a subtitle, L tokens, W width, V width of frame features,
K queries of a video, C candidate answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, LazyFields, PortError
from mmx_hero.model import rows
from mmx_hero.model.alignment import Align, assign, collect, groups
from mmx_hero.model.embeddings import FrameEmbedding, QueryEncoder, TextEmbedding, masked
from mmx_hero.model.vocabulary import tokens_of
from mmx_hero.weights import load
from mmx_std import masking, transformer

Positive = Annotated[int, Field(ge=1)]
Uses = Literal["both", "video", "subtitles"]


class Hierarchical(nn.Module):
    """Fusion of frames, subtitles, queries and candidate answers (section 3).

    A subtitle and its frames go through the cross-modal transformer together; frames without a subtitle skip it. All
    frames, in order, then go through the temporal transformer. Queries go through the cross-modal transformer alone,
    then through the query encoder.

    Outputs: `clips`, contextual frames (B, T, W); `words`, contextual tokens (B, S * L, W), with the word table under
    `layers["table"]`; `query`, one vector per query (B, K, W), where there are queries; `answers`, frames
    encoded with each candidate (B, C * T, W), and `candidates`, one vector per candidate, encoded as queries (B, C, W),
    where there are questions. Each is computed on first access.

    Args:
        dims: Widths of the encoders (filled in).
        frames: Encoder of the frames' features.
        subtitles: Encoder of the subtitles' tokens.
        queries: Encoder of the queries' tokens.
        questions: Encoder of questions with candidate answers.
        width: W.
        layers: Layers of the cross-modal transformer.
        temporal_layers: Layers of the temporal transformer.
        heads: Attention heads.
        hidden: Width of the feed-forward parts.
        dropout: Dropout of all parts.
        built: Parts that are built already (filled in).
        vocabulary: Rows of the word table; by default as many as the subtitles have different tokens.
        positions: Rows of the position tables of words and of the temporal transformer.
        frame_positions: Rows of the position table of frames within a subtitle.
        period: Seconds from frame to frame.
        group: Frames that share an empty subtitle in a video without any.
        separator: Token of that empty subtitle.
        align: How frames are assigned to subtitles; see `alignment.assign`.
        hierarchy: `on`: two levels. `flat`: all frames and all words of a video in one sequence, with the same layers.
        frame_residual: Add each frame's own features to the output of the cross-modal transformer.
        sub_ctx_len: Earlier subtitles that are prepended to each one.
        uses: Inputs that are used at all: `video` drops the subtitles, `subtitles` the frames (controls for training).
        hides: Learn mask vectors for hidden frames; false where no objective hides frames.
        initial_std: Spread of the initial weights; 0.02 is BERT's, for a width of 768.
        weights: File to start from: a released state dict, or `model.safetensors` of a run.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        frames: str = "frames",
        subtitles: str = "subtitles",
        queries: str = "queries",
        questions: str = "question",
        *,
        built: Mapping[str, Any],
        width: Positive = 768,
        layers: Positive = 6,
        temporal_layers: Positive = 3,
        heads: Positive = 12,
        hidden: Positive = 3072,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        vocabulary: Positive | None = None,
        positions: Positive = 514,
        frame_positions: Positive = 100,
        period: Annotated[float, Field(gt=0)] = 1.5,
        group: Positive = 5,
        separator: Annotated[int, Field(ge=0)] = 2,
        align: Align = "iou",
        hierarchy: Literal["on", "flat"] = "on",
        frame_residual: bool = True,
        sub_ctx_len: Annotated[int, Field(ge=0)] = 0,
        uses: Uses = "both",
        hides: bool = True,
        initial_std: Annotated[float, Field(gt=0)] = 0.02,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        missing = [name for name in (frames, subtitles) if name not in dims]
        if missing:
            raise PortError(f"hero/hierarchical joins encoders {frames!r} and {subtitles!r}; no {', '.join(missing)}")
        self.frames, self.subtitles, self.queries, self.questions = frames, subtitles, queries, questions
        self.period, self.group, self.separator = period, group, separator
        self.align: Align = align
        self.flat, self.frame_residual, self.context, self.uses = hierarchy == "flat", frame_residual, sub_ctx_len, uses
        self.dims: Mapping[str, int] = {"clips": width, "words": width}
        self.vocabulary = tokens_of(built, f"encoders.{subtitles}", vocabulary)
        self.text = TextEmbedding(self.vocabulary, positions, width, dropout)
        self.image = FrameEmbedding(dims[frames], frame_positions, width, dropout, hides=hides)
        self.cross = transformer.Transformer(layers, width, heads, hidden, dropout)
        if frame_residual:
            self.masks = nn.Embedding(2, dims[frames], padding_idx=0) if hides else None
            self.residual = transformer.Projection(dims[frames], width, dropout)
        self.places = transformer.PlaceEmbedding(positions, width, dropout)
        self.temporal = transformer.Transformer(temporal_layers, width, heads, hidden, dropout)
        transformer.initialise(self, initial_std)
        if queries in dims:  # with torch's own initial weights, as in the released code
            self.dims = {**self.dims, "query": width}
            self.query = QueryEncoder(positions, width, heads, dropout)
        if questions in dims:
            self.dims = {**self.dims, "answers": width}
        if questions in dims and queries in dims:
            self.dims = {**self.dims, "candidates": width}
        if weights is not None:
            load(self, weights)

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind one output."""
        both = [self.frames, self.subtitles]
        alone = {"query": [self.queries], "candidates": [self.questions]}
        return {**alone, "answers": [*both, self.questions]}.get(output, both)

    def parts_of(self, encoder: str) -> Sequence[str]:
        """Return the embedding of frames, the words of subtitles (which queries share), and the query encoder."""
        parts = {self.frames: ("image", "residual"), self.subtitles: ("text",), self.queries: ("query",)}
        return parts.get(encoder, ())

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Fuse the given features; each output is computed on first access."""
        makers: dict[str, Callable[[], Features]] = {}
        if self.frames in features and self.subtitles in features:
            video = Reading(self, features, batch)
            makers |= {"clips": lambda: video.clips, "words": lambda: video.words}
            if self.questions in features:
                makers["answers"] = lambda: video.answers(features[self.questions])
        if self.queries in features and "query" in self.dims:
            makers["query"] = lambda: self.query_vectors(features[self.queries])
        if self.questions in features and "candidates" in self.dims:
            makers["candidates"] = lambda: self.query_vectors(features[self.questions])
        return LazyFields(makers)

    def query_vectors(self, queries: Features) -> Features:
        """Return one vector per query (B, K, W)."""
        rows_BKR = _tokens(queries)
        mask_BKL = rows.token_mask(rows_BKR)
        longest = rows.longest(mask_BKL)
        ids_NL, mask_NL = rows.ids(rows_BKR)[..., :longest].flatten(0, 1), mask_BKL[..., :longest].flatten(0, 1)
        read_NLW = self.cross(self.text(ids_NL, mask_NL), mask_NL)
        query_BKW = transformer.parted(self.query(read_NLW, mask_NL), 0, *rows_BKR.shape[:2])
        real_BK = mask_BKL.any(-1)
        return Features(masking.masked_mean(query_BKW, real_BK), masking.silence(query_BKW, real_BK), real_BK)


class Reading:
    """One batch in the fuser: each step is computed once, on first access.

    Args:
        model: The fuser.
        features: Features of the encoders.
        batch: The batch, with the view of an objective.
    """

    def __init__(self, model: Hierarchical, features: Mapping[str, Features], batch: Batch) -> None:
        self.model, self.view = model, rows.view_of(batch)
        frames = features[model.frames]
        x_BTV = _tokens(frames).to(model.places.positions.weight.dtype)
        mask_BT = torch.ones(x_BTV.shape[:2], dtype=torch.bool, device=x_BTV.device)
        mask_BT = mask_BT if frames.mask_BT is None else frames.mask_BT
        rows_BSR = _tokens(features[model.subtitles])
        if (present := batch.present.get(model.frames)) is not None:
            mask_BT = mask_BT & present[:, None]
        if (present := batch.present.get(model.subtitles)) is not None:
            rows_BSR = rows_BSR * present[:, None, None]
        if model.uses == "video":
            rows_BSR = torch.zeros_like(rows_BSR)
        hidden_BT = torch.zeros_like(mask_BT) if self.view.hidden_BT is None else self.view.hidden_BT
        hidden_BT = nn.functional.pad(hidden_BT, (0, mask_BT.shape[1] - hidden_BT.shape[1]))
        blank_BT = hidden_BT | ~mask_BT | (model.uses == "subtitles")
        self.x_BTV, self.mask_BT, self.hidden_BT = x_BTV.masked_fill(blank_BT[..., None], 0), mask_BT, hidden_BT
        self.rows_BSR = self._grouped(rows_BSR)

    def _grouped(self, rows_BSR: Tensor) -> Tensor:
        """Give videos without subtitles an empty one for every few frames."""
        silent_B = ~(rows_BSR[..., rows.COUNT] > 0).any(1)
        if not torch.compiler.is_exporting() and not bool(silent_B.any()):
            return rows_BSR
        spans_G2 = groups(self.mask_BT.shape[1], self.model.group, self.model.period, device=rows_BSR.device)
        missing = len(spans_G2) - rows_BSR.shape[1]
        rows_BSR = nn.functional.pad(rows_BSR, (0, 0, 0, max(0, missing)))
        empty_SR = torch.zeros_like(rows_BSR[0])
        empty_SR[: len(spans_G2), : rows.COUNT] = spans_G2
        empty_SR[: len(spans_G2), rows.COUNT] = 1
        empty_SR[: len(spans_G2), rows.TOKENS] = self.model.separator
        return torch.where(silent_B[:, None, None], empty_SR, rows_BSR)

    @cached_property
    def clips(self) -> Features:
        """Contextual frames."""
        frames_BTW, text_BKW, text_mask_BK = self._crossed
        x_BTW = self._temporal(frames_BTW, text_BKW, text_mask_BK, self.mask_BT)
        return Features(masking.masked_mean(x_BTW, self.mask_BT), masking.silence(x_BTW, self.mask_BT), self.mask_BT)

    @cached_property
    def words(self) -> Features:
        """Contextual tokens of each subtitle's own text."""
        _, text_BKW, _ = self._crossed
        own_BSL = rows.token_mask(self.rows_BSR)
        length = own_BSL.shape[-1]
        own_BKW = transformer.parted(text_BKW, 1, own_BSL.shape[1], -1)[:, :, -length:].flatten(1, 2)
        mask_BK = own_BSL.flatten(1, 2)
        table = {"table": self.model.text.words.weight}
        return Features(masking.masked_mean(own_BKW, mask_BK), masking.silence(own_BKW, mask_BK), mask_BK, table)

    def answers(self, questions: Features) -> Features:
        """Frames encoded with each candidate: its words follow every subtitle, and all frames (section 3.4)."""
        question_BCQ = _tokens(questions)
        count = question_BCQ.shape[1]
        ids_NL, mask_NL = rows.ids(question_BCQ).flatten(0, 1), rows.token_mask(question_BCQ).flatten(0, 1)
        longest = rows.longest(mask_NL)
        ids_NL, mask_NL = ids_NL[:, :longest], mask_NL[:, :longest]
        frames_NTW, text_NKW, text_mask_NK = self._cross(ids_NL, mask_NL, count)
        embedded_NLW = self.model.text(ids_NL, mask_NL)
        if self.model.flat:
            embedded_NLW = torch.cat([text_NKW, embedded_NLW], 1)
            mask_NL = torch.cat([text_mask_NK, mask_NL], 1)
        mask_NT = self.mask_BT.repeat_interleave(count, 0)
        x_NTW = self._over_time(frames_NTW, embedded_NLW, mask_NL, mask_NT)
        real_BC = rows.token_mask(question_BCQ).any(-1)
        mask_BX = (transformer.parted(mask_NT, 0, -1, count) & real_BC[..., None]).flatten(1, 2)
        x_BXW = transformer.parted(x_NTW, 0, -1, count).flatten(1, 2)
        return Features(masking.masked_mean(x_BXW, mask_BX), masking.silence(x_BXW, mask_BX), mask_BX)

    @cached_property
    def _crossed(self) -> tuple[Tensor, Tensor, Tensor]:
        return self._cross(None, None, 1)

    def _cross(
        self, extra_NL: Tensor | None, extra_mask_NL: Tensor | None, copies: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames (N, T, W), text (N, S * L, W) and its mask after the cross-modal transformer, N = B * copies.

        Args:
            extra_NL: Tokens that follow every subtitle.
            extra_mask_NL: Which of them are real.
            copies: Copies of every video.
        """
        model = self.model
        ids_NSL, mask_NSL = self._texts()
        projected_NTW = model.image.projected(self.x_BTV, self.hidden_BT)
        mask_NT, rows_NSR = self.mask_BT, self.rows_BSR
        if extra_NL is not None and extra_mask_NL is not None:
            ids_NSL, mask_NSL, projected_NTW, mask_NT, rows_NSR = (
                each.repeat_interleave(copies, 0) for each in (ids_NSL, mask_NSL, projected_NTW, mask_NT, rows_NSR)
            )
            there_NS1 = rows_NSR[..., rows.COUNT :][..., :1] > 0
            extra_NSL = extra_NL[:, None].expand(-1, ids_NSL.shape[1], -1)
            ids_NSL = torch.cat([ids_NSL, extra_NSL], -1)
            mask_NSL = torch.cat([mask_NSL, extra_mask_NL[:, None] & there_NS1], -1)
        cross = self._in_one if model.flat else self._by_subtitle
        frames_NTW, text_NKW = cross(ids_NSL, mask_NSL, projected_NTW, mask_NT, rows_NSR)
        if model.frame_residual:
            x_BTV = masked(self.x_BTV, model.masks, self.hidden_BT)
            frames_NTW = frames_NTW + model.residual(x_BTV).repeat_interleave(copies, 0)
        return frames_NTW, text_NKW, mask_NSL.flatten(1, 2)

    def _texts(self) -> tuple[Tensor, Tensor]:
        """Return tokens and mask (B, S, L') with earlier subtitles before each one."""
        ids_BSL, mask_BSL = rows.ids(self.rows_BSR), rows.token_mask(self.rows_BSR)
        real_BS = mask_BSL.any(-1)
        pieces = [(ids_BSL, mask_BSL)]
        places_S = torch.arange(real_BS.shape[1], device=real_BS.device)
        before_BS = torch.where(real_BS, places_S, -1).cummax(1).values
        before_BS = nn.functional.pad(before_BS, (1, -1), value=-1)  # the last real one before each
        at_BS = before_BS
        for _ in range(self.model.context):
            there_BS = (at_BS >= 0) & real_BS
            index_BSL = at_BS.clamp(min=0)[..., None].expand_as(ids_BSL)
            pieces.insert(0, (ids_BSL.gather(1, index_BSL), mask_BSL.gather(1, index_BSL) & there_BS[..., None]))
            at_BS = torch.where(at_BS >= 0, before_BS.gather(1, at_BS.clamp(min=0)), -1)
        return torch.cat([piece for piece, _ in pieces], -1), torch.cat([mask for _, mask in pieces], -1)

    def _by_subtitle(
        self, ids_NSL: Tensor, mask_NSL: Tensor, projected_NTW: Tensor, mask_NT: Tensor, rows_NSR: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode every subtitle with its frames, positions counted within it; frames without one come back as zeros."""
        model = self.model
        count, subtitles, length = ids_NSL.shape
        spans_NS2, real_NS = rows_NSR[..., : rows.COUNT], rows_NSR[..., rows.COUNT] > 0
        units = collect(assign(mask_NT, spans_NS2, real_NS, model.period, model.align), subtitles)
        most = units.frames_BSF.shape[-1]
        seq_mask_NSX = torch.cat([units.mask_BSF, mask_NSL], -1)
        used_NS = seq_mask_NSX.any(-1)
        rows_U = masking.computed_rows(used_NS)  # rows of padding cost nothing
        frames_UF, ids_UL, text_mask_UL, mask_UX = (
            each.flatten(0, 1)[rows_U] for each in (units.frames_BSF, ids_NSL, mask_NSL, seq_mask_NSX)
        )
        picked_UFW = projected_NTW[(rows_U // subtitles)[:, None], frames_UF]
        places_UF = torch.arange(most, device=rows_U.device).expand_as(frames_UF)
        frames_UFW = model.image(picked_UFW, places_UF, model.text.types.weight[1])
        read_UXW = model.cross(torch.cat([frames_UFW, model.text(ids_UL, text_mask_UL)], 1), mask_UX)
        out_RXW = read_UXW.new_zeros(count * subtitles, most + length, read_UXW.shape[-1])
        out_NSXW = transformer.parted(out_RXW.index_put((rows_U,), read_UXW), 0, count, subtitles)
        slot_NT = units.unit_BT.clamp(min=0) * most + units.rank_BT.clamp(min=0)
        flat_NXW = out_NSXW[:, :, :most].flatten(1, 2)
        back_NTW = flat_NXW.gather(1, slot_NT[..., None].expand(-1, -1, flat_NXW.shape[-1]))
        return back_NTW * (units.unit_BT >= 0)[..., None], out_NSXW[:, :, most:].flatten(1, 2)

    def _in_one(
        self, ids_NSL: Tensor, mask_NSL: Tensor, projected_NTW: Tensor, mask_NT: Tensor, rows_NSR: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode all frames and all words of a video in one sequence, positions counted over the whole."""
        model = self.model
        places_NT = torch.arange(mask_NT.shape[1], device=mask_NT.device).expand_as(mask_NT)
        frames_NTW = model.image(projected_NTW, places_NT, model.text.types.weight[1])
        text_mask_NK = mask_NSL.flatten(1, 2)
        text_NKW = model.text(ids_NSL.flatten(1, 2), text_mask_NK)
        read_NXW = model.cross(torch.cat([frames_NTW, text_NKW], 1), torch.cat([mask_NT, text_mask_NK], 1))
        return read_NXW[:, : mask_NT.shape[1]], read_NXW[:, mask_NT.shape[1] :]

    def _temporal(self, frames_BTW: Tensor, text_BKW: Tensor, text_mask_BK: Tensor, mask_BT: Tensor) -> Tensor:
        if (order_BT := self.view.order_BT) is not None:
            rest_T = torch.arange(order_BT.shape[1], mask_BT.shape[1], device=order_BT.device)
            order_BT = torch.cat([order_BT, rest_T.expand(len(order_BT), -1)], 1)
            moved_BTW = torch.zeros_like(frames_BTW)
            frames_BTW = moved_BTW.scatter(1, order_BT[..., None].expand_as(frames_BTW), frames_BTW)
        if self.model.flat:
            return self._over_time(frames_BTW, text_BKW, text_mask_BK, mask_BT)
        return self._over_time(frames_BTW, None, None, mask_BT)

    def _over_time(self, frames: Tensor, text: Tensor | None, text_mask: Tensor | None, mask: Tensor) -> Tensor:
        """Return frames (N, T, W) after the temporal transformer, with or without words in the same sequence."""
        x = self.model.places(frames)
        if text is None or text_mask is None:
            read: Tensor = self.model.temporal(x, mask)
            return read
        read = self.model.temporal(torch.cat([x, text], 1), torch.cat([mask, text_mask], 1))
        return read[:, : frames.shape[1]]


def _tokens(features: Features) -> Tensor:
    tokens: Any = features.tokens_BTD
    if tokens is None:
        raise PortError("hero/hierarchical needs tokens: frames, or rows of texts with their times")
    found: Tensor = tokens
    return found

"""Video-subtitle matching (VSM): retrieval of video and moment, in pre-training and in fine-tuning on queries.

Shape legend: B videos, T frames, S subtitles, K queries of a video, N queries, M videos, R numbers of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, Losses, Outputs, PortError
from mmx_hero.model import rows
from mmx_hero.model.heads import head_outputs
from mmx_hero.model.rows import View
from mmx_std import masking, pairing
from mmx_std import ranking as pairs


class Matching(nn.Module):
    """VSM: a query retrieves its video among all, and its moment in the video (equations 5 to 7).

    In pre-training the queries are subtitles removed from their videos; in fine-tuning they are given. On
    several processes the videos and queries of all are each other's negatives, with gradient.

    Args:
        clips: Frames in context.
        query: Queries.
        localiser: Head that predicts start and end.
        queries: `removed` subtitles, or `given` ones.
        subtitles: Encoder of the subtitles.
        asked: Encoder of the queries; in pre-training its place is taken by subtitles.
        frames: Encoder of the frames.
        most: Subtitles that are removed, or queries that are drawn, per video and step.
        vsm: Find the video (global), the moment (local), or both.
        period: Seconds from frame to frame.
        ranking: Hinge, or its smooth form.
        margin: Of the hinge.
        weight: Of the global losses, each direction.
        local_weight: Of the local loss.
        local_drop: Share of steps without the local loss.
        negatives: All alike, or the hardest first.
        hard_from: Step from which hard negatives count more.
        hard_pool: How many are hard.
        hard_weight: How much they count; the others 0.1.
        gather: Use the videos and queries of all processes.
    """

    updates: Tensor

    def __init__(
        self,
        clips: str = "clips",
        query: str = "query",
        localiser: str = "localiser",
        *,
        queries: Literal["removed", "given"] = "removed",
        subtitles: str = "subtitles",
        asked: str = "queries",
        frames: str = "frames",
        most: Annotated[int, Field(ge=1)] = 5,
        vsm: Literal["global", "local", "both"] = "both",
        period: Annotated[float, Field(gt=0)] = 1.5,
        ranking: Literal["hinge", "lse"] = "hinge",
        margin: Annotated[float, Field(ge=0)] = 0.1,
        weight: Annotated[float, Field(ge=0)] = 8.0,
        local_weight: Annotated[float, Field(ge=0)] = 0.01,
        local_drop: Annotated[float, Field(ge=0, lt=1)] = 0.8,
        negatives: Literal["in-batch", "hard"] = "hard",
        hard_from: Annotated[int, Field(ge=0)] = 20_000,
        hard_pool: Annotated[int, Field(ge=1)] = 20,
        hard_weight: Annotated[float, Field(gt=0)] = 10.0,
        gather: bool = True,
    ) -> None:
        super().__init__()
        self.clips, self.query, self.localiser, self.queries = clips, query, localiser, queries
        self.subtitles, self.asked, self.frames, self.most, self.vsm, self.period = (
            subtitles,
            asked,
            frames,
            most,
            vsm,
            period,
        )
        self.kind: pairs.Ranking = ranking
        self.margin, self.weight, self.local_weight, self.local_drop = margin, weight, local_weight, local_drop
        self.hard, self.hard_from = (hard_pool if negatives == "hard" else 0), hard_from
        self.hard_weight, self.gather = hard_weight, gather
        local = () if vsm == "global" else (f"heads.{localiser}",)
        self.needs = (f"fused.{clips}", f"fused.{query}", *local)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Remove some subtitles and use them as queries, or draw some of the given queries."""
        source = self.subtitles if self.queries == "removed" else self.asked
        rows_BSR = rows.rows_of(batch, source)
        real_BS = rows_BSR[..., rows.COUNT] > 0
        most_B1 = real_BS.sum(1, keepdim=True).clamp(max=self.most)
        if self.queries == "removed":  # one stays, where there are several, so that the video keeps some text
            most_B1 = torch.minimum(most_B1, (real_BS.sum(1, keepdim=True) - 1).clamp(min=1))
        rank_BS = masking.drawn(real_BS.shape, generator, real_BS).masked_fill(~real_BS, 2.0).argsort(1)
        order_BK = rank_BS[:, : self.most]
        queries_BKR = rows_BSR.gather(1, order_BK[..., None].expand(-1, -1, rows_BSR.shape[-1]))
        queries_BKR = queries_BKR * (torch.arange(order_BK.shape[1], device=real_BS.device) < most_B1)[..., None]
        queries_BKR = queries_BKR * real_BS.gather(1, order_BK)[..., None]
        if self.queries == "removed":
            taken_BS = torch.zeros_like(real_BS).scatter(1, order_BK, queries_BKR[..., rows.COUNT] > 0)
            batch = rows.with_rows(batch, self.subtitles, rows_BSR.masked_fill(taken_BS[..., None], 0))
        local = float(torch.rand((), generator=generator)) >= self.local_drop
        batch = rows.with_rows(batch, self.asked, queries_BKR)
        present = {name: value for name, value in batch.present.items() if name != self.asked}
        batch.present = present
        return rows.with_view(batch, View(local=local))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the weighted sum, and its parts: `videos`, `queries`, `local`."""
        clips, query = outputs.fused[self.clips], outputs.fused[self.query]
        clips_BTW: Any = clips.tokens_BTD
        query_BKW: Any = query.tokens_BTD
        real_BK: Any = query.mask_BT
        mask_BT: Any = clips.mask_BT
        if clips_BTW is None or query_BKW is None:
            raise PortError("hero/vsm compares frames with queries; one of them has no tokens")
        total = clips_BTW.sum() * 0.0
        terms: Losses = {}
        if self.vsm != "local":
            videos, queries = self._global(clips_BTW.float(), mask_BT, query_BKW.float(), real_BK)
            total = total + self.weight * (videos + queries)
            # Negatives per query: with fewer of them retrieval gets worse.
            negatives = total.new_tensor(float(len(clips_BTW) * self._world() - 1))
            terms |= {"videos": videos.detach(), "queries": queries.detach(), "negatives": negatives}
        if self.vsm != "global" and rows.view_of(batch).local:
            local = self._local(head_outputs(outputs, self.localiser, "start", "end"), batch, real_BK)
            total = total + self.local_weight * local
            terms["local"] = local.detach()
        if torch.is_grad_enabled():
            self.updates += 1
        return {"loss": total, **terms}

    def scores(self, outputs: Outputs, batch: Batch) -> Mapping[str, Tensor]:
        """Return by port the share of a video's queries that rank first (B,), NaN for a video without any.

        Of the videos for a query (`fused.QUERY`), and of the queries of other videos for their video (`fused.CLIPS`);
        in the batch of this process.
        """
        clips, query = outputs.fused[self.clips], outputs.fused[self.query]
        query_BKW, real_BK, clips_BTW, mask_BT = map(torch.as_tensor, _tensors(query) + _tensors(clips))
        scores_NM = pairs.similarity(query_BKW.float().flatten(0, 1), clips_BTW.float(), mask_BT)
        owner_N = torch.arange(len(query_BKW), device=query_BKW.device).repeat_interleave(query_BKW.shape[1])
        own_NM = owner_N[:, None] == torch.arange(len(clips_BTW), device=owner_N.device)
        own_N = scores_NM[own_NM]
        first_N = own_N > scores_NM.masked_fill(own_NM, -torch.inf).amax(1)
        others_NM = scores_NM.masked_fill(own_NM | ~real_BK.flatten()[:, None], -torch.inf)
        leads_N = own_N > others_NM.amax(0)[owner_N]
        return {
            f"fused.{name}": torch.where(real_BK, each_N.view_as(real_BK).float(), torch.nan).nanmean(1)
            for name, each_N in ((self.query, first_N), (self.clips, leads_N))
        }

    def _global(self, clips_BTW: Tensor, mask_BT: Tensor, query_BKW: Tensor, real_BK: Tensor) -> tuple[Tensor, Tensor]:
        mine = (clips_BTW, mask_BT, query_BKW, real_BK)
        clips_MTW, mask_MT, query_MKW, real_MK = map(pairing.gathered, mine) if self._world() > 1 else mine
        owner_N = torch.arange(len(query_MKW), device=query_MKW.device).repeat_interleave(query_MKW.shape[1])
        scores_NM = pairs.similarity(query_MKW.flatten(0, 1), clips_MTW, mask_MT)
        hard = self.hard if int(self.updates) >= self.hard_from else 0
        return pairs.ranking_loss(
            scores_NM,
            owner_N,
            real_MK.flatten(),
            kind=self.kind,
            margin=self.margin,
            hard=hard,
            hard_weight=self.hard_weight,
        )

    def _local(self, located: Any, batch: Batch, real_BK: Tensor) -> Tensor:
        """Return cross-entropy of start plus end."""
        start_BKT, end_BKT = located["start"], located["end"]
        queries_BKR = rows.rows_of(batch, self.asked)
        target_BK2 = rows.frame_span(queries_BKR[..., : rows.COUNT], self.period, start_BKT.shape[-1])
        target_BK2 = target_BK2.masked_fill(~real_BK[..., None], -1)
        both = zip((start_BKT, end_BKT), target_BK2.unbind(-1), strict=True)
        lost = [
            functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1, reduction="sum")
            for logits, target in both
        ]
        return (lost[0] + lost[1]) / real_BK.sum().clamp(min=1)

    def _world(self) -> int:
        return pairing.world() if self.gather else 1

    def chance(self, batch_size: int) -> None:
        """Return None: the ranking loss has no chance level, and that of the local loss depends on the lengths."""
        return


def _tensors(features: Features) -> tuple[Any, Any]:
    """Return tokens and which of them are real."""
    return features.tokens_BTD, features.mask_BT

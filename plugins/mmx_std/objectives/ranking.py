"""Ranking of videos for queries and of queries for videos: scores, and the loss over the negatives of a batch.

Shape legend: B videos of this process, M videos and N queries of all processes, T frames, K queries each, W width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Ranking", "pair_loss", "ranking_loss", "similarity"]

Ranking = Literal["hinge", "lse"]


def similarity(query_NW: Tensor, clips_MTW: Tensor, mask_MT: Tensor) -> Tensor:
    """Return s(q, v) (N, M): the greatest cosine of a query with any frame of a video (equation 5)."""
    query_NW, clips_MTW = functional.normalize(query_NW, dim=-1), functional.normalize(clips_MTW, dim=-1)
    scores_NMT = torch.einsum("nw,mtw->nmt", query_NW, clips_MTW).masked_fill(~mask_MT, -1.0)
    return scores_NMT.amax(-1)


def pair_loss(negative: Tensor, positive: Tensor, kind: Ranking, margin: float) -> Tensor:
    """Return max(0, margin + negative - positive), or its smooth form log(1 + exp(negative - positive))."""
    if kind == "hinge":
        return (margin + negative - positive).clamp(min=0)
    return functional.softplus(negative - positive)


def ranking_loss(
    scores_NM: Tensor,
    owner_N: Tensor,
    real_N: Tensor,
    *,
    kind: Ranking = "hinge",
    margin: float = 0.1,
    hard: int = 0,
    hard_weight: float = 10.0,
) -> tuple[Tensor, Tensor]:
    """Return the two losses of equation 6: other videos for a query, and other queries for its video.

    Each is the mean over a query's negatives, then over queries.

    Args:
        scores_NM: s(q, v).
        owner_N: Video of each query.
        real_N: Queries that count; the others are neither anchors nor negatives.
        kind: Hinge, or its smooth form.
        margin: Of the hinge.
        hard: The highest of each query's negatives that weigh `hard_weight`, the others 0.1; 0 weighs all alike.
        hard_weight: See `hard`.
    """
    places_M = torch.arange(scores_NM.shape[1], device=scores_NM.device)
    own_NM = owner_N[:, None] == places_M
    positive_N = scores_NM.gather(1, owner_N[:, None]).squeeze(1)
    options = {"kind": kind, "margin": margin, "hard": hard, "hard_weight": hard_weight}
    videos = _over(scores_NM, ~own_NM, positive_N, real_N, **options)  # type: ignore[arg-type]
    # For the video of query n every query of another video is a negative.
    others_NN = scores_NM.T[owner_N]
    negative_NN = (owner_N[:, None] != owner_N[None, :]) & real_N[None, :]
    queries = _over(others_NN, negative_NN, positive_N, real_N, **options)  # type: ignore[arg-type]
    return videos, queries


def _over(
    scores: Tensor,
    negative: Tensor,
    positive_N: Tensor,
    real_N: Tensor,
    *,
    kind: Ranking,
    margin: float,
    hard: int,
    hard_weight: float,
) -> Tensor:
    """Return the mean over real queries of the mean over their negatives."""
    lost = pair_loss(scores, positive_N[:, None], kind, margin)
    weights = negative.to(lost.dtype)
    if hard > 0:
        order = scores.masked_fill(~negative, -torch.inf).argsort(1, descending=True).argsort(1)
        weights = weights * torch.where(order < hard, hard_weight, 0.1)
    each_N = (lost * weights).sum(1) / negative.sum(1).clamp(min=1)
    return (each_N * real_N).sum() / real_N.sum().clamp(min=1)

"""Moments as pairs of frames: scoring, non-maximum suppression, and comparison with the truth (section 5).

Shape legend: N queries, M videos, T frames, P moments of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "THRESHOLDS",
    "Found",
    "Places",
    "Ranks",
    "Rules",
    "best",
    "first_hit",
    "guess_rate",
    "pairs",
    "right",
    "search",
    "thinned",
    "usual_span",
]

Floats = NDArray[np.float64]
Places = NDArray[np.float64]
THRESHOLDS: Final = (0.5, 0.7)
"""IoU above which a moment is right."""


@dataclass(frozen=True)
class Rules:
    """Parameters of moment retrieval.

    Attributes:
        period: Seconds per frame.
        shortest: Fewest frames of a moment.
        longest: Most frames of a moment.
        videos: Videos with the highest scores that are searched.
        before: Moments that are kept before non-maximum suppression.
        after: Moments that are kept after it.
        overlap: A moment goes if it overlaps a better one of the same video by more than this IoU; 1 keeps all.
        sharpness: Factor on the cosine of query and video.
        agree: Annotators of a query whose times a moment must meet to be right.
    """

    period: float = 1.5
    shortest: int = 2
    longest: int = 16
    videos: int = 100
    before: int = 200
    after: int = 100
    overlap: float = 0.5
    sharpness: float = 20.0
    agree: int = 1


@dataclass(frozen=True)
class Found:
    """A list of moments, best first.

    Attributes:
        videos_P: Index of each one's video.
        spans_P2: Start and end in seconds.
        scores_P: Their scores.
    """

    videos_P: NDArray[np.int64]
    spans_P2: Floats
    scores_P: Floats


@dataclass(frozen=True)
class Ranks:
    """Ranks (N,) of the first right answer to every query, inf where there is none.

    Attributes:
        vr: Of its video.
        svmr: Threshold -> of its moment in its video.
        vcmr: Threshold -> of its moment among all videos.
        found: The retrieved moments among all videos, by query.
    """

    vr: Places
    svmr: Mapping[float, Places]
    vcmr: Mapping[float, Places]
    found: Sequence[Found] = ()

    def columns(self) -> Iterator[tuple[str, Places]]:
        """Yield the name of each metric with its ranks."""
        yield from ((f"vcmr_r{{}}_iou{threshold}", self.vcmr[threshold]) for threshold in THRESHOLDS[::-1])
        yield "vr_r{}", self.vr
        yield from ((f"svmr_r{{}}_iou{threshold}", self.svmr[threshold]) for threshold in THRESHOLDS[::-1])


def pairs(start_XT: Tensor, end_XT: Tensor, rules: Rules) -> Tensor:
    """Return p_start(a) * p_end(b) (X, T, T) for frames a to b, 0 where the moment is too short or too long.

    A video shorter than the shortest moment has one moment: all of it.
    """
    start, end = start_XT.softmax(-1), end_XT.softmax(-1)
    frames = start.shape[-1]
    places = torch.arange(frames, device=start.device)
    length_TT = places[None, :] - places[:, None] + 1
    allowed = (length_TT >= min(rules.shortest, frames)) & (length_TT <= rules.longest)
    return start[..., :, None] * end[..., None, :] * allowed


def search(cosine_M: Tensor, start_MT: Tensor, end_MT: Tensor, lengths_M: Tensor, rules: Rules) -> Found:
    """Return the best moments of a query among all videos: p_start * p_end * exp(sharpness * cosine).

    Args:
        cosine_M: s(q, v) of every video.
        start_MT: Start logits in every video.
        end_MT: End logits.
        lengths_M: Seconds of each video; moments are cut there.
        rules: Parameters.
    """
    best_V = cosine_M.topk(min(rules.videos, len(cosine_M))).indices
    scores_VTT = pairs(start_MT[best_V], end_MT[best_V], rules)
    # Relative to the best video: only the order and the proportions count.
    scores_VTT = scores_VTT * torch.exp(rules.sharpness * (cosine_M[best_V] - cosine_M[best_V[0]]))[:, None, None]
    top = scores_VTT.flatten().topk(min(rules.before, scores_VTT.numel()))
    frames = scores_VTT.shape[-1]
    video = best_V[top.indices // (frames * frames)].cpu().numpy()
    first = (top.indices // frames % frames).cpu().numpy()
    last = (top.indices % frames).cpu().numpy()
    spans_P2 = np.stack([first * rules.period, (last + 1) * rules.period], -1).astype(np.float64)
    spans_P2 = np.minimum(spans_P2, lengths_M.cpu().numpy()[video][:, None])
    scores_P = top.values.cpu().numpy().astype(np.float64)
    keep = thinned(video, spans_P2, rules.overlap, rules.after)
    keep = keep[scores_P[keep] > 0]
    return Found(video[keep], spans_P2[keep], scores_P[keep])


def best(cosine_NM: Tensor, start_NMT: Tensor, end_NMT: Tensor, lengths_M: Tensor, rules: Rules) -> list[Found]:
    """Return only the best moment of each of N queries, as `search` would put it first."""
    top_NV = cosine_NM.topk(min(rules.videos, cosine_NM.shape[1]), dim=1).indices
    at_NVT = top_NV[..., None].expand(-1, -1, start_NMT.shape[-1])
    scores_NVTT = pairs(start_NMT.gather(1, at_NVT), end_NMT.gather(1, at_NVT), rules)
    cosine_NV = cosine_NM.gather(1, top_NV)
    scores_NVTT = scores_NVTT * torch.exp(rules.sharpness * (cosine_NV - cosine_NV[:, :1]))[..., None, None]
    value_N, place_N = scores_NVTT.flatten(1).max(1)
    frames = start_NMT.shape[-1]
    video_N = top_NV.gather(1, (place_N // (frames * frames))[:, None]).squeeze(1)
    spans_N2 = torch.stack([place_N // frames % frames, place_N % frames + 1], -1).double() * rules.period
    spans_N2 = torch.minimum(spans_N2, lengths_M[video_N].double()[:, None])
    found = zip(video_N.cpu().numpy(), spans_N2.cpu().numpy(), value_N.double().cpu().numpy(), strict=True)
    return [Found(np.array([v]), span[None], np.array([score])) for v, span, score in found]


def thinned(videos_P: NDArray[np.int64], spans_P2: Floats, overlap: float, most: int) -> NDArray[np.int64]:
    """Return the indices left by non-maximum suppression at IoU `overlap` within each video."""
    starts_P, ends_P = spans_P2[:, 0], spans_P2[:, 1]
    inside_PP = np.minimum(ends_P[:, None], ends_P) - np.maximum(starts_P[:, None], starts_P)
    inside_PP = np.maximum(inside_PP, 0.0)
    lengths_P = ends_P - starts_P
    union_PP = np.maximum(lengths_P[:, None] + lengths_P - inside_PP, 1e-9)
    near_PP = (videos_P[:, None] == videos_P) & (inside_PP / union_PP > overlap)
    gone_P = np.zeros(len(videos_P), dtype=bool)
    kept: list[int] = []
    for place in range(len(videos_P)):
        if len(kept) == most:
            break
        if not gone_P[place]:
            kept.append(place)
            gone_P |= near_PP[place]
    return np.array(kept, dtype=np.int64)


def iou(span_2: Floats, spans_P2: Floats) -> Floats:
    """Return intersection over union (P,) of one moment with others; 0 for two without length."""
    inside_P = np.minimum(span_2[1], spans_P2[:, 1]) - np.maximum(span_2[0], spans_P2[:, 0])
    inside_P = np.maximum(inside_P, 0.0)
    union_P = (span_2[1] - span_2[0]) + (spans_P2[:, 1] - spans_P2[:, 0]) - inside_P
    found: Floats = inside_P / np.maximum(union_P, 1e-9)
    return found


def right(times_A2: Floats, spans_P2: Floats, threshold: float, agree: int = 1) -> NDArray[np.bool_]:
    """Return which moments (P,) meet the times of at least `agree` annotators, or of all where there are fewer.

    An IoU equal to the threshold meets it, as in the evaluation of TVR that the released code uses.
    """
    met_AP = np.stack([iou(time_2, spans_P2) >= threshold for time_2 in times_A2])
    found: NDArray[np.bool_] = met_AP.sum(0) >= min(agree, len(times_A2))
    return found


def first_hit(found: Found, video: int, times_A2: Floats, threshold: float, agree: int = 1) -> float:
    """Return the 1-based place of the first moment of this video that is right, see `right`; inf if none."""
    if not len(found.videos_P):
        return np.inf
    right_P = (found.videos_P == video) & right(times_A2, found.spans_P2, threshold, agree)
    return float(np.argmax(right_P)) + 1.0 if right_P.any() else np.inf


def guess_rate(times_A2: Floats, frames: int, threshold: float, rules: Rules) -> float:
    """Return the share of all allowed moments of a video of `frames` frames that are right."""
    first, last = np.indices((frames, frames))
    length = last - first + 1
    allowed = (length >= min(rules.shortest, frames)) & (length <= rules.longest)
    spans_P2 = np.stack([first[allowed], last[allowed] + 1], -1) * rules.period
    return float(right(times_A2, spans_P2.astype(np.float64), threshold, rules.agree).mean())


def usual_span(spans: Sequence[Sequence[float]], frames: int, period: float) -> Floats:
    """Return the most frequent moment in whole frames: an answer that ignores the video."""
    grid = [
        (round(start / period), min(frames, max(round(start / period) + 1, round(end / period))))
        for start, end in spans
    ]
    if not grid:
        return np.array([0.0, frames * period])
    names, counts = np.unique(np.array(grid), axis=0, return_counts=True)
    best: Floats = names[int(counts.argmax())] * period
    return best.astype(np.float64)

"""Naive Bayes on words and frames: a linear method beside a network that retrieves moments by sentences.

What a query's words make likely is counted: how often each is in the subtitles of its own moment and of others (text),
and how far ridge regression from the frames of the frozen encoder foretells it there and elsewhere (frames). Two
weights, learnt by logistic regression, put both together.

Shape legend: N queries, M videos, S subtitles of a video, C candidate moments of all videos, V words, T frames,
D features of a frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Cue
from mmx_hero.evaluation.simple import Answers, table, words
from mmx_std import baselines

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAME: Final = "naive_bayes_words_and_frames"
EPISODES: Final = 800
"""Training videos that are learnt from: half of them for what frames tell, half for how much it weighs."""
RUN: Final = 2
"""Most subtitles in a row that are one candidate moment."""
COUNTED: Final = 2
"""Occurrences of a word from which on more make no difference."""
OTHERS: Final = 20
"""Moments of other videos beside each query's own, for the two weights."""
_FEW: Final = 20
"""Occurrences at which a word's own mean likeness counts as much as that of all moments."""


@dataclass(frozen=True)
class Episode:
    """A video: its subtitles, the queries about it with their moments, and the features of its frames (T, D)."""

    subtitles: Sequence[Cue]
    queries: Sequence[Cue]
    frames_TD: Floats


@dataclass(frozen=True)
class _Candidates:
    """Moments that some subtitles in a row tell of: times, words, mean frame features, and the video of each."""

    spans_C2: Floats
    counts_CV: Ints
    frames_CD: Floats
    owner_C: Ints


@dataclass(frozen=True)
class _Weights:
    """What was learnt.

    Attributes:
        told_KV: Logarithm of how much more likely a word is to be told 0, 1, 2 or more times in its own moment.
        slope_V: The same by likeness to the word of the frames, per unit.
        middle_V: The likeness at which it is 0.
        text: Weight of the words' sum.
        sight: Weight of the frames' sum.
    """

    told_KV: Floats
    slope_V: Floats
    middle_V: Floats
    text: float
    sight: float


def match(
    train: Sequence[Episode], texts: Sequence[str], judged: Sequence[Episode], period: float, seed: int
) -> Mapping[str, Answers]:
    """Return how queries find videos and moments; nothing without queries and subtitles to learn from.

    Args:
        train: Videos with subtitles and queries; every second one teaches what frames tell.
        texts: Queries, N.
        judged: Videos, M; their queries are not looked at.
        period: Seconds from frame to frame.
        seed: Of the moments of other videos.
    """
    seen, weighed = train[0::2], train[1::2]
    place = {word: at for at, word in enumerate(sorted({w for e in train for q in e.queries for w in words(q.text)}))}
    shifts = _shifts(train)
    asked = [(number, query) for number, episode in enumerate(weighed) for query in episode.queries]
    known, moments = (_candidates(part, shifts, place, period) for part in (weighed, judged))
    taught = [(episode, query) for episode in seen for query in episode.queries]
    if len(taught) < 2 or not asked or known is None or moments is None:
        return {}
    frames_MD = np.stack([_mean_frame(each.frames_TD, (q.start, q.end), period) for each, q in taught])
    bags_MV = table([words(query.text) for _, query in taught], place)
    rows_CD = np.concatenate([known.frames_CD, moments.frames_CD])
    likeness_CV = baselines.regress({"frames": (frames_MD, rows_CD)}, bags_MV)["ridge_frames"]
    learnt = _learn(known, likeness_CV[: len(known.owner_C)], asked, place, seed)
    queries_NV = table([words(text) for text in texts], place)
    return {NAME: _answers(moments, likeness_CV[len(known.owner_C) :], learnt, queries_NV, len(judged))}


def _shifts(train: Sequence[Episode]) -> Mapping[int, Floats]:
    """Return, by number of subtitles, the median distance of start and end (2,) to the moments that they fit best."""
    found: dict[int, list[Floats]] = {}
    for episode in train:
        runs = _runs(episode.subtitles)
        spans_R2 = np.array([(episode.subtitles[a].start, episode.subtitles[b].end) for a, b in runs])
        for query in episode.queries if runs else ():
            own_2 = np.array([query.start, query.end])
            best = int(_overlap(spans_R2, own_2).argmax())
            found.setdefault(runs[best][1] - runs[best][0], []).append(own_2 - spans_R2[best])
    return {length: np.median(np.stack(each), 0) for length, each in found.items()}


def _runs(subtitles: Sequence[Cue]) -> list[tuple[int, int]]:
    """Return first and last of all subtitles in a row, single ones first."""
    return [(first, first + more) for more in range(RUN) for first in range(len(subtitles) - more)]


def _candidates(
    episodes: Sequence[Episode], shifts: Mapping[int, Floats], place: Mapping[str, int], period: float
) -> _Candidates | None:
    spans, counts, frames, owners = [], [], [], []
    for number, episode in enumerate(episodes):
        told_SV = table([words(cue.text) for cue in episode.subtitles], place).astype(np.int64)
        for first, last in _runs(episode.subtitles):
            shift_2 = shifts.get(last - first, np.zeros(2))
            start = max(0.0, episode.subtitles[first].start + shift_2[0])
            spans.append((start, max(start, episode.subtitles[last].end + shift_2[1])))
            counts.append(told_SV[first : last + 1].sum(0).clip(max=COUNTED))
            frames.append(_mean_frame(episode.frames_TD, spans[-1], period))
            owners.append(number)
    return _Candidates(np.array(spans), np.stack(counts), np.stack(frames), np.array(owners)) if owners else None


def _mean_frame(frames_TD: Floats, span: tuple[float, float], period: float) -> Floats:
    """Return the mean of the frames (D,) whose middles lie in a span, or the nearest one."""
    middle_T = (np.arange(len(frames_TD)) + 0.5) * period
    inside_T = (middle_T >= span[0]) & (middle_T <= span[1])
    if not inside_T.any():
        inside_T[np.abs(middle_T - sum(span) / 2).argmin()] = True
    return np.asarray(frames_TD[inside_T].mean(0))


def _overlap(spans_C2: Floats, own_2: Floats) -> Floats:
    """Return the IoU of spans with one (C,)."""
    both_C = np.minimum(spans_C2[:, 1], own_2[1]) - np.maximum(spans_C2[:, 0], own_2[0])
    whole_C = np.maximum(spans_C2[:, 1], own_2[1]) - np.minimum(spans_C2[:, 0], own_2[0])
    return np.asarray(both_C.clip(0) / whole_C.clip(1e-9))


def _learn(
    known: _Candidates, likeness_CV: Floats, asked: Sequence[tuple[int, Cue]], place: Mapping[str, int], seed: int
) -> _Weights:
    """Return the weights, from queries whose moments are known."""
    from sklearn.linear_model import LogisticRegression

    own, kept = [], []
    for number, query in asked:
        there_R = np.flatnonzero(known.owner_C == number)
        if len(there_R):
            kept.append(query)
            own.append(there_R[_overlap(known.spans_C2[there_R], np.array([query.start, query.end])).argmax()])
    queries_QV = table([words(query.text) for query in kept], place)
    own_Q = np.array(own)
    counts = range(COUNTED + 1)
    here_KV = np.stack([(queries_QV * (known.counts_CV[own_Q] == k)).sum(0) for k in counts]) + 0.5
    all_KV = np.stack([(known.counts_CV == k).mean(0) for k in counts]) + 1e-3
    told_KV = np.log(here_KV / here_KV.sum(0)) - np.log(all_KV / all_KV.sum(0))
    mean_V, times_V = likeness_CV.mean(0), queries_QV.sum(0)
    own_V = ((likeness_CV[own_Q] * queries_QV).sum(0) + _FEW * mean_V) / (times_V + _FEW)
    slope_V = (own_V - mean_V) / (likeness_CV.var(0) + 1e-9)
    plain = _Weights(told_KV, slope_V, (own_V + mean_V) / 2, 1.0, 1.0)
    random, rows, right = np.random.default_rng(seed), [], []
    for query_V, mine in zip(queries_QV, own_Q, strict=True):
        others_C = np.flatnonzero(known.owner_C != known.owner_C[mine])
        chosen = np.r_[mine, random.choice(others_C, min(OTHERS, len(others_C)), replace=False)]
        rows.append(_sums(known.counts_CV[chosen], likeness_CV[chosen], plain, query_V))
        right += [1] + [0] * (len(chosen) - 1)
    if len(set(right)) < 2:
        return plain
    text, sight = LogisticRegression(C=1000.0).fit(np.concatenate(rows), right).coef_[0]
    return _Weights(told_KV, slope_V, plain.middle_V, float(text), float(sight))


def _sums(counts_CV: Ints, likeness_CV: Floats, learnt: _Weights, query_V: Floats) -> Floats:
    """Return what the words of a query speak for each moment: by its subtitles, and by its frames (C, 2)."""
    at = np.flatnonzero(query_V)
    told_C = learnt.told_KV[counts_CV[:, at], at].sum(1)
    seen_C = ((likeness_CV[:, at] - learnt.middle_V[at]) * learnt.slope_V[at]).sum(1)
    return np.stack([told_C, seen_C], 1)


def _answers(moments: _Candidates, likeness_CV: Floats, learnt: _Weights, queries_NV: Floats, videos: int) -> Answers:
    scores_NM, spans_NM2 = np.full((len(queries_NV), videos), -np.inf), np.zeros((len(queries_NV), videos, 2))
    weights_2: Any = np.array([learnt.text, learnt.sight])
    for row, query_V in enumerate(queries_NV):
        score_C = _sums(moments.counts_CV, likeness_CV, learnt, query_V) @ weights_2
        order_C = np.argsort(score_C, kind="stable")  # the best of a video is written last
        scores_NM[row, moments.owner_C[order_C]] = score_C[order_C]
        spans_NM2[row, moments.owner_C[order_C]] = moments.spans_C2[order_C]
    return Answers(scores_NM, spans_NM2)

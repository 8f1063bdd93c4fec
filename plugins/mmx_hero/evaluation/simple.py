"""Word matching on subtitles: the simple method beside a network that retrieves moments by sentences.

Shape legend: N queries, M videos, S subtitles of a video, V words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Cue
from mmx_std import metrics, spans

Floats = NDArray[np.float64]
Episode = Sequence[Cue]
"""The subtitles of a video."""

WHOLE: Final = 0.01
"""Weight of the words of all subtitles beside those of the best one: it decides among equals."""


@dataclass(frozen=True)
class Answers:
    """What a method answers.

    Attributes:
        scores_NM: How well each video fits each query.
        spans_NM2: The moment of each video that fits best, in seconds.
    """

    scores_NM: Floats
    spans_NM2: Floats


def match(
    train: Sequence[tuple[Episode, Sequence[Cue]]], texts: Sequence[str], videos: Sequence[Episode]
) -> Mapping[str, Answers]:
    """Return how queries find videos and moments by the words that they share with subtitles, weighted by idf.

    `words_in_subtitles`: the moment is the best subtitle's own span; a video without subtitles has none.
    `words_in_subtitles_moved`: its start and end moved by the median distance to the moments of training queries.

    Args:
        train: Subtitles and queries (with their moments) of training videos: for idf and distances.
        texts: Queries, N.
        videos: Subtitles of the judged videos, M.
    """
    weight = _idf([words(" ".join(cue.text for cue in cues)) for cues, _ in train])
    learnt = _distances(train, weight)
    scores_NM, spans_NM2 = np.zeros((len(texts), len(videos))), np.zeros((len(texts), len(videos), 2))
    asked = [words(text) for text in texts]
    place = {word: number for number, word in enumerate(sorted(set().union(*asked)))}
    asked_NV = table(asked, place) * ([weight.get(word, weight[""]) for word in place] or [0.0])
    for column, cues in enumerate(videos):
        if cues:
            spoken = [words(cue.text) for cue in cues]
            # Rounded, so that sums in another order leave equals equal.
            shared_NS = (asked_NV @ table([*spoken, set().union(*spoken)], place).T).round(9)
            best_N = shared_NS[:, :-1].argmax(1)
            scores_NM[:, column] = shared_NS[:, :-1].max(1) + WHOLE * shared_NS[:, -1]
            spans_NM2[:, column] = np.array([(cue.start, cue.end) for cue in cues])[best_N]
    moved_NM2 = np.maximum(spans_NM2 + learnt, 0.0)
    return {
        "words_in_subtitles": Answers(scores_NM, spans_NM2),
        "words_in_subtitles_moved": Answers(scores_NM, moved_NM2),
    }


def ranks(
    answers: Mapping[str, Answers], owner_N: NDArray[Any], times: Sequence[Floats], rules: spans.Rules, seed: int
) -> dict[str, spans.Ranks]:
    """Return the ranks of the right answers; every video has one moment.

    Args:
        answers: Method -> what it answers.
        owner_N: Video of each query.
        times: Of each query, start and end (A, 2) by each annotator.
        rules: Annotators who must agree.
        seed: Of the order of moments among equals; the rank of a video is the mean over their orders.
    """
    found = {}
    for way, each in answers.items():
        order_M = np.random.default_rng(seed).permutation(each.scores_NM.shape[1])
        vr_N = metrics.first_ranks(each.scores_NM, owner_N[:, None] == np.sort(order_M))
        svmr: list[list[float]] = []
        vcmr: list[list[float]] = []
        for row, (owner, times_A2) in enumerate(zip(owner_N.tolist(), times, strict=True)):
            scores_M, spans_M2 = each.scores_NM[row], each.spans_NM2[row]
            best_M = order_M[np.argsort(-scores_M[order_M], kind="stable")]
            for kept, videos in ((svmr, np.array([owner])), (vcmr, best_M)):
                listed = spans.Found(videos, spans_M2[videos], scores_M[videos])
                kept.append(
                    [spans.first_hit(listed, owner, times_A2, limit, rules.agree) for limit in spans.THRESHOLDS]
                )
        own, every = (dict(zip(spans.THRESHOLDS, np.array(kept).T, strict=True)) for kept in (svmr, vcmr))
        found[way] = spans.Ranks(vr_N, own, every)
    return found


def _distances(train: Sequence[tuple[Episode, Sequence[Cue]]], weight: Mapping[str, float]) -> Floats:
    """Return the median of start and of end (2,) of training moments, less those of the best subtitle."""
    found = []
    for cues, queries in train:
        spoken = [words(cue.text) for cue in cues]
        for query in queries if spoken else ():
            values = [_shared(words(query.text), said, weight) for said in spoken]
            best = cues[int(np.argmax(values))]
            if max(values) > 0:
                found.append((query.start - best.start, query.end - best.end))
    return np.median(np.array(found), axis=0) if found else np.zeros(2)


def _idf(documents: Sequence[set[str]]) -> Mapping[str, float]:
    counts = Counter(word for document in documents for word in document)
    counts[""] = 0  # stands for what training never had
    return {word: float(np.log((1 + len(documents)) / (1 + count)) + 1) for word, count in counts.items()}


def _shared(asked: set[str], said: set[str], weight: Mapping[str, float]) -> float:
    """Return the summed weight of the words in both; a word that training never had counts as much as the rarest."""
    return sum(weight.get(word, weight[""]) for word in sorted(asked & said))


def table(texts: Sequence[set[str]], place: Mapping[str, int]) -> Floats:
    """Return which words each text has (N, V)."""
    found_NV = np.zeros((len(texts), max(1, len(place))))
    for row, text in enumerate(texts):
        found_NV[row, [place[word] for word in text if word in place]] = 1
    return found_NV


def words(text: str) -> set[str]:
    """Return the words of a text, in lower case."""
    return set(re.findall(r"\w+", text.lower()))

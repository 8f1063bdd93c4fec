"""Metrics of classification and retrieval, on numpy arrays. Shapes: N items or queries, M candidates, C classes.

Scores that are not a number count as the lowest. Ties are counted as the average over all orders of the tied, so
that a model that scores everything the same gets exactly chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy",
    "auc_per_class",
    "average_precision_per_class",
    "balanced_accuracy",
    "calibration_error",
    "chance_class_match",
    "chance_median_rank",
    "chance_recall_at_k",
    "class_matches",
    "confusion_matrix",
    "equal_marks",
    "first_ranks",
    "first_right",
    "median_rank",
    "recall_at_k",
    "recalls_at_k",
    "recalls_in_galleries",
    "reliability",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def accuracy(truth_N: ArrayLike, predicted_N: ArrayLike) -> float:
    """Return the share of items whose predicted class is the true one; NaN without items."""
    truth_N, predicted_N = np.asarray(truth_N), np.asarray(predicted_N)
    return float((truth_N == predicted_N).mean()) if truth_N.size else float("nan")


def balanced_accuracy(truth_N: ArrayLike, predicted_N: ArrayLike) -> float:
    """Return the mean over the classes that occur in `truth_N` of the share of their items that are right."""
    truth_N, predicted_N = np.asarray(truth_N), np.asarray(predicted_N)
    if not truth_N.size:
        return float("nan")
    classes_K, index_N = np.unique(truth_N, return_inverse=True)
    right_K = np.bincount(index_N, weights=truth_N == predicted_N, minlength=classes_K.size)
    return float((right_K / np.bincount(index_N)).mean())


def reliability(probabilities_NC: Floats, truth_N: Ints, bins: int = 15) -> tuple[Floats, Floats, Ints]:
    """Return mean confidence, accuracy and number of items of each equally wide bin of confidence that has items.

    Confidence is the probability of the most probable class; a bin holds what lies above its lower end.
    """
    confidence_N = probabilities_NC.max(axis=1)
    right_N = probabilities_NC.argmax(axis=1) == truth_N
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(np.int64) - 1, 0, bins - 1)
    count_K = np.bincount(bin_N, minlength=bins)
    there_K = count_K > 0
    of = [
        np.bincount(bin_N, weights=each_N, minlength=bins)[there_K] / count_K[there_K]
        for each_N in (confidence_N, right_N)
    ]
    return of[0], of[1], count_K[there_K]


def calibration_error(probabilities_NC: Floats, truth_N: Ints, bins: int = 15) -> float:
    """Return the mean over items of |accuracy - confidence| of their bin (Guo et al., 2017, equation 3)."""
    confidence_K, accuracy_K, count_K = reliability(probabilities_NC, truth_N, bins)
    return float((np.abs(confidence_K - accuracy_K) * count_K).sum() / count_K.sum())


def confusion_matrix(truth_N: ArrayLike, predicted_N: ArrayLike, classes: int) -> Ints:
    """Return counts (C, C): rows are true classes, columns predicted ones."""
    matrix_CC = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix_CC, (np.asarray(truth_N, dtype=np.int64), np.asarray(predicted_N, dtype=np.int64)), 1)
    return matrix_CC


def auc_per_class(truth_NC: ArrayLike, scores_NC: ArrayLike) -> Floats:
    """Return the area under each class's ROC curve (C,): the chance that a positive scores above a negative.

    NaN for a class without a positive or without a negative item; count those with `np.isnan`.

    Args:
        truth_NC: 1 where the class is present, 0 where it is not.
        scores_NC: Higher means more likely present.
    """
    from sklearn.metrics import roc_auc_score  # of prediction it would be a third of the time

    truth_NC, scores_NC = np.asarray(truth_NC) > 0, _lowest_if_nan(scores_NC)
    return np.array(
        [
            roc_auc_score(truth_N, scores_N) if truth_N.any() and not truth_N.all() else np.nan
            for truth_N, scores_N in zip(truth_NC.T, scores_NC.T, strict=True)
        ],
        dtype=np.float64,
    )


def average_precision_per_class(truth_NC: ArrayLike, scores_NC: ArrayLike) -> Floats:
    """Return each class's average precision (C,): sum over thresholds of (recall gained) x precision.

    NaN for a class without a positive item. Chance is the share of positives.
    """
    from sklearn.metrics import average_precision_score  # of prediction it would be a third of the time

    truth_NC, scores_NC = np.asarray(truth_NC) > 0, _lowest_if_nan(scores_NC)
    return np.array(
        [
            average_precision_score(truth_N, scores_N) if truth_N.any() else np.nan
            for truth_N, scores_N in zip(truth_NC.T, scores_NC.T, strict=True)
        ],
        dtype=np.float64,
    )


def equal_marks(marks_N: Sequence[object]) -> NDArray[np.bool_]:
    """Return which items have the same mark (N, N); None, -1 and "" are no mark."""
    _, index_N = np.unique(np.array([str(mark) for mark in marks_N]), return_inverse=True)
    known_N = np.array([mark not in (None, -1, "") for mark in marks_N], dtype=bool)
    equal_NN: NDArray[np.bool_] = (index_N[:, None] == index_N[None, :]) & known_N[:, None]
    return equal_NN


def first_ranks(scores_NM: ArrayLike, positives_NM: ArrayLike) -> Floats:
    """Return for each query the expected 1-based rank (N,) of its best positive candidate.

    With b candidates above it and p positives tied with n others at its score, the first positive of the tied group
    stands at place (n + p + 1) / (p + 1) on average. NaN for a query without a positive.
    """
    above_N, positive_N, other_N = _tie_groups(scores_NM, positives_NM)
    with np.errstate(invalid="ignore"):
        return np.where(positive_N > 0, above_N + (other_N + positive_N + 1) / (positive_N + 1), np.nan)


def recalls_at_k(scores_NM: ArrayLike, positives_NM: ArrayLike, k: int) -> Floats:
    """Return for each query the probability (N,) that one of its positives is among the first k candidates.

    It is 0 or 1 unless ties straddle place k. NaN for a query without a positive.
    """
    groups = zip(*_tie_groups(scores_NM, positives_NM), strict=True)
    return np.array(
        [
            np.nan if positive == 0 else 1 - _none_among(k - above, positive, other)
            for above, positive, other in ((int(a), int(p), int(n)) for a, p, n in groups)
        ],
        dtype=np.float64,
    )


def recalls_in_galleries(
    scores_NM: Floats,
    right_NM: NDArray[np.bool_],
    k: int,
    gallery: int | None = None,
    among_NM: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return for each query the probability (N,) that its one right candidate is among the first k of a gallery.

    In a gallery of G candidates drawn around the right one from n others, the number of those among the b closer ones
    is hypergeometric; so the mean over all galleries is exact, without drawing any. Ties count as the average over
    their orders. NaN where there are fewer than G - 1 others.

    Args:
        scores_NM: Higher is closer.
        right_NM: The right candidate, one per query.
        k: Places.
        gallery: G; None is everyone who is allowed.
        among_NM: Who may be in a query's gallery; default: everyone.
    """
    own_N1 = scores_NM[right_NM][:, None]
    others_NM = ~right_NM if among_NM is None else among_NM & ~right_NM
    closer_N = ((scores_NM > own_N1) & others_NM).sum(1)
    tied_N = ((scores_NM == own_N1) & others_NM).sum(1)
    found = []
    for others, closer, tied in zip(others_NM.sum(1).tolist(), closer_N.tolist(), tied_N.tolist(), strict=True):
        drawn = others if gallery is None else gallery - 1
        found.append(np.nan if drawn > others else _fewer(others, drawn, k)[closer : closer + tied + 1].mean())
    return np.array(found)


@lru_cache(maxsize=256)
def _fewer(others: int, drawn: int, k: int) -> Floats:
    """Return P(fewer than k of b closer candidates are drawn) for b = 0 .. others."""
    from scipy.stats import hypergeom  # half a second that other metrics need not pay

    return np.asarray(hypergeom.cdf(k - 1, others, np.arange(others + 1), drawn), np.float64)


def recall_at_k(scores_NM: ArrayLike, positives_NM: ArrayLike, k: int) -> float:
    """Return the mean over queries of `recalls_at_k`; queries without a positive are left out."""
    return _mean(recalls_at_k(scores_NM, positives_NM, k))


def median_rank(scores_NM: ArrayLike, positives_NM: ArrayLike) -> float:
    """Return the median over queries of `first_ranks`; 1 is best; queries without a positive are left out."""
    ranks_N = first_ranks(scores_NM, positives_NM)
    ranks_N = ranks_N[~np.isnan(ranks_N)]
    return float(np.median(ranks_N)) if ranks_N.size else float("nan")


def chance_recall_at_k(positives_NM: ArrayLike, k: int) -> float:
    """Return the recall of a random order: k / M where each query has one positive among M candidates."""
    positives_NM = np.asarray(positives_NM, dtype=bool)
    counts_N = positives_NM.sum(axis=1)
    candidates = positives_NM.shape[1]
    return _mean(np.array([1 - _none_among(k, int(p), candidates - int(p)) if p else np.nan for p in counts_N]))


def chance_median_rank(positives_NM: ArrayLike) -> float:
    """Return the median, over queries, of the first positive's rank in a random order.

    With p positives among M candidates the first stands at k or before with probability 1 - C(M - k, p) / C(M, p). The
    result is the median of the mixture over queries: the mean of the least and the greatest rank that halve it.
    """
    positives_NM = np.asarray(positives_NM, dtype=bool)
    counts_N, candidates = positives_NM.sum(axis=1), positives_NM.shape[1]
    counts_U, queries_U = np.unique(counts_N[counts_N > 0], return_counts=True)
    if not counts_U.size:
        return float("nan")
    # How likely it is that no positive stands at place k or before, as a product over the places.
    places_M = np.arange(candidates)
    later_UM = np.clip(1 - counts_U[:, None] / (candidates - places_M), 0, 1).cumprod(axis=1)
    reached_M = 1 - queries_U @ later_UM / queries_U.sum()
    half = 0.5 - 1e-12
    least, greatest = np.argmax(reached_M >= half), np.argmax(reached_M > 1 - half)
    return float(least + greatest) / 2 + 1


def class_matches(scores_NM: ArrayLike, query_classes_N: ArrayLike, candidate_classes_M: ArrayLike) -> Floats:
    """Return for each query the share (N,) of its top-scored candidates (one, unless tied) that have its class."""
    return first_right(scores_NM, np.asarray(query_classes_N)[:, None] == np.asarray(candidate_classes_M)[None, :])


def first_right(scores_NM: ArrayLike, right_NM: NDArray[np.bool_]) -> Floats:
    """Return for each query the share (N,) of its top-scored candidates (one, unless tied) that are right."""
    scores_NM = _lowest_if_nan(scores_NM)
    top_NM = scores_NM == scores_NM.max(axis=1, keepdims=True)
    share_N: Floats = (right_NM & top_NM).sum(axis=1) / top_NM.sum(axis=1)
    return share_N


def chance_class_match(query_classes_N: ArrayLike, candidate_classes_M: ArrayLike) -> float:
    """Return the class match of a random candidate."""
    return _mean((np.asarray(query_classes_N)[:, None] == np.asarray(candidate_classes_M)[None, :]).mean(axis=1))


def _tie_groups(scores_NM: ArrayLike, positives_NM: ArrayLike) -> tuple[Ints, Ints, Ints]:
    """Return (N,) how many candidates score above the best positive, and how many positives and others equal it."""
    scores_NM, positives_NM = _lowest_if_nan(scores_NM), np.asarray(positives_NM, dtype=bool)
    best_N1 = np.where(positives_NM, scores_NM, -np.inf).max(axis=1, keepdims=True)
    equal_NM = scores_NM == best_N1
    return (
        (scores_NM > best_N1).sum(axis=1),
        (equal_NM & positives_NM).sum(axis=1),
        (equal_NM & ~positives_NM).sum(axis=1),
    )


def _none_among(places: int, positives: int, others: int) -> float:
    """Return the probability that `places` draws without replacement hold none of the positives."""
    if places <= 0:
        return 1.0
    if places > others:
        return 0.0
    return comb(others, places) / comb(others + positives, places)


def _lowest_if_nan(scores: ArrayLike) -> Floats:
    """Return finite scores of the same order: NaN becomes the lowest number, infinities the extreme ones."""
    lowest = np.finfo(np.float64).min
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=lowest, neginf=lowest)


def _mean(values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")

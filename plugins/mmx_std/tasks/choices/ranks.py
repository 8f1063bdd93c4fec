"""Places of candidates in an order by score. Shapes: N items, K candidates.

Candidates that are not there (items may have fewer than K) score minus infinity and have no relevance. Ties count as
the average over all orders of the tied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmx_std.tasks.metrics import first_ranks

__all__ = ["gains", "reciprocal_ranks", "truths"]

Floats = NDArray[np.float64]


def truths(right_N: Sequence[int], count: int) -> NDArray[np.bool_]:
    """Return where the right candidate of each item stands (N, K)."""
    found: NDArray[np.bool_] = np.arange(count)[None] == np.asarray(right_N)[:, None]
    return found


def reciprocal_ranks(scores_NK: Floats, right_NK: NDArray[np.bool_]) -> Floats:
    """Return the expected 1 / rank (N,) of the right candidate; its mean is MRR.

    Args:
        scores_NK: Higher comes first; not a number counts as the lowest.
        right_NK: One True in each row.
    """
    lowest, found = np.finfo(np.float64).min, []
    scores_NK = np.nan_to_num(scores_NK, nan=lowest, neginf=lowest)
    for mean_rank, scores_K, right_K in zip(first_ranks(scores_NK, right_NK), scores_NK, right_NK, strict=True):
        tied = int((scores_K == scores_K[right_K][0]).sum()) - 1
        # The places of the tied lie evenly around their mean.
        places = mean_rank + np.arange(tied + 1) - tied / 2
        found.append(float((1 / places).mean()))
    return np.array(found, np.float64)


def gains(scores_NK: Floats, relevance_NK: Floats) -> Floats:
    """Return the normalised discounted cumulative gain (N,), not a number where nothing is relevant.

    As VisDial counts it: over the first k places, k being how many candidates are relevant at all,
    sum_i relevance_i / log2(i + 1), divided by that of the best order.
    """
    found = []
    for scores_K, relevance_K in zip(scores_NK, relevance_NK, strict=True):
        relevant = int((relevance_K > 0).sum())
        if not relevant:
            found.append(np.nan)
            continue
        discount_K = np.where(np.arange(len(relevance_K)) < relevant, 1 / np.log2(np.arange(len(relevance_K)) + 2), 0.0)
        best = (np.sort(relevance_K)[::-1] * discount_K).sum()
        found.append(float((_ordered(scores_K, relevance_K) * discount_K).sum() / best))
    return np.array(found, np.float64)


def _ordered(scores_K: Floats, relevance_K: Floats) -> Floats:
    """Return the relevance in order of the scores, among the tied their mean."""
    _, group_K = np.unique(np.nan_to_num(-scores_K, nan=np.inf, posinf=np.inf), return_inverse=True)
    mean_G = np.bincount(group_K, weights=relevance_K) / np.bincount(group_K)
    return np.asarray(mean_G[np.sort(group_K)])

"""Simple methods beside a network: nearest neighbours, logistic and ridge regression, canonical correlation.

They take cheap statistics of the same raw items (`mmx_std.tasks.descriptors`), or features that a task gives. All is
learnt and chosen on training items; test items are only predicted. Same items, same predictions.

Shape legend: N test items, M training items, D features, K classes, A and B widths of two sides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import DataError
from mmx_std.tasks.descriptors import Blocks, describe
from mmx_std.tasks.judging import Chosen

if TYPE_CHECKING:
    from mmx import Corpus, Sample

__all__ = ["chained", "classify", "describe", "evenly", "joined", "learnable", "match", "of_samples", "regress"]

Floats = NDArray[np.float64]

MOST: Final = 1500
"""Training items that are learnt from, evenly spread."""
NEIGHBOURS: Final = (1, 3, 5, 9, 15)
COSTS: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of C of the logistic regression."""
RIDGES: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Penalties, per training item, of standardised features."""
SHRINKAGES: Final = (1e-3, 1e-2, 1e-1, 1.0)
"""Shares of the identity in the covariances of the canonical correlation."""
FOLDS: Final = 4
WIDTHS: Final = (64, 128, 256)
"""Principal components that may be kept of each side of the canonical correlation."""


def of_samples(train: Sequence[Sample], test: Sequence[Sample], fields: Sequence[str]) -> Blocks:
    """Return cheap statistics of these fields; with several fields each kind has its field's name before it.

    A field that there are no statistics for, or that cannot be read, is left out.
    """
    found: Blocks = {}
    for field in fields:
        with suppress(DataError):
            blocks = describe(*([sample.fields.get(field) for sample in part] for part in (train, test)))
            found |= {f"{field}_{kind}" if len(fields) > 1 else kind: pair for kind, pair in blocks.items()}
    return found


def learnable(corpus: Corpus, most: int = MOST) -> Sequence[Sample]:
    """Return at most `most` samples of split train, evenly spread; none where the corpus has no such split."""
    try:
        train = corpus.split("train")
    except DataError:
        return ()
    return Chosen(train, evenly(len(train), most).tolist())


def classify(
    blocks: Blocks, labels: Sequence[int] | NDArray[Any], groups: Sequence[Any] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Return the classes (N,) that simple methods name, by method and kind of statistics.

    Args:
        blocks: Kind of statistics -> training (M, D) and test items (N, D), from `describe`.
        labels: Class of each training item (M,).
        groups: Recording of each training item (M,): its items stay in one fold when settings are chosen.
    """
    labels_M = np.asarray(labels)
    chosen = evenly(len(labels_M), MOST)
    labels_M = labels_M[chosen]
    folds = _folds(len(labels_M), None if groups is None else [groups[place] for place in chosen])
    found: dict[str, NDArray[np.int64]] = {}
    for kind, (train_MD, test_ND) in blocks.items():
        train_MD, test_ND = _standardised(train_MD[chosen], test_ND)
        for name, method, settings in (
            ("nearest_neighbours", _nearest, NEIGHBOURS),
            ("logistic_regression", _logistic, COSTS),
        ):
            best = _best(method, settings, train_MD, labels_M, folds)
            found[f"{name}_{kind}"] = method(train_MD, labels_M, test_ND, best)
    return found


def regress(blocks: Blocks, targets: Any, groups: Sequence[Any] | None = None) -> dict[str, Floats]:
    """Return what ridge regression predicts (N, ...), by kind of statistics.

    Args:
        blocks: Kind of statistics -> training (M, D) and test items (N, D).
        targets: Values of each training item (M,) or (M, ...).
        groups: Recording or speaker of each training item (M,).
    """
    targets_M = np.asarray(targets, np.float64)
    chosen = evenly(len(targets_M), MOST)
    flat_MD = targets_M[chosen].reshape(len(chosen), -1)
    folds = _folds(len(chosen), None if groups is None else [groups[place] for place in chosen])
    found = {}
    for kind, (train_MD, test_ND) in blocks.items():
        train_MD, test_ND = _standardised(train_MD[chosen], test_ND)
        losses = [
            sum(((_ridge(train_MD[a], flat_MD[a], train_MD[b], cost) - flat_MD[b]) ** 2).sum() for a, b in folds)
            for cost in RIDGES
        ]
        predicted = _ridge(train_MD, flat_MD, test_ND, RIDGES[int(np.argmin(losses))])
        found[f"ridge_{kind}"] = predicted.reshape(len(test_ND), *targets_M.shape[1:])
    return found


def match(a: Blocks, b: Blocks, groups: Sequence[Any] | None = None) -> dict[str, Floats]:
    """Return similarities (N queries of a, N candidates of b) of the test items, by method.

    `cca`: canonical correlation of all statistics of both sides, components weighted by the fourth power of their
    correlation. `nearest_neighbour`: the other side of the training item that is most like the query.

    Args:
        a: Statistics of one side, training pairs and test items.
        b: Of the other, in the same order.
        groups: Recording or video of each training pair (M,).
    """
    sides = [joined(each) for each in (a, b)]
    chosen = evenly(len(sides[0][0]), MOST)
    (a_MD, a_ND), (b_MD, b_ND) = (_reduced(train[chosen], test) for train, test in sides)
    folds = _folds(len(chosen), None if groups is None else [groups[place] for place in chosen])
    widest = max(a_MD.shape[1], b_MD.shape[1])
    widths = [width for place, width in enumerate(WIDTHS) if not place or WIDTHS[place - 1] < widest]
    settings = [(width, share) for width in widths for share in SHRINKAGES]
    quality = [
        sum(_reciprocal(_cca(a_MD[x, :w], b_MD[x, :w], a_MD[y, :w], b_MD[y, :w], share)) for x, y in folds)
        for w, share in settings
    ]
    width, share = settings[int(np.argmax(quality))]
    nearest_N = _distances(a_ND, a_MD).argmin(1)
    return {
        "cca": _cca(a_MD[:, :width], b_MD[:, :width], a_ND[:, :width], b_ND[:, :width], share),
        "nearest_neighbour": _unit(b_MD[nearest_N]) @ _unit(b_ND).T,
    }


def chained(a: Blocks, between: Blocks, b: Blocks) -> Floats:
    """Return similarities (N items of a, K candidates of b) through nearest neighbours, for sides that never met.

    An item's nearest training item of a has a value of the modality between; the nearest of those that are paired with
    b lends its b.

    Args:
        a: Statistics of a: training items that have both a and between, then test items.
        between: Of the modality between: of the same training items, then of others, which have b.
        b: Of b: those others, then the candidates.
    """
    (a_MD, a_ND), (between_MD, between_LD), (b_LD, b_KD) = (_reduced(*joined(each)) for each in (a, between, b))
    nearest_N = _distances(a_ND, a_MD).argmin(1)
    other_N = _distances(between_MD[nearest_N], between_LD).argmin(1)
    return np.asarray(_unit(b_LD[other_N]) @ _unit(b_KD).T)


def joined(blocks: Blocks) -> tuple[Floats, Floats]:
    """Return all kinds of statistics side by side."""
    train, test = zip(*blocks.values(), strict=True)
    return np.concatenate(train, axis=1), np.concatenate(test, axis=1)


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the numbers below `count`, evenly spread."""
    return np.arange(count) if count <= most else np.arange(most) * count // most


Method = Callable[[Floats, NDArray[Any], Floats, Any], NDArray[np.int64]]


def _best(
    method: Method, settings: Sequence[Any], train_MD: Floats, labels_M: NDArray[Any], folds: Sequence[tuple[Any, Any]]
) -> Any:
    """Return the setting with the most hits on the folds of the training items; the first of equals."""
    hits = [
        sum(int((method(train_MD[a], labels_M[a], train_MD[b], each) == labels_M[b]).sum()) for a, b in folds)
        for each in settings
    ]
    return settings[int(np.argmax(hits))]


def _nearest(train_MD: Floats, labels_M: NDArray[Any], test_ND: Floats, neighbours: int) -> NDArray[np.int64]:
    """Return the most frequent class of the nearest; of equals that with the nearest item."""
    order_NM = np.argsort(_distances(test_ND, train_MD), axis=1, kind="stable")[:, :neighbours]
    votes_NK = np.zeros((len(test_ND), int(labels_M.max()) + 1))
    for place in range(order_NM.shape[1]):
        votes_NK[np.arange(len(test_ND)), labels_M[order_NM[:, place]]] += 1 + 1e-3 / (1 + place)
    return np.asarray(votes_NK.argmax(1))


def _logistic(train_MD: Floats, labels_M: NDArray[Any], test_ND: Floats, cost: float) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels_M)) < 2 or not len(test_ND):  # one class, or a fold of few items that is empty
        return np.full(len(test_ND), labels_M[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it reached by then is what is judged
        return np.asarray(LogisticRegression(C=cost, max_iter=200, tol=1e-3).fit(train_MD, labels_M).predict(test_ND))


def _ridge(train_MD: Floats, targets_MK: Floats, test_ND: Floats, cost: float) -> Floats:
    """Return predictions of least squares with a penalty of `cost` per training item, in the smaller of two forms."""
    middle_K, centre_D = targets_MK.mean(0), train_MD.mean(0)
    x_MD, y_MK, penalty = train_MD - centre_D, targets_MK - middle_K, cost * len(train_MD)
    if x_MD.shape[1] <= len(x_MD):
        weight_DK = np.linalg.solve(x_MD.T @ x_MD + penalty * np.eye(x_MD.shape[1]), x_MD.T @ y_MK)
    else:
        weight_DK = x_MD.T @ np.linalg.solve(x_MD @ x_MD.T + penalty * np.eye(len(x_MD)), y_MK)
    return np.asarray((test_ND - centre_D) @ weight_DK + middle_K)


def _cca(a_MD: Floats, b_MD: Floats, a_ND: Floats, b_ND: Floats, share: float) -> Floats:
    """Return cosines (N, N) of canonical variates, weighted as Gong et al. (2014, 3.2) do."""
    a_centre, b_centre = a_MD.mean(0), b_MD.mean(0)
    a_white, b_white = (_whitening(each - each.mean(0), share) for each in (a_MD, b_MD))
    cross = a_white.T @ ((a_MD - a_centre).T @ (b_MD - b_centre) / len(a_MD)) @ b_white
    left, correlations, right = np.linalg.svd(cross, full_matrices=False)
    weight = correlations.clip(0, 1) ** 4
    a_NK = (a_ND - a_centre) @ a_white @ left * weight
    b_NK = (b_ND - b_centre) @ b_white @ right.T * weight
    return _unit(a_NK) @ _unit(b_NK).T


def _whitening(centred_MD: Floats, share: float) -> Floats:
    covariance = centred_MD.T @ centred_MD / len(centred_MD)
    values, vectors = np.linalg.eigh(covariance + share * np.eye(len(covariance)))
    return np.asarray(vectors / np.sqrt(values.clip(min=1e-9)))


def _reciprocal(similarity_NN: Floats) -> float:
    """Return the mean reciprocal rank of the diagonal."""
    own_N = np.diag(similarity_NN)
    return float((1 / (similarity_NN >= own_N[:, None]).sum(1).clip(min=1)).mean())


def _reduced(train_MD: Floats, test_ND: Floats) -> tuple[Floats, Floats]:
    """Return principal components of standardised features, learnt on the training items."""
    train_MD, test_ND = _standardised(train_MD, test_ND)
    if train_MD.shape[1] <= WIDTHS[0]:
        return train_MD, test_ND
    axes_DD = np.linalg.svd(train_MD, full_matrices=False)[2][: WIDTHS[-1]].T
    return train_MD @ axes_DD, test_ND @ axes_DD


def _standardised(train_MD: Floats, test_ND: Floats) -> tuple[Floats, Floats]:
    middle_D, deviation_D = train_MD.mean(0), train_MD.std(0)
    scale_D = np.where(deviation_D > 1e-9, deviation_D, 1.0)
    # What never varies in training is no feature: in a test item it would only be noise.
    kept_D = deviation_D > 1e-9
    if not kept_D.any():
        return np.zeros((len(train_MD), 1)), np.zeros((len(test_ND), 1))
    return ((train_MD - middle_D) / scale_D)[:, kept_D], ((test_ND - middle_D) / scale_D)[:, kept_D]


def _distances(a_ND: Floats, b_MD: Floats) -> Floats:
    return np.asarray((a_ND**2).sum(1)[:, None] - 2 * a_ND @ b_MD.T + (b_MD**2).sum(1))


def _unit(x_ND: Floats) -> Floats:
    return np.asarray(x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True).clip(min=1e-9))


def _folds(count: int, groups: Sequence[Any] | None) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return training and validation rows of four folds; rows of one group stay together."""
    names = np.arange(count) if groups is None else np.unique([str(each) for each in groups], return_inverse=True)[1]
    fold_N = np.random.default_rng(0).permutation(int(names.max()) + 1)[names] % FOLDS
    return list(_parts(fold_N))


def _parts(fold_N: NDArray[Any]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for each in np.unique(fold_N) if len(np.unique(fold_N)) > 1 else ():
        yield np.flatnonzero(fold_N != each), np.flatnonzero(fold_N == each)

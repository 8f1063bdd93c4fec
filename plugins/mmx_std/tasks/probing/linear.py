"""Linear probes: support vector machines on frozen features.

An item is a matrix of windows (W, D): one row for a feature averaged over time, several for sliding windows over it.
Training uses every window with its item's label; an item is judged by the mean of its windows' decision values.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mmx import DataError

__all__ = [
    "Fold",
    "Judgement",
    "Plan",
    "judge",
    "majority",
    "majority_hits",
    "official_folds",
    "scores",
    "shuffled_folds",
]

REGULARISATIONS: Final = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Values of C to choose from, on training items only, where it is not given. The official code fixes 0.01."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Item numbers to learn from and to judge; no recording is in both."""

    train: np.ndarray
    test: np.ndarray


Plan = Sequence[Sequence[Fold]]
"""Repetitions of folds."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a linear classifier does on features.

    Attributes:
        guesses: Predicted class per repetition and item (R, N); -1 where an item was not judged.
        scores: Mean decision value per item and class (N, C) over repetitions; -inf for a class never learnt.
        labels: True class per item (N,).
        regularisations: C of every fit, in order.
    """

    guesses: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    regularisations: Sequence[float]

    @property
    def judged(self) -> np.ndarray:
        """Numbers of the items that were judged."""
        return np.flatnonzero((self.guesses >= 0).any(0))

    @property
    def hits(self) -> np.ndarray:
        """Share of repetitions in which each judged item was recognised."""
        right_RN = self.guesses[:, self.judged] == self.labels[self.judged]
        return np.asarray(right_RN.mean(0))

    @property
    def accuracy(self) -> float:
        """Mean accuracy over items and repetitions."""
        return float(self.hits.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the accuracy over repetitions: the luck of the folds."""
        judged = self.judged
        return float((self.guesses[:, judged] == self.labels[judged]).mean(1).std())

    def confusion(self, classes: int) -> np.ndarray:
        """Return counts (true class, predicted class), summed over repetitions."""
        counts = np.zeros((classes, classes), dtype=np.int64)
        for guess in self.guesses:
            known = guess >= 0
            np.add.at(counts, (self.labels[known], guess[known]), 1)
        return counts


def shuffled_folds(labels: np.ndarray, groups: Sequence[str], *, folds: int, repeats: int, seed: int) -> Plan:
    """Divide items into stratified folds, several times, keeping every recording in one fold.

    Raises:
        DataError: Too few items.
    """
    smallest = np.unique(labels, return_counts=True)[1].min() if len(labels) else 0
    if smallest < 2 or len(labels) < folds:
        raise DataError(f"{len(labels)} items with {smallest} in the smallest class are too few for {folds} folds")
    plain = len(set(groups)) == len(groups)
    result = []
    for repeat in range(repeats):
        kind = StratifiedKFold if plain else StratifiedGroupKFold
        splitter = kind(min(folds, len(labels)), shuffle=True, random_state=seed + repeat)
        parts = splitter.split(labels, labels, groups=None if plain else groups)
        result.append([Fold(train, test) for train, test in parts])
    return result


def official_folds(numbers: np.ndarray) -> Plan:
    """Return the folds that a data set prescribes; items with a negative number are learnt from and never judged.

    Raises:
        DataError: There is nothing to judge, or nothing to learn from.
    """
    result = [Fold(np.flatnonzero(numbers != n), np.flatnonzero(numbers == n)) for n in np.unique(numbers) if n >= 0]
    if not result or any(not len(fold.train) for fold in result):
        raise DataError("the items have no two folds to learn from and to judge")
    return [result]


def judge(
    items: Sequence[np.ndarray],
    labels: np.ndarray,
    plan: Plan,
    *,
    regularisation: float | None = 0.01,
    standardise: bool = True,
) -> Judgement:
    """Train and judge a linear support vector machine on every fold of every repetition.

    Args:
        items: Windows (W, D) per item.
        labels: Class per item.
        plan: Repetitions of folds.
        regularisation: C of the support vector machine; None chooses it on the training items of each fold.
        standardise: Bring every feature to mean 0 and variance 1 on the training windows first.
    """
    classes = int(labels.max()) + 1
    guesses = np.full((len(plan), len(items)), -1)
    scores = np.zeros((len(items), classes))
    chosen = []
    for repeat, folds in enumerate(plan):
        for fold in folds:
            cost = regularisation if regularisation is not None else _choose(items, labels, fold, standardise)
            chosen.append(cost)
            model = _fit(items, labels, fold.train, cost, standardise)
            values = _values(model, items, fold.test, classes)
            guesses[repeat, fold.test] = values.argmax(1)
            scores[fold.test] += values / len(plan)
    return Judgement(guesses, scores, labels, chosen)


def scores(
    items: Sequence[np.ndarray],
    labels: np.ndarray,
    new: np.ndarray,
    *,
    regularisation: float | None = 0.01,
    standardise: bool = True,
) -> np.ndarray:
    """Return the decision value of each class (C,) for a new item (W, D); arguments as for `judge`."""
    cost = regularisation
    if cost is None:
        cost = _choose(items, labels, Fold(np.arange(len(items)), np.arange(0)), standardise)
    model = _fit(items, labels, np.arange(len(items)), cost, standardise)
    return np.asarray(_values(model, [new], np.array([0]), int(labels.max()) + 1)[0])


def majority(labels: np.ndarray, plan: Plan) -> float:
    """Return the accuracy of always naming the most frequent class of the training items."""
    return float(majority_hits(labels, plan).mean())


def majority_hits(labels: np.ndarray, plan: Plan) -> np.ndarray:
    """Return, for each item that is judged, in how many repetitions it has the most frequent class of the training."""
    hits, times = np.zeros(len(labels)), np.zeros(len(labels))
    for fold in (fold for folds in plan for fold in folds):
        hits[fold.test] += labels[fold.test] == np.bincount(labels[fold.train]).argmax()
        times[fold.test] += 1
    return np.asarray(hits[times > 0] / times[times > 0])


def _fit(items: Sequence[np.ndarray], labels: np.ndarray, rows: np.ndarray, cost: float, standardise: bool) -> Pipeline:
    windows = np.concatenate([items[row] for row in rows])
    targets = np.concatenate([np.full(len(items[row]), labels[row]) for row in rows])
    # A fixed random state: the solver visits the items in random order and stops at a tolerance.
    machine = LinearSVC(C=cost, dual=True, random_state=0, max_iter=2000, tol=1e-3)
    model = make_pipeline(StandardScaler(with_mean=standardise, with_std=standardise), machine)
    with warnings.catch_warnings():
        # Weak regularisation stops at `max_iter` where classes overlap; what it reached by then is what is judged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(windows, targets)


def _values(model: Pipeline, items: Sequence[np.ndarray], rows: np.ndarray, classes: int) -> np.ndarray:
    known = model.classes_
    result = np.full((len(rows), classes), -np.inf)
    for place, row in enumerate(rows):
        decision = model.decision_function(items[row])
        if decision.ndim == 1:  # two classes: one value, positive for the second
            decision = np.stack([-decision, decision], axis=1)
        result[place, known] = decision.mean(0)
    return result


def _choose(items: Sequence[np.ndarray], labels: np.ndarray, fold: Fold, standardise: bool) -> float:
    inner_labels = labels[fold.train]
    count = int(np.clip(np.bincount(inner_labels)[np.unique(inner_labels)].min(), 2, 3))
    parts = StratifiedKFold(count, shuffle=True, random_state=0).split(inner_labels, inner_labels)
    inner = [Fold(fold.train[train], fold.train[test]) for train, test in parts]
    accuracies = [
        judge(items, labels, [inner], regularisation=cost, standardise=standardise).accuracy for cost in REGULARISATIONS
    ]
    return REGULARISATIONS[int(np.argmax(accuracies))]

"""Handcrafted features and a support vector machine: what was done before networks. N windows, F features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field
from scipy.signal import find_peaks

from mmx import Corpus, Model, Prediction, Report, Run, Sample, Signal, measure
from mmx_std import judging, ports

_LEAST_GAP: Final = 0.35
"""Seconds between two beats at least."""


def heart(signal: Signal) -> list[float]:
    """Return mean interval between beats, its deviation (SDNN), that of successive ones (RMSSD), and the rate."""
    wave_T = signal.values_TC[:, 0]
    height = float(wave_T.mean() + 1.5 * wave_T.std())
    peaks_N = find_peaks(wave_T, height=height, distance=max(1, round(_LEAST_GAP * signal.rate)))[0]
    gaps_N = np.diff(peaks_N) / signal.rate
    if len(gaps_N) < 2:
        return [0.0, 0.0, 0.0, 0.0]
    successive = float(np.sqrt(np.square(np.diff(gaps_N)).mean()))
    return [float(gaps_N.mean()), float(gaps_N.std()), successive, 60 / float(gaps_N.mean())]


def vehicle(signal: Signal) -> list[float]:
    """Return mean and deviation of each channel, and how often the first one (steering) changes its sign."""
    values_TC = signal.values_TC
    reversals = float((np.diff(np.sign(values_TC[:, 0])) != 0).sum()) / (len(values_TC) / signal.rate)
    return [*values_TC.mean(axis=0).tolist(), *values_TC.std(axis=0).tolist(), reversals]


def context(signal: Signal) -> list[float]:
    """Return the mean of each channel."""
    return [float(value) for value in signal.values_TC.mean(axis=0)]


class Handcrafted:
    """Judges a support vector machine on heart-rate variability, vehicle statistics and surroundings, not the model.

    Metrics: `handcrafted`, its accuracy on the judged split with all features, and `handcrafted_ecg`, `..._vehicle`,
    `..._context` with those of one field. It learns on split train; its penalty is chosen by folds of whole drivers.

    Args:
        classes: The corpus's class names by target.
        target: The true class.
        group: Target that names the driver.
        folds: Folds by which the penalty is chosen.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "label",
        group: str = "driver",
        folds: Annotated[int, Field(ge=2)] = 5,
    ) -> None:
        self.names = ports.class_names(classes, target)
        self.target, self.group, self.folds = target, group, folds
        self.needs = (f"targets.{target}", f"targets.{group}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or one to learn from."""
        return [*judging.lacks(corpus, split), *judging.lacks(corpus, "train")]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        train, test = list(corpus.split("train")), list(corpus.split(run.split))
        learned, judged = features(train), features(test)
        truth_N = np.array([int(sample.targets[self.target]) for sample in test])
        over: dict[str, Any] = {"units": [str(sample.targets[self.group]) for sample in test], "unit": "drivers"}
        chance = 1 / len(self.names)
        rows = []
        for name in ("", *learned):
            chosen = list(learned) if not name else [name]
            guesses_N = self._fitted(train, np.hstack([learned[each] for each in chosen])).predict(
                np.hstack([judged[each] for each in chosen])
            )
            key = "handcrafted" + (f"_{name}" if name else "")
            rows.append(measure(key, guesses_N == truth_N, chance=chance, seed=run.seed, **over))
        return Report(rows, used=len(test), expected=len(test))

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the handcrafted features of a user's own signals."""
        rows = [{"field": name, "features": _OF[name](raw[name])} for name in _OF if name in raw]
        return Prediction(rows)

    def _fitted(self, train: Sequence[Sample], features_NF: np.ndarray) -> Any:
        from sklearn.model_selection import GridSearchCV, GroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        labels_N = [int(sample.targets[self.target]) for sample in train]
        groups = [str(sample.targets[self.group]) for sample in train]
        folds = GroupKFold(min(self.folds, len(set(groups))))
        search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1.0, 10.0]}, cv=folds)
        return search.fit(features_NF, labels_N, groups=groups)


_OF: Final = {"ecg": heart, "vehicle": vehicle, "context": context}


def features(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Return the features by field (N, F)."""
    return {name: np.array([of(sample.fields[name]) for sample in samples]) for name, of in _OF.items()}

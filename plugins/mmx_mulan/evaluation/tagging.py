"""Zero-shot tagging and the linear probe: area under each tag's ROC curve. Shapes: N recordings, C tags, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mmx_std import metrics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tags:
    """Ground truth of tagging.

    Attributes:
        names: All tags of the corpus.
        truth_NC: 1 where a tag is true, 0 where it is not.
        judged: Numbers of the tags with enough positive and negative recordings.
        unlearned: Numbers of the tags that would be judged, had training enough samples of them.
    """

    names: Sequence[str]
    truth_NC: Floats
    judged: Sequence[int]
    unlearned: Sequence[int] = ()

    @property
    def skipped(self) -> Sequence[str]:
        """Names of the tags that are not judged for want of recordings to judge by."""
        left = {*self.judged, *self.unlearned}
        return [name for number, name in enumerate(self.names) if number not in left]

    @property
    def positives(self) -> Mapping[str, int]:
        """Number of positive recordings of each judged tag."""
        return {self.names[number]: int(self.truth_NC[:, number].sum()) for number in self.judged}


def gather(names: Sequence[str], truth_NC: Floats, least: int, learned_C: Floats | None = None) -> Tags:
    """Return the tags, judging those with at least `least` positive and `least` negative recordings.

    Args:
        names: All tags of the corpus.
        truth_NC: Of the judged recordings.
        least: Fewest recordings, and fewest samples of training.
        learned_C: Positive samples of each tag in training: with fewer than `least` a tag is not judged either, as
            its words were hardly ever read.
    """
    positive_C = (truth_NC > 0).sum(0)
    enough = [
        number
        for number in range(len(names))
        if positive_C[number] >= least and len(truth_NC) - positive_C[number] >= least
    ]
    unlearned = [number for number in enough if learned_C is not None and learned_C[number] < least]
    return Tags(names, truth_NC, [number for number in enough if number not in unlearned], unlearned)


def auc(tags: Tags, scores_NC: Floats) -> Floats:
    """Return the area under the ROC curve of each judged tag; `scores_NC` has a column for every tag."""
    return metrics.auc_per_class(tags.truth_NC[:, tags.judged], scores_NC[:, tags.judged])


def above(scores_C: Floats, usual_NC: Floats) -> Floats:
    """Return how far scores are above those of N usual recordings, in their standard deviations (C,)."""
    above_C: Floats = (scores_C - usual_NC.mean(0)) / (usual_NC.std(0) + 1e-9)
    return above_C


def probe(train_ND: Floats, truth_NC: Floats, test_ND: Floats, tags: Tags) -> Floats:
    """Return scores (N, C) of a logistic regression per judged tag on frozen vectors; other columns are zero.

    A tag that all or none of the training recordings have scores zero everywhere: chance.
    """
    scaler = StandardScaler().fit(train_ND)
    scaled_train_ND, scaled_test_ND = scaler.transform(train_ND), scaler.transform(test_ND)
    scores_NC = np.zeros((len(test_ND), truth_NC.shape[1]))
    for number in tags.judged:
        truth_N = truth_NC[:, number] > 0
        if truth_N.any() and not truth_N.all():
            classifier = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
            scores_NC[:, number] = classifier.fit(scaled_train_ND, truth_N).decision_function(scaled_test_ND)
    return scores_NC

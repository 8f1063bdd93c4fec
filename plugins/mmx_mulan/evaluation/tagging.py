"""Zero-shot tagging and the linear probe: area under each tag's ROC curve. Shapes: N recordings, C tags, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, PaperValue, measure
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


@dataclass(frozen=True)
class Compared:
    """Scores (N, C) of everything that is compared on the same recordings, and their independent units.

    Attributes:
        own: Of the model.
        untrained: Of the untrained model.
        swapped: Of the model, with every recording given another's.
        baselines: Of simple methods.
        units: Of each recording (N,).
        seed: Of intervals.
    """

    own: Floats
    untrained: Floats
    swapped: Floats
    baselines: Mapping[str, Floats]
    units: Sequence[str]
    seed: int


def metric(name: str, tags: Tags, chosen: Sequence[int], compared: Compared, paper: PaperValue | None = None) -> Metric:
    """Return the mean area under the ROC curve over some of the judged tags, with intervals over recordings."""

    def rows(scores_NC: Floats) -> Floats:
        return placements(replace(tags, judged=[tags.judged[place] for place in chosen]), scores_NC)

    return measure(
        name,
        rows(compared.own),
        units=compared.units,
        chance=0.5,
        untrained=rows(compared.untrained),
        baselines={way: rows(scores_NC) for way, scores_NC in compared.baselines.items()},
        controls={"swapped_recordings": rows(compared.swapped)},
        paper=paper,
        seed=compared.seed,
    )


def auc(tags: Tags, scores_NC: Floats) -> Floats:
    """Return the area under the ROC curve of each judged tag; `scores_NC` has a column for every tag."""
    return metrics.auc_per_class(tags.truth_NC[:, tags.judged], scores_NC[:, tags.judged])


def placements(tags: Tags, scores_NC: Floats) -> Floats:
    """Return what each recording adds to the area of each judged tag (N, J): the mean over recordings is the area.

    A positive's part is the share of negatives below it, a negative's the share of positives above it (DeLong et al.
    1988, equation 4), each as far from the area as it moves it; so intervals over recordings are those of a mean.
    NaN for a tag without positive or negative recordings.

    Args:
        tags: Truth of N recordings.
        scores_NC: A column for every tag.
    """
    from scipy.stats import rankdata  # prediction does without it

    found_NJ = np.full((len(scores_NC), len(tags.judged)), np.nan)
    for place, number in enumerate(tags.judged):
        true_N, score_N = tags.truth_NC[:, number] > 0, scores_NC[:, number]
        if not true_N.any() or true_N.all():
            continue
        every_N, value_N = rankdata(score_N), np.empty(len(score_N))
        negatives, positives = (~true_N).sum(), true_N.sum()
        value_N[true_N] = (every_N[true_N] - rankdata(score_N[true_N])) / negatives
        value_N[~true_N] = 1 - (every_N[~true_N] - rankdata(score_N[~true_N])) / positives
        area = value_N[true_N].mean()
        found_NJ[:, place] = area + (value_N - area) * len(true_N) / np.where(true_N, positives, negatives)
    return found_NJ


def above(scores_C: Floats, usual_NC: Floats) -> Floats:
    """Return how far scores are above those of N usual recordings, in their standard deviations (C,)."""
    above_C: Floats = (scores_C - usual_NC.mean(0)) / (usual_NC.std(0) + 1e-9)
    return above_C


def probe(train_ND: Floats, truth_NC: Floats, test_ND: Floats, tags: Tags) -> Floats:
    """Return scores (N, C) of a logistic regression per judged tag on frozen vectors; other columns are zero.

    A tag that all or none of the training recordings have scores zero everywhere: chance.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train_ND)
    scaled_train_ND, scaled_test_ND = scaler.transform(train_ND), scaler.transform(test_ND)
    scores_NC = np.zeros((len(test_ND), truth_NC.shape[1]))
    for number in tags.judged:
        truth_N = truth_NC[:, number] > 0
        if truth_N.any() and not truth_N.all():
            classifier = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
            scores_NC[:, number] = classifier.fit(scaled_train_ND, truth_N).decision_function(scaled_test_ND)
    return scores_NC

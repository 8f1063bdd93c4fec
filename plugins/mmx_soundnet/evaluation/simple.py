"""Simple methods beside the network: nearest neighbours, logistic regression and cepstra on the same sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmx_soundnet.evaluation.networks import cepstral_features
from mmx_std import baselines, probes

if TYPE_CHECKING:
    from mmx import Sample
    from mmx_soundnet.evaluation.sounds import Sounds


def on_sounds(
    sounds: Sounds, plan: probes.Plan, field: str, groups: Sequence[str], regularisation: float | None
) -> dict[str, np.ndarray]:
    """Return, by method, in how many repetitions each judged sound is recognised: as `probes.Judgement.hits`.

    Settings are chosen on the training sounds of each fold; `mfcc` is the network's own classifier on the cepstrum.

    Args:
        sounds: Labelled sounds.
        plan: Repetitions of folds.
        field: The audio's field.
        groups: Recording of each sound.
        regularisation: C of the support vector machine on the cepstrum; None chooses it.
    """
    described = baselines.describe([sample.fields[field] for sample in sounds.samples], [])
    cepstrum = probes.judge(cepstral_features(sounds, field), sounds.labels, plan, regularisation=regularisation)
    found: dict[str, np.ndarray] = {}
    for fold in (fold for folds in plan for fold in folds):
        blocks = {kind: (all_ND[fold.train], all_ND[fold.test]) for kind, (all_ND, _) in described.items()}
        guesses = baselines.classify(blocks, sounds.labels[fold.train], [groups[row] for row in fold.train])
        for name, guess_N in guesses.items():
            hits_N = found.setdefault(name, np.zeros(len(sounds.samples)))
            hits_N[fold.test] += (guess_N == sounds.labels[fold.test]) / len(plan)
    return {"mfcc": cepstrum.hits, **{name: hits_N[cepstrum.judged] for name, hits_N in found.items()}}


def on_clips(train: Sequence[Sample], held_out: Sequence[Sample], field: str, target: str) -> dict[str, np.ndarray]:
    """Return, by method, which held-out clips are recognised by cheap statistics of their audio."""
    blocks = baselines.describe(*([sample.fields[field] for sample in part] for part in (train, held_out)))
    labels, truth_N = (np.array([int(sample.targets[target]) for sample in part]) for part in (train, held_out))
    return {name: guess_N == truth_N for name, guess_N in baselines.classify(blocks, labels).items()}

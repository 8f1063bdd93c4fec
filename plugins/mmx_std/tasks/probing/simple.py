"""Simple methods beside a probed network: nearest neighbours, logistic regression and cepstra on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch

from mmx import Audio, DataError
from mmx_std.encoders.frontends import Mfcc
from mmx_std.tasks import baselines
from mmx_std.tasks.descriptors import Blocks
from mmx_std.tasks.probing import linear
from mmx_std.tasks.probing.items import Items


def methods(
    items: Items, plan: linear.Plan, field: str, groups: Sequence[str], regularisation: float | None
) -> dict[str, np.ndarray]:
    """Return, by method, in how many repetitions each judged item is recognised: as `linear.Judgement.hits`.

    Settings are chosen on the training items of each fold; `mfcc` is the network's own classifier on the cepstrum of
    audio. A field that there are no statistics for has no methods.

    Args:
        items: Labelled items.
        plan: Repetitions of folds.
        field: The field that the network reads.
        groups: Recording of each item.
        regularisation: C of the support vector machine on the cepstrum; None chooses it.
    """
    result: dict[str, np.ndarray] = {}
    values = [sample.fields.get(field) for sample in items.samples]
    audio = [value for value in values if isinstance(value, Audio)]
    if len(audio) == len(values):
        cepstra = linear.judge(cepstral_features(audio), items.labels, plan, regularisation=regularisation)
        result["mfcc"] = cepstra.hits
    described: Blocks = {}
    with suppress(DataError):
        described = baselines.describe(values, [])
    found: dict[str, np.ndarray] = {}
    judged = np.zeros(len(items.samples), dtype=bool)
    for fold in (fold for folds in plan for fold in folds):
        judged[fold.test] = True
        blocks = {kind: (all_ND[fold.train], all_ND[fold.test]) for kind, (all_ND, _) in described.items()}
        guesses = baselines.classify(blocks, items.labels[fold.train], [groups[row] for row in fold.train])
        for name, guess_N in guesses.items():
            hits_N = found.setdefault(name, np.zeros(len(items.samples)))
            hits_N[fold.test] += (guess_N == items.labels[fold.test]) / len(plan)
    return {**result, **{name: hits_N[judged] for name, hits_N in found.items()}}


@torch.inference_mode()
def cepstral_features(audio: Sequence[Audio]) -> list[np.ndarray]:
    """Return the classical features of each recording (1, D): mean and standard deviation of its cepstrum (MFCC)."""
    cepstrum = Mfcc(rate=22_050)
    return [cepstrum(cepstrum.prepare(each).unsqueeze(0)).pooled_BD.numpy() for each in audio]

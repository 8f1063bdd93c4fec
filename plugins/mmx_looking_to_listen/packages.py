"""Metrics of packages that need not be there: SDR as BSS Eval measures it, PESQ, STOI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmx.types import Metric, PaperValue
from mmx_looking_to_listen.front import Front
from mmx_looking_to_listen.listening import Heard, inner, mean
from mmx_looking_to_listen.metrics import perceptual, sdr_function

PAPER = PaperValue(10.3, "SDR of 2S clean, two faces, 3 s at 16 kHz, trained on AVSpeech; recalled, not checked")


def measured(heard: Sequence[Heard], front: Front) -> list[Metric]:
    """Return the metrics of optional packages."""
    found: list[Metric] = []
    sdr = sdr_function()
    if sdr is not None:
        by, function = sdr
        after = np.stack([function(inner(row.guesses["model"], front), inner(row.truth_NT, front)) for row in heard])
        mixed = [np.repeat(inner(row.mixture_T[None], front), len(row.truth_NT), 0) for row in heard]
        before = np.stack([function(mix, inner(row.truth_NT, front)) for mix, row in zip(mixed, heard, strict=True)])
        found.append(
            Metric("sdr", mean(after), chance=mean(before), paper=PAPER, references={f"mixture_by_{by}": mean(before)})
        )
        found.append(Metric("sdr_improvement", mean(after - before), chance=0.0))
    for name, score in perceptual().items():
        after_, before_ = [], []
        for row in heard:
            for guess, truth in zip(row.guesses["model"], row.truth_NT, strict=True):
                after_.append(score(guess, truth, front.rate))
                before_.append(score(row.mixture_T, truth, front.rate))
        found.append(Metric(name, float(np.mean(after_)), chance=float(np.mean(before_))))
    return found

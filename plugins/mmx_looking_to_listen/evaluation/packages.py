"""Metrics of optional packages: SDR as BSS Eval measures it, PESQ, STOI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmx import Metric, PaperValue, measure
from mmx_looking_to_listen.evaluation.metrics import perceptual, sdr_function, si_sdr
from mmx_looking_to_listen.evaluation.separation import Separated, inner, speakers
from mmx_looking_to_listen.model.front import Front

LIMIT = 100.0
"""Decibels beyond which a ratio says nothing more."""
PAPER = PaperValue(10.3, "SDR of 2S clean, two faces, 3 s at 16 kHz, AVSpeech, from a third party's list; not re-read")


def measured(separated: Sequence[Separated], front: Front) -> list[Metric]:
    """Return the metrics of optional packages, with intervals over speakers."""
    over: dict[str, Any] = {"units": speakers(separated), "unit": "speakers"}
    found: list[Metric] = []
    sdr = sdr_function()
    if sdr is not None:
        _, scored = sdr

        def function(guess_NT: np.ndarray, truth_NT: np.ndarray) -> np.ndarray:
            return _voiced(scored, guess_NT, truth_NT)

        after = np.stack(
            [function(inner(row.guesses["model"], front), inner(row.truth_NT, front)) for row in separated]
        )
        mixed = [np.repeat(inner(row.mixture_T[None], front), len(row.truth_NT), 0) for row in separated]
        before = np.stack(
            [function(mix, inner(row.truth_NT, front)) for mix, row in zip(mixed, separated, strict=True)]
        )
        found.append(measure("sdr", after.ravel(), baselines={"mixture": before.ravel()}, paper=PAPER, **over))
        found.append(measure("sdr_improvement", (after - before).ravel(), baselines={"mixture": 0.0}, **over))
    for name, score in perceptual().items():
        after = np.stack([_perceived(score, row.guesses["model"], row.truth_NT, front.rate) for row in separated])
        mixed = [np.repeat(row.mixture_T[None], len(row.truth_NT), 0) for row in separated]
        before = np.stack(
            [_perceived(score, mix, row.truth_NT, front.rate) for mix, row in zip(mixed, separated, strict=True)]
        )
        if not np.isnan(after).all():
            found.append(measure(name, after.ravel(), baselines={"mixture": before.ravel()}, **over))
    return found


def _perceived(
    score: Callable[[np.ndarray, np.ndarray, int], float], guess_NT: np.ndarray, truth_NT: np.ndarray, rate: int
) -> np.ndarray:
    """Score one voice at a time; NaN where the package does not take it: silent, too short, another rate."""
    found = []
    for guess_T, truth_T in zip(guess_NT, truth_NT, strict=True):
        try:
            silent = np.isnan(si_sdr(guess_T, truth_T))
            found.append(np.nan if silent else score(guess_T, truth_T, rate))
        except (RuntimeError, ValueError):  # PESQ finds no speech; it takes 8 and 16 kHz only
            found.append(np.nan)
    return np.array(found)


def _voiced(
    scored: Callable[[np.ndarray, np.ndarray], np.ndarray], guess_NT: np.ndarray, truth_NT: np.ndarray
) -> np.ndarray:
    """Score one voice at a time, within +-100 dB; NaN where the truth is silent, which has no ratio.

    A silent guess has the lowest value and a perfect one the highest: packages refuse the first and overflow with the
    second, and a mean without them would be of other voices than SI-SDR's.
    """
    found = []
    for guess_T, truth_T in zip(guess_NT, truth_NT, strict=True):
        ratio, loudness = si_sdr(guess_T, truth_T), float(np.sqrt(np.mean(np.square(guess_T, dtype=np.float64))))
        if np.isnan(ratio) or abs(ratio) >= LIMIT or loudness == 0.0:
            found.append(ratio)
            continue
        try:  # the ratio does not depend on the loudness, but packages add a constant to the energy
            score = float(scored(guess_T[None] / loudness, truth_T[None])[0])
            found.append(float(np.clip(score, -LIMIT, LIMIT)))
        except (np.linalg.LinAlgError, ValueError):  # a pure tone has no unique filter of 512 taps
            found.append(np.nan)
    return np.array(found)

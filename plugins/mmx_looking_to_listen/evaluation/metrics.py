"""Quality of separated voices: SI-SDR in decibels, and the scores of optional packages.

Shape legend: N voices, T samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from itertools import permutations

import numpy as np

SILENT = 1e-6
"""A true voice whose energy is below this share of a full-scale signal's has no defined ratio."""


def si_sdr(guess_T: np.ndarray, truth_T: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio in decibels; NaN for a silent truth.

    Both are brought to mean zero; the guess's projection on the truth is the signal, the rest is distortion
    (Le Roux et al. 2019, eq. 3). The result is kept within +-100 dB.
    """
    guess_T = np.asarray(guess_T, np.float64) - np.mean(guess_T)
    truth_T = np.asarray(truth_T, np.float64) - np.mean(truth_T)
    energy = float(truth_T @ truth_T)
    if energy <= SILENT**2 * len(truth_T):
        return float("nan")
    signal_T = (guess_T @ truth_T / energy) * truth_T
    signal, distortion = float(signal_T @ signal_T), float(np.sum((guess_T - signal_T) ** 2))
    if signal == 0.0:
        return -100.0
    return float(np.clip(10 * np.log10(signal / max(distortion, 1e-10 * signal)), -100.0, 100.0))


def si_sdrs(guess_NT: np.ndarray, truth_NT: np.ndarray) -> np.ndarray:
    """Return the ratio of every guess to the voice at its own place (N,)."""
    return np.array([si_sdr(guess, truth) for guess, truth in zip(guess_NT, truth_NT, strict=True)])


def si_sdr_pairs(guess_NT: np.ndarray, truth_NT: np.ndarray) -> np.ndarray:
    """Return the ratio of every guess to every voice (N voices, N guesses)."""
    return np.array([[si_sdr(guess, truth) for guess in guess_NT] for truth in truth_NT])


def best_order(table_NN: np.ndarray) -> tuple[int, ...]:
    """Return which guess fits which voice best on the whole: the order of guesses with the highest mean ratio.

    Args:
        table_NN: Ratios as `si_sdr_pairs` gives them; NaN where a voice is silent.
    """
    return max(
        permutations(range(len(table_NN))),
        key=lambda order: float(np.nansum([table_NN[place, guess] for place, guess in enumerate(order)])),
    )


def sdr_function() -> tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] | None:
    """Return the SDR of BSS Eval v3 (512-tap filter) and who computes it, where a package for it is installed."""
    if find_spec("fast_bss_eval") is not None:
        import fast_bss_eval

        def fast(guess_NT: np.ndarray, truth_NT: np.ndarray) -> np.ndarray:
            found = fast_bss_eval.sdr(truth_NT.astype(np.float64), guess_NT.astype(np.float64), filter_length=512)
            return np.asarray(found)

        # The package matches orders by itself; one voice at a time keeps ours.
        return "fast_bss_eval", lambda guess, truth: np.concatenate(
            [np.atleast_1d(fast(g[None], t[None])) for g, t in zip(guess, truth, strict=True)]
        )
    if find_spec("mir_eval") is not None:
        from mir_eval.separation import bss_eval_sources

        return "mir_eval", lambda guess, truth: np.asarray(
            bss_eval_sources(truth.astype(np.float64), guess.astype(np.float64), compute_permutation=False)[0]
        )
    return None


def perceptual() -> Mapping[str, Callable[[np.ndarray, np.ndarray, int], float]]:
    """Return PESQ and STOI where the packages `pesq` and `pystoi` are installed: name -> (guess, truth, rate)."""
    found: dict[str, Callable[[np.ndarray, np.ndarray, int], float]] = {}
    if find_spec("pystoi") is not None:
        from pystoi import stoi

        found["stoi"] = lambda guess, truth, rate: float(stoi(truth, guess, rate))
    if find_spec("pesq") is not None:
        from pesq import pesq

        found["pesq"] = lambda guess, truth, rate: float(pesq(rate, truth, guess, "wb" if rate == 16000 else "nb"))
    return found

"""How good a separated voice is, in decibels, and bounds on what masks can reach.

Shape legend: N voices, T samples, K frames, F bins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from mmx_looking_to_listen.front import Front, complex_product

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


def best_order(guess_NT: np.ndarray, truth_NT: np.ndarray) -> tuple[int, ...]:
    """Return which guess fits which voice best on the whole: the order of guesses with the highest mean ratio."""
    table_NN = np.array([[si_sdr(guess, truth) for guess in guess_NT] for truth in truth_NT])
    return max(
        permutations(range(len(truth_NT))),
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


def oracle_irm(front: Front, mixture_T: Tensor, voices_NT: Tensor, rest_T: Tensor) -> Tensor:
    """Return what the ideal ratio mask makes of a mixture (N, T): each voice's share of the magnitudes."""
    spectra = front.spectrum(torch.cat([voices_NT, rest_T[None]])).square().sum(-1).sqrt()
    share_NKF = spectra[:-1] / spectra.sum(0).clamp(min=1e-8)
    mixture_KF2 = front.spectrum(mixture_T[None])
    return front.waveform(share_NKF.unsqueeze(-1) * mixture_KF2, voices_NT.shape[1])


def oracle_crm(front: Front, mixture_T: Tensor, voices_NT: Tensor, largest: float = 10.0) -> Tensor:
    """Return what the ideal complex mask on compressed spectrograms makes of a mixture, its parts cut at +-largest."""
    mixture_KF2 = front.compressed(mixture_T[None])
    conjugate = mixture_KF2 * mixture_KF2.new_tensor([1.0, -1.0])
    power = mixture_KF2.square().sum(-1, keepdim=True).clamp(min=1e-8)
    mask_NKF2 = (
        complex_product(front.compressed(voices_NT), conjugate.expand(len(voices_NT), -1, -1, -1)) / power
    ).clamp(-largest, largest)
    return front.sound(complex_product(mask_NKF2, mixture_KF2.expand_as(mask_NKF2)), voices_NT.shape[1])

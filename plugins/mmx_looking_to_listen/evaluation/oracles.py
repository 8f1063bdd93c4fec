"""Upper bounds of masking: the ideal masks, computed from the clean voices.

Shape legend: N voices, T samples, K frames, F bins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmx_looking_to_listen.model.front import Front, complex_product


def oracle_irm(front: Front, mixture_T: Tensor, voices_NT: Tensor, rest_T: Tensor) -> Tensor:
    """Return a mixture separated by the ideal ratio mask (N, T): each voice's share of the magnitudes."""
    spectra = front.spectrum(torch.cat([voices_NT, rest_T[None]])).square().sum(-1).sqrt()
    share_NKF = spectra[:-1] / spectra.sum(0).clamp(min=1e-8)
    mixture_KF2 = front.spectrum(mixture_T[None])
    return front.waveform(share_NKF.unsqueeze(-1) * mixture_KF2, voices_NT.shape[1])


def oracle_gate(front: Front, mixture_T: Tensor, voices_NT: Tensor, rest_T: Tensor) -> Tensor:
    """Return a mixture separated by one true gain per frame (N, T): what knowing who speaks when is worth at most."""
    energy_NK = front.spectrum(torch.cat([voices_NT, rest_T[None]])).square().sum((-1, -2))
    gain_NK = (energy_NK[:-1] / energy_NK.sum(0).clamp(min=1e-8)).sqrt()
    mixture_KF2 = front.spectrum(mixture_T[None])
    return front.waveform(gain_NK[..., None, None] * mixture_KF2, voices_NT.shape[1])


def oracle_crm(
    front: Front, mixture_T: Tensor, voices_NT: Tensor, limits: tuple[float, float] = (-10.0, 10.0)
) -> Tensor:
    """Return a mixture separated by the ideal complex mask on compressed spectrograms (N, T).

    Without limits it would be the voices themselves; its parts are cut to the range that the model's masks have.
    """
    mixture_KF2 = front.compressed(mixture_T[None])
    conjugate = mixture_KF2 * mixture_KF2.new_tensor([1.0, -1.0])
    power = mixture_KF2.square().sum(-1, keepdim=True).clamp(min=1e-8)
    mask_NKF2 = (
        complex_product(front.compressed(voices_NT), conjugate.expand(len(voices_NT), -1, -1, -1)) / power
    ).clamp(*limits)
    return front.from_compressed(complex_product(mask_NKF2, mixture_KF2.expand_as(mask_NKF2)), voices_NT.shape[1])

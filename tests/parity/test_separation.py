"""SI-SDR beside torchmetrics, SDR beside mir_eval and fast_bss_eval."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_looking_to_listen.evaluation import packages
from mmx_looking_to_listen.evaluation.metrics import sdr_function, si_sdr


def voices() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4, 6000))
    return truth + np.array([0.01, 0.1, 1.0, 10.0])[:, None] * rng.normal(size=truth.shape) + 0.3, truth


def test_si_sdr_is_torchmetrics() -> None:
    functional = pytest.importorskip("torchmetrics.functional.audio")
    import torch

    guess, truth = voices()
    theirs = functional.scale_invariant_signal_distortion_ratio(
        torch.from_numpy(guess), torch.from_numpy(truth), zero_mean=True
    )
    assert [si_sdr(g, t) for g, t in zip(guess, truth, strict=True)] == pytest.approx(theirs.tolist(), abs=1e-4)


def test_sdr_is_that_of_bss_eval() -> None:
    separation = pytest.importorskip("mir_eval.separation")
    pytest.importorskip("fast_bss_eval")
    found = sdr_function()
    assert found is not None
    assert found[0] == "fast_bss_eval"
    guess, truth = voices()
    theirs = [
        separation.bss_eval_sources(t[None], g[None], compute_permutation=False)[0][0]
        for g, t in zip(guess, truth, strict=True)
    ]
    assert packages._voiced(found[1], guess, truth) == pytest.approx(theirs, abs=0.01)

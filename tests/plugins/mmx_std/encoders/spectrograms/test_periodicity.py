"""The rhythm: an autocorrelation of onsets that a change of tempo moves along the lags."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmx_std.encoders.spectrograms.periodicity import Periodicity

FRAMES, BANDS = 240, 16


def clicks(period: float, *, offset: int = 2, bands: slice = slice(None), loud: float = 4.0) -> Tensor:
    """Log frames that jump up at every period and fall back: (1, T, F)."""
    frames_BTF = torch.zeros(1, FRAMES, BANDS)
    for at in np.arange(offset, FRAMES, period):
        frames_BTF[0, round(float(at)), bands] = loud
    return frames_BTF


def rhythm(**options: int) -> Periodicity:
    torch.manual_seed(0)
    return Periodicity(BANDS, 3, 80, **{"lags": 64, "groups": 4, "width": 8, **options}).eval()


def test_the_table_is_the_autocorrelation_of_onsets() -> None:
    module = rhythm()
    torch.manual_seed(1)
    frames_BTF = torch.randn(2, 60, BANDS)
    table_BGL = module.table(frames_BTF)
    onset_T = np.maximum(np.diff(frames_BTF[1].numpy(), axis=0), 0)[:, 4:8].mean(1)  # second group of four bands
    onset_T = onset_T - onset_T.mean()
    for place, lag in enumerate(module.lags_L.tolist()):
        low = int(lag)
        at = [sum(onset_T[t] * onset_T[t + k] for t in range(len(onset_T) - k)) for k in (low, low + 1)]
        expected = (at[0] * (1 - (lag - low)) + at[1] * (lag - low)) / (onset_T**2).sum()
        assert float(table_BGL[1, 1, place]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("period", [8, 20, 31])
def test_a_period_is_a_peak_at_its_lag(period: int) -> None:
    module = rhythm()
    similar_L = module.table(clicks(period))[0, -1]
    nearest = int((module.lags_L - period).abs().argmin())
    near_L = (module.lags_L - period).abs() < 2
    assert similar_L[nearest] > 0.5
    assert (
        similar_L[near_L].max() > 3 * similar_L[(module.lags_L > period * 1.15) & (module.lags_L < period * 1.85)].max()
    )


def test_loudness_and_place_in_time_do_not_matter() -> None:
    module = rhythm()
    loud, soft, late = clicks(16), clicks(16, loud=0.5), clicks(16, offset=9)
    assert torch.allclose(module.table(loud), module.table(soft), atol=1e-3)
    assert torch.allclose(module.table(loud), module.table(late), atol=0.1)


def test_groups_hear_their_own_bands() -> None:
    table_BGL = rhythm().table(clicks(16, bands=slice(0, 4)))
    assert table_BGL[0, 0].max() > 0.5
    assert not table_BGL[0, 1:-1].any()


def test_a_slower_performance_is_the_same_table_moved_along_the_lags() -> None:
    module = rhythm(lags=96)
    step = float(torch.log(module.lags_L[1] / module.lags_L[0]))

    def waltz(beat: float) -> Tensor:
        """Two sizes of beat: every third is in the low bands."""
        high = clicks(beat, bands=slice(4, 16))
        low = clicks(3 * beat, bands=slice(0, 4))
        return high + low

    def alike(one_L: Tensor, other_L: Tensor) -> float:
        return float(torch.nn.functional.cosine_similarity(one_L - one_L.mean(), other_L - other_L.mean(), dim=0))

    fast_L, slow_L = (module.table(waltz(beat))[0, 0] for beat in (8, 12))  # bars of 24 and 36 frames
    moved = round(float(torch.log(torch.tensor(12 / 8))) / step)
    same, unmoved = alike(fast_L[: 96 - moved], slow_L[moved:]), alike(fast_L, slow_L)
    assert same > max(0.5, unmoved + 0.2)


def test_it_learns_and_is_finite_for_silence_and_for_short_sounds() -> None:
    module = rhythm()
    for frames_BTF in (torch.zeros(2, FRAMES, BANDS), torch.randn(2, 12, BANDS)):
        out_BD = module(frames_BTF)
        assert out_BD.shape == (2, module.out_dim)
        assert torch.isfinite(out_BD).all()
    frames_BTF = torch.randn(4, FRAMES, BANDS, requires_grad=True)
    module.train()
    module(frames_BTF).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters() if parameter.grad is not None)
    with pytest.raises(ValueError, match="lags"):
        Periodicity(BANDS, 9, 9)

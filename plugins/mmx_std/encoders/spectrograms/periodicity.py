"""The rhythm of a spectrogram as one vector. Shapes: B batch, T frames, F bands, G groups of bands, L lags."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_EPS = 1e-6


class Periodicity(nn.Module):
    """The rhythm of log spectrogram frames (B, T, F) as one vector (B, D).

    The increase of each frame over the last, summed over the bands of a group, marks the onsets of notes. Its
    autocorrelation, read at lags a constant ratio apart, has a peak wherever something repeats (Percival and
    Tzanetakis 2014 find tempi in such a table). A slower performance of the same rhythm is the same table, moved along
    the lags, and the magnitudes of its Fourier transform along the lags change little when it moves. Both go through
    two layers.

    Args:
        bands: Of the spectrogram, F.
        shortest: Smallest lag in frames.
        longest: Largest lag in frames.
        lags: How many lags between them, L.
        groups: Groups of neighbouring bands, beside the group of all, G - 1.
        width: Of the result, D.
        dropout: In training, between the layers.
    """

    def __init__(
        self,
        bands: int,
        shortest: float,
        longest: float,
        *,
        lags: int = 96,
        groups: int = 8,
        width: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not 1 <= shortest < longest:
            raise ValueError(f"lags from {shortest} to {longest} frames")
        self.groups = min(groups, bands)
        steps_L = torch.arange(lags) / (lags - 1)
        self.lags_L: Tensor
        self.register_buffer("lags_L", shortest * (longest / shortest) ** steps_L, persistent=False)
        self.reach = math.ceil(longest) + 1
        features = (self.groups + 1) * (lags + lags // 2 + 1)
        self.layers = nn.Sequential(
            nn.BatchNorm1d(features),
            nn.Linear(features, 2 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
            nn.ReLU(),
        )
        self.out_dim = width

    def table(self, frames_BTF: Tensor) -> Tensor:
        """Return the autocorrelation of onsets (B, G, L), 1 at lag 0; the last group is the mean of the others."""
        louder_BTF = (frames_BTF[:, 1:] - frames_BTF[:, :-1]).relu()
        onsets_BGT = torch.stack([part.mean(2) for part in louder_BTF.tensor_split(self.groups, 2)], 1)
        onsets_BGT = torch.cat([onsets_BGT, onsets_BGT.mean(1, keepdim=True)], 1)
        onsets_BGT = onsets_BGT - onsets_BGT.mean(2, keepdim=True)
        size = onsets_BGT.shape[2] + self.reach + 1  # long enough that nothing comes round
        power_BGK = torch.fft.rfft(onsets_BGT, size).abs().square()
        similar_BGT = torch.fft.irfft(power_BGK, size)[:, :, : self.reach + 1]
        similar_BGT = similar_BGT / (similar_BGT[:, :, :1] + _EPS)
        below_L = self.lags_L.floor().long()
        share_L = self.lags_L - below_L
        table_BGL: Tensor = similar_BGT[:, :, below_L] * (1 - share_L) + similar_BGT[:, :, below_L + 1] * share_L
        return table_BGL

    def forward(self, frames_BTF: Tensor) -> Tensor:
        """Return the rhythm (B, D)."""
        with torch.autocast(frames_BTF.device.type, enabled=False):
            table_BGL = self.table(frames_BTF.float())
            shape_BGK = torch.fft.rfft(table_BGL, dim=2).abs()
        rhythm_BD: Tensor = self.layers(torch.cat([table_BGL.flatten(1), shape_BGK.flatten(1)], 1))
        return rhythm_BD

"""Linear baselines: eight band gains per voice by least squares on the lips, or on mouth pixels, of all faces.

`linear_...` takes them as they are, `fourier_...` random cosines of them besides (Rahimi and Recht, 2007), which stand
for a Gaussian kernel: gains that need not grow in line with the opening of a mouth.

Shape legend: N voices, V frames of a face, K spectrogram frames, F bins, G bands, D features, R training rows,
T samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mmx_looking_to_listen.model.faces import FPS
from mmx_std import baselines

if TYPE_CHECKING:
    from mmx import Corpus, Sample, Video
    from mmx_looking_to_listen.model.front import Front

Floats = NDArray[np.float64]
Tracks = Callable[["Sample"], Sequence[Floats]]
"""What is known of the faces of a mixture: one array (V, D) per voice."""

MIXTURES: Final = 130
"""Training mixtures that are learnt from, evenly spread."""
BANDS: Final = 8
CONTEXTS: Final = (0, 1, 3)
"""Frames of a face before and after the one that is judged, to choose from."""
RIDGES: Final = (1e-3, 1e-2, 1e-1)
"""Penalties to choose from, as shares of the mean energy of the features."""
HELD_OUT: Final = 4
"""Every so-many-th training mixture is held out to choose context and penalty."""
WAVES: Final = 200
"""Random cosines."""
WAVED: Final = (1,)
"""Contexts of features with cosines."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights from standardised features, their cosines and a constant to band gains, learnt on training mixtures.

    Attributes:
        weight_DG: The weights.
        middle_D: Mean of the features.
        scale_D: Their deviation.
        edges: First bin of each band.
        context: Frames of a face before and after.
        waves: How many cosines.
    """

    weight_DG: Floats
    middle_D: Floats
    scale_D: Floats
    edges: NDArray[np.int64]
    context: int
    waves: int = 0

    def gains(self, x_RD: Floats) -> Floats:
        """Return the gains of each band (R, G), not limited."""
        return np.asarray(_design((x_RD - self.middle_D) / self.scale_D, self.waves) @ self.weight_DG)

    def estimates(self, mixture_T: Any, tracks: Sequence[Floats], front: Front) -> NDArray[np.float32]:
        """Return the mixture under the gains of every voice (N, T); gains are kept between 0 and 1."""
        mixture_T = torch.as_tensor(mixture_T)
        spectrum_KF2 = front.spectrum(mixture_T[None])[0]
        found = []
        for features_KD in _features(tracks, len(spectrum_KF2), front, self.context):
            gain_KG = self.gains(features_KD).clip(0.0, 1.0)
            gain_KF = torch.as_tensor(np.repeat(gain_KG, np.diff(self.edges, append=front.bins), 1)).float()
            found.append(front.waveform((gain_KF.unsqueeze(-1) * spectrum_KF2)[None], len(mixture_T))[0].numpy())
        return np.stack(found)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of training mixtures: features (R, D), energy and cross energy per band (R, G), the mixture of each (R,)."""

    x_RD: Floats
    energy_RG: Floats
    cross_RG: Floats
    mixture_R: NDArray[np.int64]

    def of(self, chosen_R: NDArray[np.bool_]) -> _Rows:
        """Return some of the rows."""
        return _Rows(self.x_RD[chosen_R], self.energy_RG[chosen_R], self.cross_RG[chosen_R], self.mixture_R[chosen_R])

    def error(self, learnt: Linear) -> float:
        """Return sum |S - w M|^2 less the constant sum |S|^2, over all rows and bands."""
        gain_RG = learnt.gains(self.x_RD)
        return float((self.energy_RG * gain_RG**2 - 2 * self.cross_RG * gain_RG).sum())


@torch.inference_mode()
def learn(train: Sequence[Sample], tracks: Tracks, front: Front, waves: int = 0) -> Linear:
    """Return the gains that come nearest to the clean spectra of training mixtures, in energy.

    Per band, sum |S - x w M|^2 over frames and bins is least, where S is the clean spectrum, M that of the mixture and
    x the features: what such a gain can reach in SDR. Context and penalty are chosen on held-out training mixtures.

    Args:
        train: Mixtures, of which `MIXTURES` are taken.
        tracks: What is known of their faces.
        front: Front-end of the model.
        waves: Random cosines beside the features.
    """
    edges = _edges(front)
    found: list[tuple[float, int, float]] = []
    contexts = WAVED if waves else CONTEXTS
    tables = {context: _rows(train, tracks, front, edges, context) for context in contexts}
    for context, rows in tables.items():
        held_R = rows.mixture_R % HELD_OUT == HELD_OUT - 1
        if held_R.any():
            for ridge, learnt in zip(RIDGES, _solved(rows.of(~held_R), RIDGES, edges, context, waves), strict=True):
                found.append((rows.of(held_R).error(learnt), context, ridge))
    _, context, ridge = min(found, default=(0.0, contexts[0], RIDGES[-1]))
    return _solved(tables[context], [ridge], edges, context, waves)[0]


def _rows(train: Sequence[Sample], tracks: Tracks, front: Front, edges: NDArray[np.int64], context: int) -> _Rows:
    rows_RD: list[Floats] = []
    energy_RG: list[Floats] = []
    cross_RG: list[Floats] = []
    mixture_R: list[NDArray[np.int64]] = []
    for number, place in enumerate(baselines.evenly(len(train), MIXTURES)):
        sample = train[int(place)]
        clean_NKF2 = front.spectrum(front.prepare(sample.fields["voices"])).double().numpy()
        mixed_KF2 = front.spectrum(front.prepare(sample.fields["audio"])[:1])[0].double().numpy()
        energy_KG = np.add.reduceat((mixed_KF2**2).sum(-1), edges, axis=1)
        level = max(float(energy_KG.sum()) / len(energy_KG), 1e-12)  # a loud mixture counts no more than a soft one
        cross_NKG = np.add.reduceat((clean_NKF2 * mixed_KF2).sum(-1), edges, axis=2)
        each_N = _features(tracks(sample), len(mixed_KF2), front, context)
        for features_KD, cross_KG in zip(each_N, cross_NKG, strict=True):
            rows_RD.append(features_KD)
            energy_RG.append(_shared(energy_KG) / level)
            cross_RG.append(_shared(cross_KG) / level)
            mixture_R.append(np.full(len(features_KD), number))
    return _Rows(
        np.concatenate(rows_RD), np.concatenate(energy_RG), np.concatenate(cross_RG), np.concatenate(mixture_R)
    )


def _solved(
    rows: _Rows, ridges: Sequence[float], edges: NDArray[np.int64], context: int, waves: int = 0
) -> list[Linear]:
    """Return, by penalty, the least-squares weights of every band; the mean gain is free of it."""
    middle_D, scale_D = rows.x_RD.mean(0), rows.x_RD.std(0).clip(min=1e-6)
    x_RD = _design((rows.x_RD - middle_D) / scale_D, waves)
    weights: list[list[Floats]] = [[] for _ in ridges]
    for band in range(len(edges)):
        normal_DD = (x_RD * rows.energy_RG[:, band : band + 1]).T @ x_RD
        cross_D = x_RD.T @ rows.cross_RG[:, band]
        for place, ridge in enumerate(ridges):
            penalty_D = np.full(len(normal_DD), ridge * np.trace(normal_DD) / len(normal_DD) + 1e-9)
            penalty_D[-1] = 1e-9
            weights[place].append(np.asarray(np.linalg.solve(normal_DD + np.diag(penalty_D), cross_D), np.float64))
    return [Linear(np.stack(each, axis=1), middle_D, scale_D, edges, context, waves) for each in weights]


def known(corpus: Corpus, split: str, videos: str = "faces") -> dict[str, Tracks]:
    """Return what a baseline may look at, by name: mouth pixels, and the drawn lips where the corpus tells them."""
    found: dict[str, Tracks] = {"linear_from_mouth_pixels": lambda sample: [_mouth(v) for v in sample.fields[videos]]}
    told = getattr(corpus, "lips", None)
    shapes = () if told is None else told(split)
    if len(shapes):
        found["linear_from_true_lips"] = lambda sample: _cut(shapes, sample)
    return found


def _cut(shapes: Sequence[Any], sample: Sample) -> list[Floats]:
    mixture, count = sample.targets["components"], len(sample.fields["faces"][0].frames_THWC)
    return [
        np.asarray(shapes[clip][offset : offset + count], np.float64)
        for clip, offset in zip(mixture["clips"], mixture["offsets"], strict=True)
    ]


def _mouth(video: Video) -> Floats:
    """Return the lower middle of a face on a grid of 8 by 8, grey, without its own mean: motion, no identity."""
    height, width = video.frames_THWC.shape[1:3]
    grey_VHW = video.frames_THWC[:, height // 2 :, width // 4 : 3 * width // 4].mean(-1) / 255.0
    rows, columns = (np.linspace(0, size, 9).astype(np.int64)[:-1] for size in grey_VHW.shape[1:])
    sums_VHW = np.add.reduceat(np.add.reduceat(grey_VHW, rows, 1), columns, 2)
    flat_VD = sums_VHW.reshape(len(sums_VHW), -1)
    return np.asarray(flat_VD - flat_VD.mean(0))


def _features(tracks: Sequence[Floats], frames: int, front: Front, context: int) -> list[Floats]:
    """Return, per voice, its own face around each spectrogram frame and the mean of the others (K, D)."""
    place_K = ((np.arange(frames) * front.hop + front.window / 2) / front.rate * FPS - 0.5).clip(0)
    around = []
    for track_VD in tracks:
        padded_VD = np.pad(track_VD, ((context, context), (0, 0)), mode="edge")
        wide_VD = np.concatenate([padded_VD[s : s + len(track_VD)] for s in range(2 * context + 1)], axis=1)
        low_K = np.minimum(place_K.astype(np.int64), len(wide_VD) - 1)
        high_K = np.minimum(low_K + 1, len(wide_VD) - 1)
        part_K1 = (place_K - low_K).clip(0, 1)[:, None]
        around.append(wide_VD[low_K] * (1 - part_K1) + wide_VD[high_K] * part_K1)
    found = []
    for own, own_KD in enumerate(around):
        others = [each for place, each in enumerate(around) if place != own]
        found.append(np.concatenate([own_KD, np.mean(others, axis=0)], axis=1) if others else own_KD)
    return found


def _shared(values_KG: Floats) -> Floats:
    """Return values with a hundredth of all bands' mean added: a band that training leaves empty takes their gain."""
    return np.asarray(values_KG + 0.01 * values_KG.mean(1, keepdims=True))


def _edges(front: Front) -> NDArray[np.int64]:
    """Return the first bin of each band, evenly spread on the mel scale."""
    top = 2595 * np.log10(1 + front.rate / 1400)
    hertz = 700 * (10 ** (np.linspace(0, top, BANDS + 1)[:-1] / 2595) - 1)
    return np.unique(np.round(hertz / (front.rate / 2) * (front.bins - 1)).astype(np.int64))


def _design(x_RD: Floats, waves: int) -> Floats:
    """Return standardised features, their random cosines (of about as many radians as features differ), and ones."""
    random, count = np.random.default_rng(0), x_RD.shape[1]
    weight_DW, phase_W = random.normal(0, count**-0.5, (count, waves)), random.uniform(0, 2 * np.pi, waves)
    return np.concatenate([x_RD, np.cos(x_RD @ weight_DW + phase_W), np.ones((len(x_RD), 1))], axis=1)
